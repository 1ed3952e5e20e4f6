"""Memory that a training gives back is kept by the process for the next step, where the C library can be told to.

A step allocates and frees the same large tensors again and again: gradients, activations. glibc returns what is larger than
some threshold to the system at once, and the system has to clear it before it gives it back, page by page. Kept, it is there.
"""

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 2**25
"""Bytes: the highest threshold that glibc accepts."""


@cache
def keep_freed_memory() -> bool:
    """Do so for the rest of the process; returns whether the C library knows how. No bit of a result depends on it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # not glibc
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
