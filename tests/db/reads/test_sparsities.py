"""The one query over all curves of a task gives what reading every curve would give."""

from decimal import Decimal

import pytest

from clnp_core.errors import NotFoundError
from clnp_core.values import CurvePoint
from db.reads.curves import PrunedPoint, pruned_within_margin
from db.reads.reads import Reads
from orchestrator.runs.optuna_export import sparsity_within_margin
from tests.db.builders import Driver
from tests.messages import naming

CURVES = (
    (CurvePoint(0.0, 180, 2), CurvePoint(0.1, 179, 5), CurvePoint(0.2, 178, 7), CurvePoint(0.3, 179, 7),
     CurvePoint(0.4, 177, 11)),
    (CurvePoint(0.0, 150, 1), CurvePoint(0.5, 190, 4), CurvePoint(0.9, 20, 20)),
    (CurvePoint(0.0, 150, 3), CurvePoint(0.5, 10, 9)))
"""Of trials with 180, 181 and 182 of 200 correct; no point of the last is within a margin of 1."""


def _sweep(driver: Driver) -> None:
    driver.begin(trials=4)
    for number, curve in enumerate(CURVES):
        driver.finish(number, curve=curve)


def test_the_sparsest_point_within_the_margin_and_among_equals_the_most_accurate(driver: Driver, reads: Reads) -> None:
    _sweep(driver)
    assert pruned_within_margin(reads, "demo", 1, "1") == {0: PrunedPoint(179, 7), 1: PrunedPoint(190, 4)}


@pytest.mark.parametrize(("margin", "expected"), [
    ("0", {0: PrunedPoint(180, 2), 1: PrunedPoint(190, 4)}),
    ("0.49", {0: PrunedPoint(180, 2), 1: PrunedPoint(190, 4)}),
    ("0.5", {0: PrunedPoint(179, 7), 1: PrunedPoint(190, 4)}),
    ("1.5", {0: PrunedPoint(177, 11), 1: PrunedPoint(190, 4)}),
    ("100", {0: PrunedPoint(177, 11), 1: PrunedPoint(20, 20), 2: PrunedPoint(10, 9)})])
def test_the_margin_is_exact(driver: Driver, reads: Reads, margin: str, expected: dict[int, PrunedPoint]) -> None:
    _sweep(driver)
    assert pruned_within_margin(reads, "demo", 1, margin) == expected


@pytest.mark.parametrize("margin", ["0", "0.5", "1", "3.7", "50"])
def test_it_is_what_the_curves_say_one_by_one(driver: Driver, reads: Reads, margin: str) -> None:
    _sweep(driver)
    found = pruned_within_margin(reads, "demo", 1, margin)
    for trial in reads.trials("demo", 1)[:3]:
        one = sparsity_within_margin(trial, reads.threshold_curve("demo", 1, trial.number), Decimal(margin))
        assert (found[trial.number].free_neurons if trial.number in found else 0) / (trial.hidden_total or 1) == one


def test_of_one_task_only_and_nothing_before_its_data_are_known(driver: Driver, reads: Reads) -> None:
    driver.commit(1)
    driver.begin(2)
    assert set(pruned_within_margin(reads, "demo", 1, "100")) == {0, 1, 2}
    assert pruned_within_margin(reads, "demo", 2, "100") == {} == pruned_within_margin(reads, "demo", 3, "100")


def test_what_is_not_there_is_named(driver: Driver, reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("dema")):
        pruned_within_margin(reads, "dema", 1, "1")
    with pytest.raises(NotFoundError, match=naming("task 9")):
        pruned_within_margin(reads, "demo", 9, "1")
