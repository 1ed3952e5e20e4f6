"""Masking of passwords in output."""

import os
import re
from collections.abc import Iterable

ADDRESS_VARIABLES = ("CLNP_DB_URL", "CLNP_STORAGE")


def without_passwords(text: str, arguments: Iterable[str]) -> str:
    """Return the text with the passwords of URLs masked.

    Args:
        text: a message, a hint or a traceback.
        arguments: arguments of the command line, which may contain URLs; those of the environment are always masked.
    """
    words = [*arguments, *(os.environ.get(name, "") for name in ADDRESS_VARIABLES)]
    if "password" not in text.lower() and not any(":/" in part for part in (text, *words)):
        return text
    try:
        from db.url import masked  # slow import, only if needed
    except ImportError:  # a broken installation: hide more than the password
        return re.sub(r"(:/+)\S*@|(password\s*=\s*)\S+", r"\1\2***", text, flags=re.IGNORECASE)
    return masked(text, words)
