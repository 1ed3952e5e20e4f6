"""On a GPU: a recorded pack takes the steps that single trials take on a CPU, and repeats bit for bit."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from clnp_core.architecture import Architecture
from clnp_core.network import empty_network
from tests.clnp_core.builders import DROPPING, DROPPING_INPUTS, drawn_network
from tests.workers.training.packs.test_pack import BATCH, DENSE, OPTIMIZERS, STEPS, in_float64, single, task_of, trials_of
from tests.workers.training.packs.test_pack_loop import packed, trained
from tests.workers.training.test_loop import finish, same_bits
from workers.data.loader import load_task
from workers.jobs.inputs import this_device
from workers.spec import TrialSpec
from workers.training.cuda_graphs import Graphs
from workers.training.loop import train
from workers.training.packs.pack import Pack
from workers.training.packs.pack_loop import train_pack

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")]
Trials = Callable[..., TrialSpec]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("tasks_before", [0, 2])
def test_a_graph_takes_the_steps_of_single_trials(optimizer: str, tasks_before: int) -> None:
    device = this_device()
    base = in_float64(drawn_network(DENSE, tasks_before, seed=3) if tasks_before else empty_network(DENSE))
    trials, data = trials_of(DENSE, OPTIMIZERS[optimizer], tasks_before + 1), task_of(DENSE)
    pack = Pack(trials, base.to(device), data.to(device), torch.float64)
    graphed, draw = Graphs(pack.step, pack.rehearse), torch.Generator().manual_seed(4)
    orders = [torch.stack([torch.randperm(70, generator=draw)[:BATCH - step % 3] for _ in trials]) for step in range(STEPS)]
    for batch in orders:
        graphed(batch.to(device), pack.draw_dropout(batch.shape[1]))
    for place, (trial, member) in enumerate(zip(trials, pack.members, strict=True)):
        alone = single(trial, base, data, [batch[place] for batch in orders]).state_dict()
        for name, values in member.state_dict().items():
            torch.testing.assert_close(values.cpu(), alone[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("architecture", [DENSE, DROPPING, DROPPING_INPUTS],
                         ids=["dense", "convolutional, with dropout", "dropped inputs"])
def test_a_graph_takes_the_steps_of_the_pack(architecture: Architecture) -> None:
    device, data = this_device(), task_of(architecture)
    base, trials = in_float64(empty_network(architecture)).to(device), trials_of(architecture, OPTIMIZERS["adam"], 1)
    one, other = (Pack(trials, base, data.to(device), torch.float64) for _ in range(2))
    graphed, draw = Graphs(one.step, one.rehearse), torch.Generator().manual_seed(4)
    for step in range(20):
        batch = torch.stack([torch.randperm(70, generator=draw)[:BATCH - step % 3] for _ in trials]).to(device)
        graphed(batch, one.draw_dropout(batch.shape[1]))
        other.step(batch, other.draw_dropout(batch.shape[1]))
    torch.testing.assert_close(one.loss_sums, other.loss_sums, rtol=1e-9, atol=1e-9)
    for first, second in zip(one.members, other.members, strict=True):
        for name, values in first.state_dict().items():
            torch.testing.assert_close(values, second.state_dict()[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_pack_repeats_bit_for_bit_and_learns_what_a_cpu_learns(trial: Trials, precision: str) -> None:
    pack = packed(*(trial(epochs=6, precision=precision, seed=seed, learning_rate=rate)
                    for seed, rate in [(1, 0.01), (2, 0.005)]))
    data, before = load_task(pack[0].stage.benchmark, 1), torch.get_float32_matmul_precision()
    device, base = this_device(), empty_network(pack[0].stage.architecture)
    one, other = (finish(train_pack(pack, base.to(device), data.to(device)))[1] for _ in range(2))
    for spec in pack:
        assert same_bits(trained(one[spec.number]).network, trained(other[spec.number]).network)
        on_cpu = finish(train(dataclasses.replace(spec, pack=(1, 0)), base, data))[1]
        assert abs(trained(one[spec.number]).val_correct - on_cpu.val_correct) <= 12
    assert torch.get_float32_matmul_precision() == before
