"""Divide the trials of a plan into packs, and derive the key of a pack."""

from collections.abc import Sequence
from typing import TypeVar

from workers.spec import digest_of

Member = TypeVar("Member")


def in_packs(members: Sequence[Member], size: int) -> list[tuple[Member, ...]]:
    """Divide consecutive members into packs of ``size``; the last pack holds the rest."""
    return [tuple(members[start:start + size]) for start in range(0, len(members), size)]


def pack_key(keys: Sequence[str]) -> str:
    """Return the digest of everything that determines the results of a pack, from the keys of its trials; the key itself if
    there is only one."""
    return keys[0] if len(keys) == 1 else digest_of(list(keys))
