"""Joint training: shares of a batch, one output for each task, parts of the last layer."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from clnp_core.architecture import HeadKind
from clnp_core.errors import ConfigError
from clnp_core.evaluation import evaluate
from tests.messages import naming
from workers.baselines.joint import train_jointly
from workers.data.loader import load_task
from workers.methods import Method, MethodSpec
from workers.spec import StageSpec, TrialSpec
from workers.training.loop import result_of

Build = Callable[..., StageSpec]


def jointly(stage: Build, head: HeadKind, batch: tuple[int, ...] = (), **parts: object) -> TrialSpec:
    of_last = stage(task=2, head=head, epochs=4, **parts)
    method = MethodSpec(Method.JOINT, tasks=2, batch=batch)
    return TrialSpec(dataclasses.replace(of_last, method=method), 0, (0.0,) * 3, 0.01, 7)


@pytest.mark.parametrize("head", [HeadKind.SINGLE, HeadKind.MULTI])
def test_it_learns_every_task(stage: Build, head: HeadKind) -> None:
    trial = jointly(stage, head)
    tasks = [load_task(trial.stage.benchmark, task) for task in (1, 2)]
    trained = result_of(train_jointly(trial, tasks))
    counts = [evaluate(trained.network, data.val.inputs, data.val.labels, task, 100).correct
              for task, data in enumerate(tasks, start=1)]
    assert sum(counts) == trained.val_correct
    assert min(counts) > 0.7 * len(tasks[0].val)


def test_a_single_head_reads_a_part_for_each_task(stage: Build) -> None:
    trial = jointly(stage, HeadKind.SINGLE)
    tasks = [load_task(trial.stage.benchmark, task) for task in (1, 2)]
    network = result_of(train_jointly(trial, tasks)).network
    assert network.activated_by[-1].tolist() == [1] * 8 + [2] * 8
    assert network.head(1).weight.abs().min() > 0


def test_a_batch_that_is_asked_for(stage: Build) -> None:
    trial = jointly(stage, HeadKind.MULTI, batch=(60, 4))
    tasks = [load_task(trial.stage.benchmark, task) for task in (1, 2)]
    trained = result_of(train_jointly(trial, tasks))
    assert trained.val_correct > 0


def test_a_layer_with_too_few_neurons(stage: Build) -> None:
    trial = jointly(stage, HeadKind.SINGLE, hidden=(24, 1))
    tasks = [load_task(trial.stage.benchmark, task) for task in (1, 2)]
    with pytest.raises(ConfigError, match=naming(1, 2)):
        result_of(train_jointly(trial, tasks))


def test_the_same_seed_gives_the_same_bits(stage: Build) -> None:
    trial = jointly(stage, HeadKind.MULTI)
    tasks = [load_task(trial.stage.benchmark, task) for task in (1, 2)]
    one, other = (result_of(train_jointly(trial, tasks)).network.to_tensors() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
