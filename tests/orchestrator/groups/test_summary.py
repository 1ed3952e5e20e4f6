"""Mean and standard deviation over the completed runs, and over no others."""

from pathlib import Path

import pytest

from orchestrator.groups.summary import GroupSummary
from orchestrator.runs.location import Place
from tests.orchestrator.groups.conftest import place_in, write_group


def _standing(place: Place) -> GroupSummary:
    with place.reads() as reads:
        return GroupSummary.of(reads, "tiny")


def test_a_run_that_is_not_completed_is_listed_and_not_averaged_in(place: Place) -> None:
    standing = _standing(place)
    assert standing.heading == "Group tiny: 2 of 3 runs completed."
    assert standing.rows == [["tiny-seed-0", "0", "completed", "2/2", "80.00"],
                             ["tiny-seed-1", "1", "completed", "2/2", "90.00"], ["tiny-seed-2", "2", "stopped", "1/2", "-"]]
    assert (standing.mean, standing.deviation) == (pytest.approx(0.85), pytest.approx(0.1 / 2 ** 0.5))
    assert standing.sentence == ("Mean test accuracy: 85.00 ± 7.07 % (mean ± standard deviation over 2 completed runs, n = 2).")
    assert standing.next_steps == ["`clnp resume tiny` continues 1 run."]


@pytest.mark.parametrize(("committed", "sentence"), [
    ({5: 1, 6: 0}, "No run is completed yet, so there is no mean test accuracy."),
    ({1: 2, 2: 1}, "Mean test accuracy: 90.00 %, of the one run that is completed (n = 1).")])
def test_too_few_for_a_deviation(tmp_path: Path, committed: dict[int, int], sentence: str) -> None:
    place = place_in(tmp_path)
    write_group(place, committed)
    assert (_standing(place).sentence, _standing(place).deviation) == (sentence, None)
