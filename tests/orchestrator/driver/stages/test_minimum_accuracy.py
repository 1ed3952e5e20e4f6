"""A network that has learnt nothing: it is named wherever its numbers are shown, or fails where the config asks for more."""

from pathlib import Path

import pytest

from clnp_core.errors import RunFailedError
from db.reads.reads import Reads
from db.states import RunState, StageState
from orchestrator.cli.status_commands import _status_text
from orchestrator.config.config import Config
from orchestrator.render.run_summary import overview_text, results_text, run_document
from orchestrator.reports.compare import compare
from orchestrator.reports.comparison_files import cautions
from orchestrator.reports.html import page
from orchestrator.reports.report_data import gather
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, small

SAID = "is at chance level: "


def learns_nothing(minimum: str | None = None) -> Config:
    """Two tasks, of which nothing is learnt at this rate."""
    return small(benchmark={"tasks": 2}, training={"epochs": 1, "optimizer": "sgd"},
                 sweep={"learning_rate": [1e-30]}, selection={"minimum_accuracy": minimum})


def test_it_is_committed_and_named_everywhere(tmp_path: Path) -> None:
    laboratory, heard = Laboratory(tmp_path), Heard()
    assert laboratory.launch(learns_nothing(), heard).state is RunState.COMPLETED
    for task in (1, 2):
        said = f"Task {task} {SAID}"
        assert any(said in str(notice) for notice in heard.of("notice"))

        def shown(reads: Reads, said: str = said, task: int = task) -> None:
            run = reads.run("small")
            for text in (_status_text(reads, run), overview_text(reads, run), results_text(reads, run),
                         page(gather(reads, "small"), [])):
                assert said in " ".join(text.split())
            assert [found.task for found in run_document(reads, run)["at_chance"]] == [1, 2]
            assert any(event.kind == "commit" and event.message.startswith(said) for event in reads.events("small"))
            assert "small is at chance level on tasks 1, 2, which averages include." in cautions(
                compare(reads, ["small"]))

        laboratory.read(shown)


@pytest.mark.whole
def test_it_fails_the_task_where_the_config_asks_for_more(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    with pytest.raises(RunFailedError, match=naming("task 1", "selection.minimum_accuracy", 50)) as caught:
        laboratory.launch(learns_nothing("0.5"))
    assert caught.value.exit_code == 10 and "`clnp fork small --task 0 --set A.B=C`" in caught.value.hint
    stage = laboratory.read(lambda reads: reads.stage("small", 1))
    assert stage.state is StageState.FAILED and stage.failed_from is StageState.SELECTING
    assert laboratory.digests("small") == []
    with pytest.raises(RunFailedError, match=naming("task 1")):
        laboratory.resume("small")


@pytest.mark.whole
def test_what_is_accurate_enough_is_committed(tmp_path: Path) -> None:
    laboratory, heard = Laboratory(tmp_path), Heard()
    config = small(benchmark={"tasks": 1}, training={"epochs": 8}, selection={"minimum_accuracy": 0.5})
    assert laboratory.launch(config, heard).state is RunState.COMPLETED
    assert not [notice for notice in heard.of("notice") if SAID in str(notice)]


def test_off_it_is_not_recorded() -> None:
    config = small()
    assert config.selection.minimum_accuracy is None and "minimum_accuracy" not in config.resolved()["selection"]
    assert Config.from_resolved(config.resolved()) == config


def test_on_it_is_exact_and_recorded() -> None:
    config = small(selection={"minimum_accuracy": 0.55})
    assert config.resolved()["selection"]["minimum_accuracy"] == "0.55" and config.digest() != small().digest()
    assert Config.from_resolved(config.resolved()) == config
