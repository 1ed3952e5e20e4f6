"""Handles on the run ``tiny``, which was launched by a real command."""

import pytest

from orchestrator import api
from tests.orchestrator.cli.conftest import Recorded, recorded

__all__ = ["recorded"]


@pytest.fixture
def place(recorded: Recorded) -> dict[str, str]:
    """The keywords that say where ``tiny`` is, from any working folder."""
    return {"url": f"sqlite:///{recorded.folder}/.clnp/clnp.db", "storage": str(recorded.folder / ".clnp" / "artifacts")}


@pytest.fixture
def tiny(place: dict[str, str]) -> api.Run:
    """The run: two tasks, two trials each."""
    return api.run("tiny", **place)
