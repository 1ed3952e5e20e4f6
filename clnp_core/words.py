"""Format numbers with nouns."""


def plural(count: int, noun: str) -> str:
    """Return ``1 task``, ``2,000 tasks``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
