"""Runs are compared on the same tasks: what makes these the same, and what says that they are not."""

import pytest
from sqlalchemy import Engine

from clnp_core.errors import ConfigError
from db.reads.reads import Reads
from orchestrator.reports.compare import compare
from tests.messages import naming, tells
from tests.orchestrator.reports.conftest import learnt

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
