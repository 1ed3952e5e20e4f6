"""What an error has to say: its facts (names, numbers, keys, options, commands), whatever the sentence around them.

Sentences themselves are compared in a few places only: the transcripts of ``docs/cli.md``, and
``tests/orchestrator/cli/golden_errors.txt``.
"""

import re

from clnp_core.errors import ClnpError


def naming(*facts: object) -> str:
    """Return a regular expression for ``pytest.raises(match=...)``: a text that contains every fact as words of its own, in
    any order."""
    return "(?s)" + "".join(rf"(?=.*(?<![A-Za-z0-9]){re.escape(str(fact))}(?![A-Za-z0-9]))" for fact in facts)


def tells(error: ClnpError, *facts: object) -> bool:
    """Return whether an error says what is wrong and how to fix it, and its text contains every fact."""
    return bool(error.message.strip() and error.hint.strip() and re.search(naming(*facts), str(error)))
