"""Which figures a report has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from db.reads.reads import Reads
from orchestrator.reports.html import _run_facts as facts_of
from orchestrator.reports.html import _selection as selection_of
from orchestrator.reports.report_charts import figures_of, least_accuracy
from orchestrator.reports.report_data import Gathered, gather
from tests.db.builders import Driver, commit
from tests.orchestrator.cli.conftest import written
from workers.methods import Method


def test_those_of_the_run_then_three_of_each_task(tiny: Gathered) -> None:
    figures = figures_of(tiny)
    of_task = ("trials", "threshold-curve", "learning")
    assert [figure.name for figure in figures] == [
        "accuracy", "capacity", *(f"task-{task}-{kind}" for task in (1, 2) for kind in of_task)]
    assert [figure.task for figure in figures] == [None, None, 1, 1, 1, 2, 2, 2] and all(figure.caption for figure in figures)


def test_a_run_that_has_chosen_nothing_yet_has_its_trials_only(hostile: Callable[[], Gathered]) -> None:
    assert [figure.name for figure in figures_of(hostile())] == ["task-1-trials"]


def test_a_method_that_prunes_nothing_has_neither_margin_nor_capacity(tmp_path: Path) -> None:
    with written(tmp_path, method=Method.SEQUENTIAL) as run:
        driver = Driver(run.store, run.lease)
        driver.select()
        run.store.record_commit(run.lease, 1, commit(1, verification={"method": "sequential"}))
        gathered = gather(Reads(run.store.engine), "demo")
    assert [figure.name for figure in figures_of(gathered)] == ["accuracy", "task-1-learning"]
    assert dict(facts_of(gathered)).keys() & {"margin"} == set()
    assert [name for name, _ in selection_of(gathered.tasks[0])] == ["chosen", "why"]


def test_an_image_is_made_once(tiny: Gathered) -> None:
    figure = figures_of(tiny)[0]
    assert figure.image("svg") is figure.image("svg") and figure.image("svg").startswith(b"<svg")
    assert figure.image("png").startswith(b"\x89PNG") and figure.image("pdf").startswith(b"%PDF")


def test_the_least_accuracy_within_the_margin_is_exact(tiny: Gathered) -> None:
    row = tiny.selections[0]
    assert least_accuracy(row) == pytest.approx((row.best_val_correct - row.val_total * 2 // 100) / row.val_total, abs=1e-12)
