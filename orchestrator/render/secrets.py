"""Passwords in texts that people see: masked before anything is printed or answered."""

import os
import re
from collections.abc import Iterable

ADDRESS_VARIABLES = ("CLNP_DB_URL", "CLNP_STORAGE")


def without_passwords(text: str, arguments: Iterable[str]) -> str:
    """The text with the passwords of addresses masked.

    Args:
        text: a message, a hint or a traceback.
        arguments: of the command line; the environment's addresses are known without being named.
    """
    words = [*arguments, *(os.environ.get(name, "") for name in ADDRESS_VARIABLES)]
    if "password" not in text.lower() and not any(":/" in part for part in (text, *words)):
        return text
    try:
        from db.url import masked  # a fifth of a second, for texts that need it
    except ImportError:  # a broken installation: then more than the password is hidden
        return re.sub(r"(:/+)\S*@|(password\s*=\s*)\S+", r"\1\2***", text, flags=re.IGNORECASE)
    return masked(text, words)
