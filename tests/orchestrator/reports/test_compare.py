"""Runs held against each other, from records of which every number is known."""

import dataclasses
from fractions import Fraction

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from clnp_core.errors import ConfigError, NotFoundError
from db.reads.reads import Reads
from orchestrator.cli.compare_command import comparison_text
from orchestrator.reports.compare import compare
from orchestrator.reports.comparison_files import cautions
from orchestrator.reports.measure import measure
from tests.messages import naming, tells
from tests.orchestrator.reports.conftest import learnt
from workers.spec import digest_of


def test_one_run_in_numbers(engine: Engine) -> None:
    learnt(engine, "one", 1, [[270], [240, 285]])
    found = measure(Reads(engine), "one", {2: (270, 300)})
    assert found.metrics is not None
    assert found.metrics.average_accuracy == pytest.approx(0.875)
    assert found.metrics.backward_transfer_points == pytest.approx(-10)
    assert found.metrics.forward_transfer_points == pytest.approx(5)
    assert found.graceful_loss_points == pytest.approx(1)  # 182 of 200 before the pruning, 180 after it
    assert found.used_percent == pytest.approx((50, 50))
    assert found.val_accuracy == pytest.approx((0.8 + 0.95) / 2)
    assert found.parameters == 6 * (64 + 1) + 2 * (3 + 1) + 2 * (6 + 1) + 4 * 10  # three and two neurons for each of two tasks
    cost = found.cost
    assert cost.trial_seconds == pytest.approx(6 * 5.5)
    assert cost.gpu_seconds == pytest.approx(cost.trial_seconds + cost.scan_seconds + cost.commit_seconds)
    assert cost.scan_seconds > 0 and cost.commit_seconds > 0 and cost.cpu_seconds == 0
    assert found.counts


def test_seeds_that_both_have_are_compared_in_pairs(engine: Engine) -> None:
    for seed in range(6):
        learnt(engine, f"a-{seed}", seed, [[280 + seed]], group="a")
        learnt(engine, f"b-{seed}", seed, [[270 + seed]], method="ewc", group="b")
    found = compare(Reads(engine), ["a", "b"])
    first, second = found.sides
    assert (first.summaries["average_accuracy_percent"].n, second.method) == (6, "ewc")
    assert first.summaries["average_accuracy_percent"].mean == pytest.approx(100 * 282.5 / 300)
    assert second.summaries["graceful_loss_points"].mean is None
    assert found.claims == ("a is 3.33 points better than b on average, better in 6 of 6 seeds (exact paired permutation test, "
                            "p = 0.03125, below 0.05).",)


def test_ties_are_told_from_counts_and_not_from_rounded_numbers(engine: Engine) -> None:
    for seed, (first, second) in enumerate([((97, 101), (100, 95)), ((299, 2), (1, 299)), ((7, 4), (5, 5)), ((2, 3), (2, 5))]):
        learnt(engine, f"a-{seed}", seed, [[first[0]], list(first)], group="a")
        learnt(engine, f"b-{seed}", seed, [[second[0]], list(second)], method="ewc", group="b")
    values = [[side.runs[seed].exact_accuracy for seed in range(4)] for side in compare(Reads(engine), ["a", "b"]).sides]
    assert values == [[Fraction(198, 600), Fraction(301, 600), Fraction(11, 600), Fraction(5, 600)],
                      [Fraction(195, 600), Fraction(300, 600), Fraction(10, 600), Fraction(7, 600)]]
    [said] = compare(Reads(engine), ["a", "b"]).claims
    # Differences of 3, 1, 1 and -2 of 600: of 8 dealings with +3 first five are at least as far from 0 as 3, two of them 3.
    assert "p = 0.625" in said


def test_a_run_is_not_held_against_itself(engine: Engine) -> None:
    learnt(engine, "a-0", 0, [[280]], group="a")
    with pytest.raises(ConfigError, match=naming(0)):
        compare(Reads(engine), ["a", "a-0"])


def test_few_seeds_support_no_claim(engine: Engine) -> None:
    learnt(engine, "a", 0, [[280]])
    learnt(engine, "b", 0, [[270]])
    [said] = compare(Reads(engine), ["a", "b"]).claims
    assert "one seed supports no claim about the methods" in said


def test_a_run_that_is_not_completed_is_named_and_not_averaged(engine: Engine) -> None:
    learnt(engine, "a-0", 0, [[280], [280, 280]], group="a")
    learnt(engine, "a-1", 1, [[10]], tasks=2, group="a")
    found = compare(Reads(engine), ["a"])
    [side] = found.sides
    summary = side.summaries["average_accuracy_percent"]
    assert (summary.n, summary.missing) == (1, (1,))
    assert summary.mean == pytest.approx(100 * 280 / 300)
    text = comparison_text(found, None)
    assert "a-1 is stopped with 1 of 2 tasks learnt: it is not averaged." in text
    assert "1 of 2" in text


def test_forward_transfer_is_against_the_run_from_scratch_with_the_same_seed(engine: Engine) -> None:
    learnt(engine, "own", 3, [[280], [280, 290]])
    learnt(engine, "alone", 3, [[270], [270, 260]], method="scratch")
    own, alone = compare(Reads(engine), ["own", "alone"]).sides
    assert own.summaries["forward_transfer_points"].mean == pytest.approx(10)
    assert alone.summaries["forward_transfer_points"].mean is None, "against itself it has none"
    assert alone.summaries["backward_transfer_points"].mean == 0


def test_what_cannot_be_compared(engine: Engine) -> None:
    learnt(engine, "a", 0, [[280]])
    learnt(engine, "b", 0, [[280], [280, 280]])
    learnt(engine, "c-0", 0, [[280]], group="c")
    learnt(engine, "c-1", 0, [[280]], group="c")
    learnt(engine, "d-0", 0, [[280]], group="d")
    learnt(engine, "d-1", 1, [[280]], group="d", method="ewc")
    reads = Reads(engine)
    with pytest.raises(NotFoundError, match=naming("nobody")):
        compare(reads, ["a", "nobody"])
    with pytest.raises(ConfigError, match=naming("twice")):
        compare(reads, ["a", "a"])
    with pytest.raises(ConfigError, match=naming(2, 1)):
        compare(reads, ["a", "b"])
    with pytest.raises(ConfigError, match=naming("same seed")):
        compare(reads, ["c"])
    with pytest.raises(ConfigError, match=naming("several methods")):
        compare(reads, ["d"])


class TestAfterATask:
    """Runs held against each other as they were after a task, whatever has become of them since."""

    def test_only_what_was_learnt_until_then_counts(self, engine: Engine) -> None:
        learnt(engine, "whole", 1, [[270], [240, 285], [150, 200, 290]])
        then, alone = measure(Reads(engine), "whole", after_task=2), measure(Reads(engine), "whole")
        assert then.metrics is not None and then.metrics.average_accuracy == pytest.approx(0.875)
        assert (then.tasks, then.tasks_learnt, then.counts) == (2, 2, True)
        assert then.used_percent == pytest.approx((50, 50)) and then.used_percent != alone.used_percent
        assert then.val_accuracy == pytest.approx((0.8 + 0.95) / 2)
        assert then.cost.trial_seconds == pytest.approx(alone.cost.trial_seconds * 2 / 3)
        assert then.parameters is not None and alone.parameters is not None and then.parameters < alone.parameters

    def test_a_run_under_way_counts_and_one_that_has_not_got_so_far_does_not(self, engine: Engine) -> None:
        learnt(engine, "a-1", 1, [[270], [240, 285]], tasks=5, group="a")
        learnt(engine, "a-2", 2, [[270]], tasks=5, group="a")
        learnt(engine, "b-1", 1, [[260], [200, 280]], tasks=5, method="ewc", group="b")
        found = compare(Reads(engine), ["a", "b"], after_task=2)
        assert [side.summaries["average_accuracy_percent"].n for side in found.sides] == [1, 1]
        assert "one seed supports no claim about the methods" in found.claims[0]
        said = comparison_text(found, None)
        assert "Everything is measured after 2 tasks; later tasks are ignored." in said
        assert "a-2 is stopped with 1 of 2 tasks learnt: it is not averaged." in said
        assert compare(Reads(engine), ["a", "b"]).sides[0].summaries["average_accuracy_percent"].n == 0

    def test_what_has_no_such_task(self, engine: Engine) -> None:
        learnt(engine, "short", 1, [[270], [240, 285]])
        learnt(engine, "joint", 1, [[240, 285]], tasks=2, method="joint", first_task=2, split=digest_of(["split", "split"]))
        with pytest.raises(ConfigError, match=naming(2, 3)):
            compare(Reads(engine), ["short"], after_task=3)
        with pytest.raises(ConfigError, match=naming(2, 1)):
            compare(Reads(engine), ["joint"], after_task=1)
        assert [side.runs[0].counts for side in compare(Reads(engine), ["short", "joint"], after_task=2).sides] == [True, True]


def test_runs_that_were_made_otherwise_are_told_apart(engine: Engine) -> None:
    for name, method in (("a", "clnp"), ("b", "ewc"), ("c", "si")):
        learnt(engine, name, 1, [[270]], method=method)
    found = compare(Reads(engine), ["a", "b", "c"])
    sides = [dataclasses.replace(side, runs=tuple(dataclasses.replace(run, environment={"device": device, "torch": "2"})
                                                  for run in side.runs))
             for side, device in zip(found.sides, ("cpu", "H100", "cpu"), strict=True)]
    assert cautions(dataclasses.replace(found, sides=tuple(sides))) == [
        "Not all runs have the same device: cpu (a, c); H100 (b)."]


def test_a_trial_that_failed_before_it_had_a_device_moves_no_seconds(engine: Engine) -> None:
    learnt(engine, "first", 1, [[270]])
    with Session(engine) as session:
        last = session.execute(text("SELECT max(id) FROM clnp_trials")).scalar_one()
        session.execute(text("UPDATE clnp_trials SET device = NULL WHERE id = :last"), {"last": last})
        session.commit()
    cost = measure(Reads(engine), "first").cost
    assert cost.cpu_seconds == 0 and cost.gpu_seconds > 0


def test_a_trial_that_was_taken_over_cost_nothing(engine: Engine) -> None:
    learnt(engine, "first", 1, [[270]])
    before = measure(Reads(engine), "first").cost
    with Session(engine) as session:
        session.execute(text("UPDATE clnp_trials SET reused_from = 'another'"))
        session.commit()
    after = measure(Reads(engine), "first").cost
    assert after.trial_seconds == 0 and after.commit_seconds == before.commit_seconds > 0


ROWS = [[270], [240, 285]]


def test_more_tasks_than_are_compared_make_no_difference(engine: Engine) -> None:
    learnt(engine, "short", 1, ROWS)
    learnt(engine, "long", 1, [*ROWS, [200, 240, 290]], tasks=5)
    found = compare(Reads(engine), ["short", "long"], after_task=2)
    assert [side.summaries["average_accuracy_percent"].n for side in found.sides] == [1, 1]
    with pytest.raises(ConfigError) as refused:
        compare(Reads(engine), ["short", "long"])
    assert tells(refused.value, 5, 2, "--after-task 2")


@pytest.mark.parametrize(("key", "value"), [
    ("validation_fraction", 0.2), ("class_order", "seed"), ("samples_per_class", 100), ("params", {"noise": 0.1})])
def test_every_key_that_determines_the_data_counts(engine: Engine, key: str, value: object) -> None:
    learnt(engine, "a", 1, ROWS)
    learnt(engine, "b", 2, ROWS, **{key: value})
    with pytest.raises(ConfigError, match=naming(key)):
        compare(Reads(engine), ["a", "b"], after_task=1)


def test_a_key_that_an_older_config_lacks_is_its_default(engine: Engine) -> None:
    learnt(engine, "a", 1, ROWS)
    learnt(engine, "b", 2, ROWS, params={}, validation_fraction=None, class_order="index", samples_per_class=None)
    assert compare(Reads(engine), ["a", "b"]).sides


def test_runs_of_one_seed_have_the_data_that_was_recorded(engine: Engine) -> None:
    learnt(engine, "a", 1, ROWS)
    learnt(engine, "other-data", 1, ROWS, split="another")
    learnt(engine, "other-seed", 2, ROWS, split="another")
    assert compare(Reads(engine), ["a", "other-seed"]).sides
    with pytest.raises(ConfigError, match=naming("task 1")):
        compare(Reads(engine), ["a", "other-data"])
