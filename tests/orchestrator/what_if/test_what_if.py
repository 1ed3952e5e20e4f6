"""Questions about other margins to hand-written databases, and once to a real run and its forks."""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError, NotFoundError, StateError
from clnp_core.selection import PrunedTrial, SelectionRule, TrialVerdict, Verdict
from clnp_core.values import CurvePoint
from db.engine import open_database
from db.reads.reads import Reads
from db.records import SelectionRecord
from db.rows import SelectionRow
from db.states import RunState
from db.store.store import Store
from orchestrator.what_if.margins import canonical
from orchestrator.what_if.rescan import KeptWeights
from orchestrator.what_if.what_if import MarginPoint, ask, margin_curve, margin_points, thinned
from tests.db.builders import Driver, commit, new_run
from tests.messages import naming, tells
from tests.orchestrator.laboratory import Laboratory, small

CURVE = (CurvePoint(0.0, 182, 4), CurvePoint(0.25, 181, 7), CurvePoint(0.5, 170, 12), CurvePoint(0.75, 120, 16))
"""Of every trial: 200 validation samples, 20 hidden neurons."""

Found = tuple[float, int, int]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_database(f"sqlite:///{tmp_path / 'clnp.db'}", create=True)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def reads(store: Store) -> Reads:
    return Reads(store.engine)


def config(**changes: Any) -> dict[str, Any]:
    return {"network": {}, "selection": {"margin_points": "1", "threshold": "shared"}, **changes}


def select(driver: Driver, task: int = 1, found: tuple[Found, ...] = ((0.3, 180, 9), (0.25, 181, 7)), **changes: Any) -> None:
    """Trials 0 and 1 have 182 and 181 of 200 and were pruned (θ, count, free); trial 2 has 150. Task 1 is then COMMITTED."""
    driver.begin(task)
    for number, count in enumerate((182, 181, 150)):
        driver.finish(number, task, val_correct=count, curve=CURVE if number < 2 else (CurvePoint(0.0, 150, 18),))
    driver.store.end_sweep(driver.lease, task)
    (theta, count, free), other = found
    record = SelectionRecord(182, 200, "1", (0, 1), 0, (theta, theta), count, free, 20, "sparsest", 1.0)
    driver.store.record_selection(driver.lease, task, dataclasses.replace(record, **changes), [
        TrialVerdict(0, Verdict.CHOSEN, "sparsest", PrunedTrial(0, (theta, theta), count, free)),
        TrialVerdict(1, Verdict.SPARSER_ONE_EXISTS, "less sparse", PrunedTrial(1, (other[0],) * 2, *other[1:])),
        TrialVerdict(2, Verdict.OUTSIDE_MARGIN, "30 short")])
    driver.store.record_commit(driver.lease, task, commit(task))


@pytest.fixture
def demo(store: Store) -> Driver:
    """Three tasks, two of them selected with a margin of one point and committed."""
    driver = Driver.of_new_run(store, config=config(), margin_points="1")
    select(driver, 1)
    select(driver, 2)
    return driver


def answers(reads: Reads, margin: str, **asked: Any) -> list[tuple[int, int, int, int, bool, bool]]:
    return [(each.task, each.chosen, each.val_correct, each.free_neurons, each.exact, each.changed)
            for each in ask(reads, "demo", [Decimal(margin)], **asked).answers]


def test_the_recorded_margin_gives_the_recorded_selection(demo: Driver, reads: Reads) -> None:
    assert answers(reads, "1") == [(1, 0, 180, 9, True, False), (2, 0, 180, 9, True, False)]
    found = ask(reads, "demo", [Decimal(1)])
    assert [each.sentence for each in found.answers] == ["trial 0 as it was: 9 neurons free at 90.00 %"] * 2
    assert found.consequences[0].command is None and found.cautions == ()
    assert found.consequences[0].sentence == (
        "With a margin of 1 percentage point all 2 tasks that are selected would not change.")


def test_a_larger_margin_is_answered_from_the_curves(demo: Driver, reads: Reads) -> None:
    assert answers(reads, "6") == [(1, 0, 170, 12, False, True), (2, 0, 170, 12, False, True)]
    found = ask(reads, "demo", [Decimal(6)])
    assert found.answers[0].thresholds == (0.5, 0.5) and found.answers[0].picked == (0, 1)
    assert found.answers[0].sentence == "trial 0: at least 12 neurons free at 85.00 %, where it was 9 neurons free at 90.00 %"
    assert found.consequences[0].command == "clnp fork demo --task 0 --set selection.margin_points=6"
    assert found.consequences[0].sentence == (
        "Warning: with a margin of 6 percentage points task 1 changes. Then tasks 2 to 3 would have another base network and "
        "change, too: their answers here are for their recorded trials, on the recorded base network.")
    assert found.cautions == (
        '"at least": about 100 thresholds of each trial are recorded. The highest recorded one within the margin frees this '
        "many neurons. The exact one may be higher and free more, and then another trial may be the sparsest.",)


def test_a_smaller_margin_asks_more_of_every_trial(demo: Driver, reads: Reads) -> None:
    assert answers(reads, "0.5", task=1) == [(1, 0, 181, 7, False, True)]
    found = ask(reads, "demo", [Decimal("0.5")], 1)
    assert [(each.number, each.verdict, each.exact, each.free_neurons) for each in found.answers[0].verdicts] == [
        (0, Verdict.CHOSEN, False, 7), (1, Verdict.WORSE_TIE, True, 7), (2, Verdict.OUTSIDE_MARGIN, False, None)]


def test_only_where_one_task_is_asked_about_are_there_verdicts(demo: Driver, reads: Reads) -> None:
    assert ask(reads, "demo", [Decimal(1)]).answers[0].verdicts == ()
    found = ask(reads, "demo", [Decimal(6)], 2)
    assert len(found.answers[0].verdicts) == 3
    assert found.consequences[0].command == "clnp fork demo --task 1 --set selection.margin_points=6"
    assert found.consequences[0].sentence.endswith(
        " Tasks before task 2 were not included: if this margin changes one of them, task 2 itself would have another base "
        "network.")


def test_several_margins_have_a_consequence_each(demo: Driver, reads: Reads) -> None:
    found = ask(reads, "demo", [Decimal(6), Decimal(1)])
    assert [(each.margin_points, each.task) for each in found.answers] == [
        (Decimal(6), 1), (Decimal(6), 2), (Decimal(1), 1), (Decimal(1), 2)]
    assert [each.first_changed for each in found.consequences] == [1, None]


def test_after_the_last_task_nothing_comes(store: Store, reads: Reads) -> None:
    select(Driver.of_new_run(store, config=config(), tasks=1))
    assert ask(reads, "demo", [Decimal(6)]).consequences[0].sentence == (
        "With a margin of 6 percentage points task 1 changes; no task follows.")


@pytest.mark.parametrize("weight", ["1", "0.5"])
def test_the_other_rule_with_its_price(store: Store, reads: Reads, weight: str) -> None:
    """With w = m the price follows the margin; another recorded price stays."""
    follows = {"rule": "trade-off", "capacity_weight_points": None if weight == "1" else weight, "margin_points": "1"}
    driver = Driver.of_new_run(store, config=config(selection=follows))
    select(driver, found=((0.3, 181, 9), (0.25, 181, 7)), rule=SelectionRule.TRADE_OFF, capacity_weight_points=weight)
    recorded, larger = ask(reads, "demo", [Decimal(1), Decimal(6)]).answers
    assert recorded.exact and not recorded.changed and recorded.capacity_weight_points == weight
    assert larger.capacity_weight_points == ("6" if weight == "1" else weight)
    assert not larger.exact and larger.chosen == 0
    # 4 of 20 free or 7: 0.45 fair shares of 3 tasks, worth 2.7 points at w = 6 and 0.2 at 0.5; a sample is 0.5 points.
    assert larger.free_neurons == (7 if weight == "1" else 4)
    assert ask(reads, "demo", [Decimal(6)]).cautions[0].startswith('"about": the trade-off was computed for the recorded')


def test_one_threshold_per_layer_is_said(store: Store, reads: Reads) -> None:
    driver = Driver.of_new_run(store, config=config(selection={"threshold": "per-layer", "curve_points": 7}))
    select(driver)
    cautions = ask(reads, "demo", [Decimal(6)]).cautions
    assert "about 7 thresholds of each trial are recorded" in cautions[0]
    assert cautions[1].startswith("The recorded curves have one threshold for all layers.")


@pytest.mark.parametrize(("section", "caution"), [
    ({"fine_tuning": {"epochs": 3}}, "The run fine-tunes the pruned network."),
    ({"sweep": {"sampler": "tpe"}}, "The sampler tpe drew the trials. A fork draws its own")])
def test_what_is_not_predicted_is_said(store: Store, reads: Reads, section: dict[str, Any], caution: str) -> None:
    select(Driver.of_new_run(store, config=config(**section)))
    assert ask(reads, "demo", [Decimal(1)]).cautions[0].startswith(caution)


def test_a_task_that_a_fork_took_over_is_judged_as_it_was_learnt(demo: Driver, store: Store, reads: Reads) -> None:
    per_layer = config(selection={"threshold": "per-layer"})
    store.fork_run("demo", 1, new_run(name="child", config=per_layer, margin_points="4"))
    found = ask(reads, "child", [Decimal(6)])
    assert found.consequences[0].command == "clnp fork demo --task 0 --set selection.margin_points=6"
    assert found.cautions[1:] == ("Task 1 was inherited from run demo, whose config is used for it.",)
    store.release_lease(demo.lease)
    store.remove_run("demo")
    found = ask(reads, "child", [Decimal(6)])
    assert found.consequences[0].command == "clnp fork child --task 0 --set selection.margin_points=6"


def test_the_curve_says_what_every_margin_says(demo: Driver, reads: Reads) -> None:
    points = margin_curve(reads, "demo")
    assert [(str(p.margin_points), p.chosen, p.val_accuracy, p.free_neurons, p.exact, p.recorded) for p in points
            if p.task == 1] == [
        ("0", 0, 0.91, 4, False, False), ("0.5", 0, 0.905, 7, False, False), ("1", 0, 0.9, 9, True, True),
        ("1.5", 0, 0.9, 9, False, False), ("6", 0, 0.85, 12, False, False), ("16", 2, 0.75, 18, False, False)]
    assert {p.free_fraction for p in points if p.free_neurons == 9} == {0.45}
    for point in points:
        answer = ask(reads, "demo", [point.margin_points], point.task).answers[0]
        assert (answer.chosen, answer.val_accuracy, answer.free_neurons, answer.exact) == (
            point.chosen, point.val_accuracy, point.free_neurons, point.exact)
    assert margin_curve(reads, "demo", 2) == tuple(point for point in points if point.task == 2)


def test_a_thinned_curve_keeps_its_ends_and_the_recorded_margin() -> None:
    points = [MarginPoint(task, Decimal(place), 0, 0.9, place, place / 100, False, place == 37)
              for task in (1, 2) for place in range(100)]
    kept = thinned(points, 5)
    assert [int(point.margin_points) for point in kept] == [0, 25, 37, 50, 74, 99] * 2
    assert [point.task for point in kept] == [1] * 6 + [2] * 6
    assert thinned(points, 200) == tuple(points) and thinned([], 5) == ()


@pytest.mark.parametrize("text", ["-1", "101", "nan", "", "1e-3", "0,5", "100.01", "\u0661", "0." + "1" * 21])
def test_what_is_no_margin(text: str) -> None:
    with pytest.raises(ConfigError, match=naming(0, 100)) as caught:
        margin_points(text)
    assert tells(caught.value, f"{text!r}", 0, 100)
    assert "percentage points" in caught.value.hint


@pytest.mark.parametrize(("text", "recorded"), [("0.50", "0.5"), ("100", "100"), ("10.0", "10"), ("0", "0"), ("00.05", "0.05")])
def test_a_margin_as_it_is_recorded(text: str, recorded: str) -> None:
    assert str(margin_points(text)) == canonical(margin_points(text)) == recorded


def test_errors_say_what_is_missing(demo: Driver, store: Store, reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("dem")):
        ask(reads, "dem", [Decimal(1)])
    with pytest.raises(NotFoundError, match=naming("demo", "task 9")):
        margin_curve(reads, "demo", 9)
    with pytest.raises(StateError, match=naming("task 3", "demo")):
        ask(reads, "demo", [Decimal(1)], 3)
    store.create_run(new_run(name="fresh"))
    with pytest.raises(StateError, match=naming("fresh")):
        margin_curve(reads, "fresh")


@pytest.mark.slow
@pytest.mark.parametrize("selection", [
    {"threshold": "shared"}, {"threshold": "per-layer"}, {"rule": "trade-off"},
    {"rule": "trade-off", "capacity_weight_points": 3}])
def test_a_fork_with_another_margin_chooses_what_was_said(tmp_path: Path, selection: dict[str, Any]) -> None:
    laboratory = Laboratory(tmp_path)
    made = small(benchmark={"tasks": 1}, training={"epochs": 6}, sweep={"alpha": [1e-4, 1e-3]}, storage={"keep_trials": "all"},
                 selection={"margin_points": 5, **selection})
    assert laboratory.launch(made).state is RunState.COMPLETED

    def question(reads: Reads, margin: str, exact: bool) -> Any:
        scan = KeptWeights(reads, "small", laboratory.storage, lambda text: None) if exact else None
        return ask(reads, "small", [Decimal(margin)], 1, scan).answers[0]

    def selection_of(name: str, reads: Reads) -> SelectionRow:
        return reads.selections(name)[0]

    recorded = laboratory.read(partial(selection_of, "small"))
    again = laboratory.read(lambda reads: question(reads, "5", False))
    assert again.exact and not again.changed and again.thresholds == recorded.thresholds
    for margin in ("0.5", "2", "12"):
        told, exact = (laboratory.read(partial(question, margin=margin, exact=scanned)) for scanned in (False, True))
        fork = laboratory.fork("small", 0, overrides=[f"selection.margin_points={margin}"])
        real = laboratory.read(partial(selection_of, fork.name))
        assert exact.exact
        assert (exact.chosen, exact.thresholds, exact.val_correct, exact.free_neurons, exact.picked) == (
            real.chosen, real.thresholds, real.pruned_val_correct, real.free_neurons, real.picked)
        if "rule" not in selection and selection["threshold"] == "shared":
            assert told.free_neurons <= real.free_neurons
