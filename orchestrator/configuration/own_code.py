"""What a configuration says of the user's own code: where it is, and what it is called with."""

import math
import re
from typing import Any

from orchestrator.config.errors import show

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
"""``module:callable``, both with dots where they need them."""

_MAX_JSON_INT = 2**63 - 1


def json_value(value: Any, where: str, depth: int = 1) -> Any:
    """A copy of a value that JSON can hold, so that it can be recorded and sent to workers unchanged.

    Raises:
        ValueError: JSON cannot hold it; with what, where and how to mend it.
    """
    if depth > 20:
        raise ValueError(f"{where} is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_JSON_INT:
            raise ValueError(f"{where} is beyond 64 bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, not {value}")
        return value
    if isinstance(value, list | tuple):
        return [json_value(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {show(key)}, which is not text\nput it in quotes")
        return {key: json_value(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise ValueError(f"{where} is a {type(value).__name__}, which JSON cannot hold")
