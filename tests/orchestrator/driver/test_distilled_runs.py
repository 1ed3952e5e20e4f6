"""Runs with teachers, distillation and a search, on a real Ray."""

from pathlib import Path

import pytest

from clnp_core.values import TrialRole
from db.states import RunState
from orchestrator.config.config import load
from tests.orchestrator.cli.conftest import run
from tests.orchestrator.laboratory import Heard, Laboratory

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"

KINDS = '''
import torch
from clnp import Samples, TaskData

class Kinds:
    tasks = 1

    def task(self, number):
        inputs = torch.arange(64 * 4).reshape(64, 4) % 5
        samples = Samples(inputs.to(torch.uint8), inputs[:, 0] % 2)
        return TaskData(samples, samples, samples, 2)

def make(seed):
    return Kinds()
'''

CONFIG = """
name: kinds
benchmark: {name: "kinds:make", tasks: 1}
network: {hidden: [4]}
training: {epochs: 1}
sweep: {alpha: [0.1], learning_rate: [0.1]}
selection: {margin_points: 1}
teachers: {epochs: 1}
fine_tuning: {epochs: 1, distillation: {}}
"""


@pytest.mark.slow
@pytest.mark.usefixtures("ray_with_logical_gpus")
def test_the_experiment_on_digits_in_one_task(tmp_path: Path) -> None:
    """Two teachers are better than the trial, the network learns from them, and deep cuts stay within their margin."""
    lab, heard = Laboratory(tmp_path, "ray"), Heard()
    overrides = ["benchmark.tasks=1", "teachers.epochs=40", "fine_tuning.search.patience=1", "storage.keep_trials=none"]
    launched = lab.launch(load(EXPERIMENTS / "permuted-digits-distilled.yaml", overrides), heard)
    assert launched.state is RunState.COMPLETED
    commit, = lab.read(lambda reads: reads.commits(launched.name))
    selection, = lab.read(lambda reads: reads.selections(launched.name))
    search, (only,) = commit.search, commit.fine_tuning
    teachers = lab.read(lambda reads: reads.trials(launched.name, 1, role=TrialRole.TEACHER))
    assert only.teachers == len(teachers) == 2
    assert search is not None and search.reference == "teachers"
    assert search.reference_val_correct >= max(row.val_correct for row in teachers) >= selection.best_val_correct
    assert search.within_margin and sum(search.candidates[search.chosen].neurons) < 0.6 * sum(search.candidates[0].neurons)
    assert commit.val_correct >= search.required_val_correct
    assert all(not lab.artifact(row.artifact_digest).exists() for row in teachers), "their weights go after the commit"
    assert any("distilled from 2 teachers" in text for text in heard.of("notice"))


@pytest.mark.slow
def test_inputs_that_are_whole_numbers_are_not_mixed(tmp_path: Path) -> None:
    """Refused before anything trains; without mixing they are distilled like others."""
    (tmp_path / "kinds.py").write_text(KINDS, encoding="utf-8")
    (tmp_path / "kinds.yaml").write_text(CONFIG, encoding="utf-8")
    refused = run(tmp_path, "launch", "kinds.yaml")
    assert refused.code == 2
    assert "gives its inputs as whole numbers or booleans, and mixing averages inputs" in refused.err
    assert "fine_tuning.distillation.mixing to 0" in refused.err
    assert Laboratory(tmp_path / ".clnp", "ray").trials("kinds") == []
    allowed = run(tmp_path, "launch", "kinds.yaml", "--name", "plain", "--set", "fine_tuning.distillation.mixing=0")
    assert allowed.code == 0, allowed.err
