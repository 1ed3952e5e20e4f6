"""What a report is made from."""

import dataclasses
from typing import Any

import pytest

from clnp_core.errors import NotFoundError
from clnp_core.selection import Verdict
from db.reads.reads import Reads
from db.rows import TrialRow
from orchestrator.reports.report_data import Gathered, best_first, gather
from tests.messages import naming


def test_a_run_is_read_whole(reads: Reads, tiny: Gathered) -> None:
    assert [part.stage.task for part in tiny.tasks] == [1, 2]
    assert tiny.trials == reads.trials("tiny") and tiny.selections == reads.selections("tiny")
    assert tiny.commits == reads.commits("tiny") and tiny.claim.verified
    for part in tiny.tasks:
        assert part.chosen is not None and part.selection is not None
        assert part.curve == reads.threshold_curve("tiny", part.stage.task, part.selection.chosen)
        assert part.trials[0] == part.chosen and {point.number for point in part.points} == {0, 1}


def test_a_run_that_is_not_there(reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("tony")):
        gather(reads, "tony")


def test_the_best_come_first(tiny: Gathered) -> None:
    def trial(number: int, verdict: Verdict | None, free: int | None, pruned: int | None, correct: int | None) -> TrialRow:
        values: dict[str, Any] = {"number": number, "verdict": verdict, "free_neurons": free, "pruned_val_correct": pruned,
                                  "val_correct": correct}
        return dataclasses.replace(tiny.trials[0], **values)

    rows = [trial(0, Verdict.FAILED, None, None, None), trial(1, Verdict.OUTSIDE_MARGIN, None, None, 80),
            trial(2, Verdict.OUTSIDE_MARGIN, None, None, 85), trial(3, Verdict.WORSE_TIE, 9, 90, 91),
            trial(4, Verdict.CHOSEN, 9, 90, 91), trial(5, Verdict.SPARSER_ONE_EXISTS, 7, 95, 96),
            trial(6, Verdict.SPARSER_ONE_EXISTS, 7, 96, 96)]
    assert [row.number for row in best_first(rows)] == [4, 3, 6, 5, 2, 1, 0]
