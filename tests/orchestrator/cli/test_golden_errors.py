"""The sentences of the errors that users see most often."""

import pytest

from tests.orchestrator.cli.golden_errors import FILE, transcript


def test_the_most_frequent_errors_read_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert transcript() == FILE.read_text(encoding="utf-8"), (
        "if the new wording is meant, `python -m tests.orchestrator.cli.golden_errors` records it")
