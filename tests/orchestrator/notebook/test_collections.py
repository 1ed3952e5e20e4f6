"""The handle of a group, and what it says of itself."""

from pathlib import Path

import pytest

from clnp_core.errors import NotFoundError, StateError
from orchestrator import api
from orchestrator.runs.location import Place
from tests.messages import naming
from tests.orchestrator.groups.conftest import place_in, write_group


@pytest.fixture
def lab(tmp_path: Path) -> Place:
    """Two runs completed, one stopped."""
    place = place_in(tmp_path)
    write_group(place, {0: 2, 1: 2, 2: 1})
    return place


def test_it_shows_itself(lab: Place) -> None:
    group = api.group("tiny", url=lab.url)
    assert repr(group).splitlines()[0] == "Group tiny: 2 of 3 runs completed."
    assert repr(group).splitlines()[-2:] == [
        "Mean test accuracy: 85.00 ± 7.07 % (mean ± standard deviation over 2 completed runs, n = 2).",
        "`clnp resume tiny` continues 1 run."]
    assert "<td" in group._repr_html_()


def test_its_runs_and_their_accuracies(lab: Place) -> None:
    group = api.group("tiny", url=lab.url)
    assert [run.name for run in group.runs] == ["tiny-seed-0", "tiny-seed-1", "tiny-seed-2"]
    assert group.runs.names == api.runs("tiny", url=lab.url).names
    assert group.accuracy_matrix().loc["tiny-seed-1"].loc[2].tolist() == [0.9, 0.9]
    assert len(group.evaluations()) == 7


def test_what_can_be_done_with_it(lab: Place) -> None:
    group = api.group("tiny", url=lab.url)
    with pytest.raises(StateError, match=naming("tiny")):
        group.stop()
    assert group.cancel() == ["tiny-seed-2"]
    assert group.resume() is group
    with pytest.raises(NotFoundError, match=naming("tiny-seed-0")):
        api.group("tiny-seed-0", url=lab.url)
