"""Figures by name, from a database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clnp_core.errors import NotFoundError
from db.engine import open_database
from db.reads.reads import Reads
from orchestrator.figures.registry import (
    RUN_FIGURES,
    STAGE_FIGURES,
    TRIAL_FIGURES,
    run_figure,
    stage_figure,
    trial_figure,
)
from tests.messages import naming
from tests.orchestrator.cli.conftest import Recorded, written
from tests.orchestrator.figures.rows import checked, data_of


@pytest.fixture
def reads(recorded: Recorded) -> Iterator[Reads]:
    """Of the real run ``tiny``."""
    engine = open_database(f"sqlite:///{recorded.folder / '.clnp' / 'clnp.db'}")
    yield Reads(engine)
    engine.dispose()


def test_every_name_gives_a_valid_figure_of_a_real_run(reads: Reads) -> None:
    charts = [*(run_figure(reads, "tiny", name) for name in RUN_FIGURES),
              *(stage_figure(reads, "tiny", 2, name) for name in STAGE_FIGURES if name != "search"),
              *(trial_figure(reads, "tiny", 1, 0, name) for name in TRIAL_FIGURES)]
    assert len([checked(chart) for chart in charts]) == 5


def test_they_show_what_is_recorded(reads: Reads) -> None:
    cells = data_of(checked(run_figure(reads, "tiny", "accuracy"))["layer"][0])
    assert [row["accuracy"] / 100 for row in cells] == pytest.approx(
        [cell.test_accuracy for cell in reads.accuracy_matrix("tiny")])
    marks = data_of(checked(stage_figure(reads, "tiny", 1, "trials"))["layer"][2])
    assert marks[-1]["number"] == reads.selections("tiny", 1)[0].chosen and len(marks) == 2


def test_an_unknown_name_lists_those_that_there_are(reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("accurracy")):
        run_figure(reads, "tiny", "accurracy")
    with pytest.raises(NotFoundError, match=naming("trial")):
        stage_figure(reads, "tiny", 1, "trial")
    with pytest.raises(NotFoundError):
        trial_figure(reads, "tiny", 1, 0, "curve")


def test_what_is_not_there_is_named(reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("tony")):
        run_figure(reads, "tony", "accuracy")
    with pytest.raises(NotFoundError, match=naming("task 7")):
        stage_figure(reads, "tiny", 7, "trials")
    with pytest.raises(NotFoundError, match=naming("task 2", "search")):
        stage_figure(reads, "tiny", 2, "search")
    with pytest.raises(NotFoundError, match=naming("trial 7")):
        trial_figure(reads, "tiny", 1, 7, "learning")


def test_a_figure_of_what_is_not_recorded_yet_says_so(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        reads = Reads(run.store.engine)
        for name in RUN_FIGURES:
            with pytest.raises(NotFoundError, match=naming("demo")):
                run_figure(reads, "demo", name)
        with pytest.raises(NotFoundError, match=naming("task 1", "demo")):
            stage_figure(reads, "demo", 1, "trials")
        with pytest.raises(NotFoundError, match=naming("trial 0", "task 1", "demo")):
            trial_figure(reads, "demo", 1, 0, "threshold-curve")
        with pytest.raises(NotFoundError):
            trial_figure(reads, "demo", 1, 0, "learning")
        run.finish(1)
        points = data_of(checked(stage_figure(reads, "demo", 1, "trials"))["layer"][0])
        assert [(row["number"], row["group"]) for row in points] == [(1, "not judged yet")]
        checked(trial_figure(reads, "demo", 1, 1, "threshold-curve"))
