"""launch --dry-run: the plan, and nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clnp_core.errors import ConfigError
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


def test_teachers_are_part_of_the_plan(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, fine_tuning={"distillation": {}}, teachers={"count": 1, "hidden": [30], "learning_rate": [0.003, 0.001]})
    [line] = [line for line in clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path).out.splitlines() if "teacher" in line]
    assert line == ("teachers  1 teacher a task, the best of 2 trained, 4 trials in all: 64-30-10, relu, one head for all "
                    "tasks, 2,250 parameters, learning rate 0.003, 0.001, adam, batches of 256, 25 epochs, learning rate "
                    "along a cosine to 0")
    plan = clnp("launch", "plan.yaml", "--dry-run", "--json", folder=tmp_path).document
    assert (plan["trials"], plan["teachers"]["trials"], plan["teachers"]["trained_a_task"]) == (4, 4, 2)
    assert plan["teachers"]["network"]["hidden"] == [30] and plan["teachers"]["network"]["input_dropout"] == 0.2
    assert [len(task["points"]) for task in plan["tasks"]] == [2, 2]
    _write(tmp_path)
    assert clnp("launch", "plan.yaml", "--dry-run", "--json", folder=tmp_path).document["teachers"] is None


def test_overrides_and_name_are_part_of_the_plan(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path)
    plan = clnp("launch", "plan.yaml", "--dry-run", "--json", "--name", "other", "--set", "benchmark.tasks=3",
                "--set", "network.hidden=[5]", folder=tmp_path).document
    assert (plan["name"], plan["trials"], len(plan["tasks"])) == ("other", 6, 3)
    assert plan["network"]["hidden"] == [5] and plan["network"]["parameters"] == 65 * 5 + 10 * 5
    assert plan["tasks"][2]["points"][1] == {"number": 1, "alpha": [1e-4, 1e-4], "learning_rate": 0.01}


OWN = """
import torch
from workers.data.loader import Samples, TaskData

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


ODD = """
import numpy, torch
from workers.data.loader import Samples, TaskData

class Odd:
    tasks = None
    def __init__(self, seed, how="", at=3):
        self.how, self.at = how, at
    def task(self, number):
        x, y, classes = torch.rand(8, 5, generator=torch.Generator().manual_seed(number)), torch.arange(8) % 3, 3
        if number >= self.at:
            x, y, classes = eval(self.how, {"x": x, "y": y, "torch": torch, "numpy": numpy})
        part = Samples(x, y)
        return TaskData(part, part, part, classes)
"""


@pytest.fixture
def odd(tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A dry run of a benchmark whose tasks from number ``at`` on are odd in some way."""
    (tmp_path / "odd_tasks_for_a_dry_run.py").write_text(ODD)
    monkeypatch.delitem(sys.modules, "odd_tasks_for_a_dry_run", raising=False)

    def plan_of(how: str, *options: str, tasks: int = 4, at: int = 3) -> Outcome:
        _write(tmp_path, benchmark={"name": "odd_tasks_for_a_dry_run:Odd", "tasks": tasks, "params": {"how": how, "at": at}})
        return clnp("launch", "plan.yaml", "--dry-run", *options, folder=tmp_path)

    return plan_of


@pytest.mark.parametrize(("how", "message", "hint"), [
    ("x * torch.nn.Parameter(torch.ones(1)), y, 3", "task 3, train: inputs require a gradient", "call .detach() on them"),
    ("torch.nn.Parameter(x), y, 3", "task 3, train: inputs require a gradient", "call .detach() on them"),
    ("x.double(), y, 3", "task 3, train: inputs are torch.float64 [8, 5], and torch.float32 cannot hold", "convert them"),
    ("x.to('meta'), y, 3", "task 3, train: inputs are on the device meta", "create them on the CPU"),
    ("x, y.float(), 3", "task 3, train: labels are torch.float32 [8], and torch.int64 cannot hold", "convert them"),
    ("x.numpy().astype(object), y, 3", "task 3, train: inputs are an array of object", "give numbers that torch supports"),
    ("numpy.ma.masked_less(x.numpy(), 0.5), y, 3", "task 3, train: inputs are a MaskedArray", "replace the masked values"),
    ("x / 0, y, 3", "task 3, train: an input is NaN or infinite", "inputs must be finite"),
    ("x[:, :4], y, 3", "task 3 of 'odd_tasks_for_a_dry_run:Odd' has samples of shape [4], but task 1 has [5]",
     "one network reads"),
    ("x, y, 4", "task 3 of 'odd_tasks_for_a_dry_run:Odd' has 4 classes, but task 1 has 3", "the outputs of all tasks have"),
    ("x, y, 3.0", "task 3: classes is a float, 3.0", "use an integer"),
    ("x, y + 1, 3", "task 3, train: labels range from 1 to 3, but the task has 3 classes", "inputs must be finite"),
    ("1 / 0", "failed at task 3: ZeroDivisionError", "call its task() by hand"),
])
def test_a_task_that_cannot_be_learnt_is_refused_before_anything_trains(odd: Callable[..., Outcome], how: str, message: str,
                                                                        hint: str) -> None:
    code, found, remedy = odd(how).error
    assert code == 3 and message in found and remedy.startswith(hint)
    if " task 1 has " not in message:
        assert odd(how, at=1).code == 3, "the first task, too"


@pytest.mark.parametrize("how", ["x.to_sparse(), y, 3", "x.numpy(), y.numpy(), y.numpy().max() + 1", "x.T.contiguous().T, y, 3",
                                 "x.half(), y.to(torch.uint8), torch.tensor(3)", "x.to_mkldnn(), y.bool(), 3"])
def test_tasks_that_can_be_converted_are_taken(odd: Callable[..., Outcome], how: str) -> None:
    plan = odd(how)
    assert plan.code == 0 and "\ndata      4 tasks loaded and checked\n" in plan.out, plan
    assert "network   5-24-16-3, relu" in plan.out


def test_how_many_tasks_are_looked_at_can_be_said(odd: Callable[..., Outcome], tmp_path: Path, clnp: Clnp) -> None:
    assert odd("x, y, 4", "--check-tasks", "3", tasks=5).code == 3
    plan = odd("x, y, 4", "--check-tasks", "2", tasks=5)
    assert "\ndata      2 tasks loaded and checked; 3 further tasks not: --check-tasks 5\n" in plan.out
    assert odd("x, y, 4", "--check-tasks", "2", "--json").document["tasks_checked"] == 2
    many = odd("x, y, 3", tasks=101)
    assert "\ndata      100 tasks loaded and checked; 1 further task not: --check-tasks 101\n" in many.out
    code, message, hint = clnp("launch", "plan.yaml", "--check-tasks", "2", folder=tmp_path).error
    assert (code, hint) == (2, "add --dry-run, or omit --check-tasks") and "--check-tasks" in message
    assert odd("x, y, 3", "--check-tasks", "0").code == 2


@pytest.mark.parametrize("experiment", sorted(path.name for path in (ROOT / "experiments").glob("*.yaml")))
def test_the_experiments_have_plans(experiment: str, clnp: Clnp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")  # one of them asks for a GPU
    plan = clnp("launch", str(ROOT / "experiments" / experiment), "--dry-run", folder=tmp_path)
    assert plan.code == 0 and plan.out.endswith("nothing was written or started\n")


def test_packs_are_told(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path, resources={"trials_per_pack": 2})
    assert "\npacks     up to 2 trials train as one batched computation\n" in clnp("launch", "plan.yaml", "--dry-run",
                                                                            folder=tmp_path).out


@pytest.mark.parametrize("key", ["cpus_per_trial", "gpus_per_trial"])
def test_what_this_machine_can_never_offer_is_said_before_the_launch(tmp_path: Path, clnp: Clnp, key: str,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, resources={key: 64 if key == "gpus_per_trial" else 4096})
    refused = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path)
    assert refused.code == ConfigError.exit_code and refused.out == ""
    assert refused.err.startswith("error: a trial requests ") and ", this machine has " in refused.err
    assert "hint: lower resources.cpus_per_trial or gpus_per_trial, or name a cluster in RAY_ADDRESS" in refused.err
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    warned = clnp("launch", "plan.yaml", "--dry-run", folder=tmp_path)
    assert warned.code == 0 and warned.out.endswith("nothing was written or started\n")
    assert warned.err.startswith("warning: a trial requests ")
    assert warned.err.endswith("; whether the cluster at 10.0.0.1:6379 has it is checked by the launch\n")
    as_json = clnp("launch", "plan.yaml", "--dry-run", "--json", folder=tmp_path)
    assert [f"warning: {warning}\n" for warning in as_json.document["warnings"]] == [warned.err]


def test_a_machine_that_is_large_enough_is_no_matter_for_words(tmp_path: Path, clnp: Clnp) -> None:
    _write(tmp_path)
    plan = clnp("launch", "plan.yaml", "--dry-run", "--json", folder=tmp_path)
    assert plan.document["warnings"] == [] and plan.err == ""
