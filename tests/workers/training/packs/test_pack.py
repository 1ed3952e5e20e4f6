"""A pack of P equals P single trials: in float64, step by step, whatever the network, the base and the optimizer."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import nn

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import StateError
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import Head, Network, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from tests.clnp_core.builders import CONVOLUTIONAL, DROPPING, DROPPING_INPUTS, FULLY_CONVOLUTIONAL, blobs, drawn_network
from tests.messages import naming
from workers.data.samples import Samples, TaskData
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.optimizers import optimizer_of
from workers.training.packs.pack import Pack

STEPS, BATCH = 50, 16
DENSE = mlp(10, (12, 11), 3)
MULTI = mlp(10, (12, 11), 3, head=HeadKind.MULTI, head_bias=True)
ADAM = TrainingSpec("adam", 0.0, 0.0, BATCH, 1, (), 0.1, None)
OPTIMIZERS = {
    "adam": ADAM,
    "adam with decay": dataclasses.replace(ADAM, weight_decay=0.02),
    "adamw": dataclasses.replace(ADAM, optimizer="adamw", weight_decay=0.05),
    "sgd": dataclasses.replace(ADAM, optimizer="sgd", momentum=0.9, weight_decay=0.01),
}


def trials_of(architecture: Architecture, training: TrainingSpec, task: int) -> list[TrialSpec]:
    """Three of one stage: one without L1, another with a coefficient of its own for every layer."""
    stage = StageSpec(BenchmarkSpec("permuted-digits", 0, {}, None, "unit"), task, architecture, None, training, 100, 1, 10)
    layers = architecture.depth + 1
    points = [((0.0,) * layers, 0.01), ((1e-3,) * layers, 0.003), (tuple(10.0**-place for place in range(2, 2 + layers)), 0.02)]
    return [TrialSpec(stage, number, alpha, rate, 11 + number) for number, (alpha, rate) in enumerate(points)]


def in_float64(network: Network) -> Network:
    return dataclasses.replace(
        network, hidden=tuple(rows.map(lambda values: values.double()) for rows in network.hidden),
        heads={key: Head(head.weight.double(), None if head.bias is None else head.bias.double())
               for key, head in network.heads.items()})


def task_of(architecture: Architecture, dtype: torch.dtype = torch.float64) -> TaskData:
    inputs, labels = blobs(5, 70, architecture.input_shape, architecture.classes)
    samples = Samples(inputs.to(dtype), labels)
    return TaskData(samples, samples, samples, architecture.classes)


def single(trial: TrialSpec, base: Network, data: TaskData, orders: Sequence[torch.Tensor]) -> FreeNetwork:
    """One trial as the plain loop trains it."""
    free = FreeNetwork(base, torch.Generator().manual_seed(trial.seed), torch.float64)
    frozen = frozen_activations(base, data.train.inputs)
    optimizer = optimizer_of(trial.stage.training, free, trial.learning_rate, trial.alpha, STEPS)
    for batch in orders:
        loss = nn.functional.cross_entropy(free(data.train.inputs[batch], [layer[batch] for layer in frozen]),
                                           data.train.labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return free


def assert_equal(pack: Pack, trials: Sequence[TrialSpec], base: Network, data: TaskData) -> None:
    """After 50 steps on batches of changing length, to a relative 1e-9."""
    draw = torch.Generator().manual_seed(4)
    orders = [torch.stack([torch.randperm(70, generator=draw)[:BATCH - step % 3] for _ in trials]) for step in range(STEPS)]
    for batch in orders:
        pack.step(batch, pack.draw_dropout(batch.shape[1]))
    # Where BatchNorm takes a bias away again its gradient is rounding alone, of which Adam makes up to 1e-9 of a rate.
    least = 1e-9 if base.architecture.has_batch_norm else 1e-12
    for place, (trial, member) in enumerate(zip(trials, pack.members, strict=True)):
        alone = single(trial, base, data, [batch[place] for batch in orders]).state_dict()
        began = FreeNetwork(base, torch.Generator().manual_seed(trial.seed), torch.float64).state_dict()
        for name, values in member.state_dict().items():
            torch.testing.assert_close(values, alone[name], rtol=1e-9, atol=least,
                                       msg=lambda text, name=name: f"{name}: {text}")
        assert any(not torch.equal(values, began[name]) for name, values in member.state_dict().items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("architecture", [DENSE, MULTI, CONVOLUTIONAL, FULLY_CONVOLUTIONAL, DROPPING, DROPPING_INPUTS],
                         ids=["dense", "multi-head", "convolutional", "fully convolutional", "dropout", "dropped inputs"])
@pytest.mark.parametrize("tasks_before", [0, 2])
def test_a_pack_equals_its_trials_alone(architecture: Architecture, tasks_before: int, optimizer: str) -> None:
    base = in_float64(drawn_network(architecture, tasks_before, seed=3) if tasks_before else empty_network(architecture))
    trials, data = trials_of(architecture, OPTIMIZERS[optimizer], tasks_before + 1), task_of(architecture)
    assert_equal(Pack(trials, base, data, torch.float64), trials, base, data)


@pytest.mark.parametrize("architecture", [DENSE, CONVOLUTIONAL, FULLY_CONVOLUTIONAL, DROPPING],
                         ids=["dense", "convolutional", "fully convolutional", "dropout"])
@pytest.mark.parametrize("tasks_before", [0, 2])
def test_bfloat16_rounds_a_pack_as_it_rounds_a_trial(architecture: Architecture, tasks_before: int) -> None:
    base = drawn_network(architecture, tasks_before, seed=3) if tasks_before else empty_network(architecture)
    data, batch = task_of(architecture, torch.float32), torch.arange(BATCH)
    losses = []
    for precision in ("bfloat16", "float32"):
        trials = trials_of(architecture, dataclasses.replace(OPTIMIZERS["adam"], precision=precision), tasks_before + 1)
        pack = Pack(trials, base, data)
        pack.step(batch.repeat(3, 1), pack.draw_dropout(BATCH))
        losses.append(pack.loss_sums)
        assert all(values.dtype == torch.float32 for values in pack.members[0].state_dict().values())
    torch.testing.assert_close(*losses, rtol=0.03, atol=0.0)
    assert not torch.equal(*losses)


def test_a_member_that_becomes_infinite_leaves_the_others_alone() -> None:
    trials, data = trials_of(DENSE, OPTIMIZERS["sgd"], 1), task_of(DENSE)
    trials[1] = dataclasses.replace(trials[1], learning_rate=1e200)
    pack, draw = Pack(trials, in_float64(empty_network(DENSE)), data, torch.float64), torch.Generator().manual_seed(4)
    for _ in range(10):
        pack.step(torch.stack([torch.randperm(70, generator=draw)[:BATCH] for _ in trials]), pack.draw_dropout(BATCH))
    assert pack.loss_sums.isfinite().tolist() == [True, False, True]
    assert [bool(member.head_from_free.isfinite().all()) for member in pack.members] == [True, False, True]


def test_a_rehearsal_leaves_nothing_behind() -> None:
    trials, data = trials_of(DROPPING, ADAM, 1), task_of(DROPPING)
    rehearsed, other = (Pack(trials, in_float64(empty_network(DROPPING)), data, torch.float64) for _ in range(2))
    batch = torch.arange(BATCH).repeat(3, 1)
    dropout = rehearsed.draw_dropout(BATCH)
    rehearsed.rehearse(batch, dropout)
    for pack in (rehearsed, other):
        pack.step(batch, dropout)
    for one, two in zip(rehearsed.members, other.members, strict=True):
        assert all(torch.equal(values, two.state_dict()[name]) for name, values in one.state_dict().items())
    assert torch.equal(rehearsed.loss_sums, other.loss_sums)


def test_trials_of_two_stages_are_refused() -> None:
    trials = trials_of(DENSE, ADAM, 1)
    trials[2] = dataclasses.replace(trials[2], stage=dataclasses.replace(trials[2].stage, task=2))
    with pytest.raises(StateError, match=naming("one stage")):
        Pack(trials, in_float64(empty_network(DENSE)), task_of(DENSE), torch.float64)
