"""launch --dry-run: the plan, and nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.orchestrator.cli.conftest import ROOT, TINY, Outcome

Clnp = Callable[..., Outcome]


def _write(folder: Path, **changes: Any) -> None:
    (folder / "plan.yaml").write_text(yaml.safe_dump({**TINY, **changes}))


def test_the_plan_of_a_grid(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, sweep={"alpha": [1e-4, [1e-7, 1e-5, 1e-6]], "learning_rate": [0.003]})
    assert clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).out == """\
run tiny: 2 tasks of permuted-digits, 4 trials, seed 0
network   64-24-16-10, relu, one head for all tasks: 2,120 parameters
training  adam, batches of 64, 3 epochs
pruning   margin 2 percentage points, shared threshold

tasks 1 to 2: 2 trials each, grid
trial  alpha 1  alpha 2  alpha out  learning rate
-----  -------  -------  ---------  -------------
    0   0.0001   0.0001     0.0001          0.003
    1     1e-7     1e-5       1e-6          0.003

nothing was written or started
"""
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_where_later_tasks_take_their_values_from(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, sweep={**TINY["sweep"], "protocol": "first-task"})
    plan = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).out
    assert "\ntask 1: 2 trials, grid\n" in plan and "\ntask 2: 1 trial, what the selection of task 1 chooses\n" in plan
    _write(tmp_path, sweep={**TINY["sweep"], "protocol": "first-task",
                            "later_tasks": {"alpha": 1e-5, "learning_rate": 0.002}})
    plan = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).out
    assert "\ntask 2: 1 trial, fixed in the config\n" in plan
    assert plan.splitlines()[-3].split() == ["0", "1e-5", "1e-5", "1e-5", "0.002"]


def test_a_sampler_draws_its_points_later(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, sweep={"sampler": "tpe", "samples": 7, "alpha": {"low": 1e-6, "high": 1e-3},
                            "learning_rate": {"low": 0.001, "high": 0.1}})
    assert ("tasks 1 to 2: 7 trials each, tpe draws them\n  alpha from 1e-6 to 0.001, learning rate from 0.001 to 0.1\n"
            in clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).out)


def test_overrides_and_name_are_part_of_the_plan(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path)
    plan = clnp("launch", "plan.yaml", "--dry-run", "--json", "--name", "other", "--set", "benchmark.tasks=3",
                "--set", "network.hidden=[5]", folder=tmp_path).document
    assert (plan["name"], plan["trials"], len(plan["tasks"])) == ("other", 6, 3)
    assert plan["network"]["hidden"] == [5] and plan["network"]["parameters"] == 65 * 5 + 10 * 5
    assert plan["tasks"][2]["points"][1] == {"number": 1, "alpha": [1e-4, 1e-4], "learning_rate": 0.01}


OWN = """
import torch
from workers.tasks import Samples, TaskData

class Own:
    tasks = 2
    def task(self, number):
        part = Samples(torch.rand(8, 5), torch.arange(8) % 3)
        return TaskData(part, part, part, 3)

def make(seed):
    return Own()
"""


def test_a_benchmark_of_ones_own_is_asked_for_its_shape(tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_tasks_for_a_dry_run.py").write_text(OWN)
    _write(tmp_path, benchmark={"name": "own_tasks_for_a_dry_run:make", "tasks": 2})
    monkeypatch.delitem(sys.modules, "own_tasks_for_a_dry_run", raising=False)
    plan = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path)
    assert "network   5-24-16-3, relu" in plan.out, plan
    _write(tmp_path, benchmark={"name": "no_such_module_anywhere:make", "tasks": 2})
    code, message, _ = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).error
    assert code == 2 and message.startswith("benchmark 'no_such_module_anywhere:make' cannot be imported")


@pytest.mark.parametrize("experiment", sorted(path.name for path in (ROOT / "experiments").glob("*.yaml")))
def test_the_experiments_have_plans(experiment: str, clnp: Clnp, tmp_path: Path) -> None:
    plan = clnp("launch", str(ROOT / "experiments" / experiment), "--dry-run", folder=tmp_path)
    assert plan.code == 0 and plan.out.endswith("nothing was written or started\n")


def test_packs_are_told(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, resources={"trials_per_pack": 2})
    assert "\npacks     up to 2 trials train as one batched computation\n" in clnp("launch", "plan.yaml", "--dry-run",
                                                                            folder=tmp_path).out
