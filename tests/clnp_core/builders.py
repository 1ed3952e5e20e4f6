"""Small tasks and networks, made with the room's own tools: trained and pruned for real, or drawn at random."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import Activation, Architecture, HeadKind, Layer, Pool, PoolKind, Window
from clnp_core.evaluation import canonical_logits
from clnp_core.frozen_activations import frozen_activations
from clnp_core.l1 import add_l1_gradient
from clnp_core.network import Head, Network, Rows, empty_network
from clnp_core.networks import Chain, mlp
from clnp_core.partition import FreeNetwork
from clnp_core.pruning import prune
from clnp_core.scores import mean_activity

INPUTS, CLASSES = 10, 3

CONVOLUTIONAL = Chain((
    Layer(6, Window(3, 1, 1)),
    Layer(7, Window(3, 2, 1), batch_norm=True, pool=Pool(PoolKind.MAX, Window(3, 1, 1))),
    Layer(8, Window(2), activation=Activation.ELU, pool=Pool(PoolKind.AVERAGE, Window(2, 1))),
    Layer(9, batch_norm=True),
)).architecture((2, 8, 8), CLASSES, HeadKind.MULTI, True)
"""Every kind of layer once, without dropout: convolutions that overlap, stride and pad, both poolings, BatchNorm on a map and
on a dense layer, a map that is flattened."""

FULLY_CONVOLUTIONAL = Chain((
    Layer(8, Window(3, 1, 1), batch_norm=True), Layer(9, Window(3, 2), batch_norm=True),
), output=Window(2)).architecture((2, 8, 8), CLASSES, HeadKind.SINGLE, False)
"""Table 3 in small: a convolutional output, averaged, as the single head."""

DROPPING = dataclasses.replace(CONVOLUTIONAL, layers=tuple(
    dataclasses.replace(layer, dropout=0.3 if index in (1, 3) else 0.0) for index, layer in enumerate(CONVOLUTIONAL.layers)))
"""The same with dropout."""

DROPPING_INPUTS = dataclasses.replace(DROPPING, input_dropout=0.2)
"""The same with dropout of the inputs, too."""


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(seed: int, samples: int, inputs: int | tuple[int, ...] = INPUTS,
          classes: int = CLASSES, noise: float = 0.7) -> tuple[Tensor, Tensor]:
    """A task: overlapping clouds around one centre for each class, as values or as images."""
    draw = generator(seed)
    shape = (inputs,) if isinstance(inputs, int) else inputs
    centres = torch.randn(classes, *shape, generator=draw)
    labels = torch.randint(classes, (samples,), generator=draw)
    return centres[labels] + noise * torch.randn(samples, *shape, generator=draw), labels


def train(free: FreeNetwork, base: Network, inputs: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer,
          alpha: float = 1e-3, steps: int = 30) -> None:
    """The training loop of the method at its smallest: full batches."""
    frozen = frozen_activations(base, inputs)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(free(inputs, frozen), labels).backward()
        add_l1_gradient(free.penalised(), [alpha] * (base.architecture.depth + 1))
        optimizer.step()


def middle_threshold(network: Network, task: int, activities: Sequence[Tensor]) -> tuple[float, ...]:
    """Per layer a θ that frees about half of the task's neurons."""
    return tuple(float(activity[owner == task].median()) if bool((owner == task).any()) else 0.0
                 for owner, activity in zip(network.activated_by, activities, strict=True))


@dataclass(frozen=True)
class History:
    """What every task published, and its test inputs."""

    published: Mapping[int, Network]
    test_inputs: Mapping[int, Tensor]

    @property
    def last(self) -> int:
        return max(self.published)

    @property
    def newest(self) -> Network:
        return self.published[self.last]

    @property
    def earlier(self) -> dict[int, Network]:
        return {task: network for task, network in self.published.items() if task < self.last}


def trained_task(base: Network, task: int, seed: int) -> Network:
    """One more task, trained with Adam on blobs of its own, pruned to about half."""
    inputs, labels = blobs(seed, 120, base.architecture.input_shape, base.architecture.classes)
    free = FreeNetwork(base, generator(seed))
    train(free, base, inputs, labels, torch.optim.Adam(free.trainable(), lr=0.02))
    dense = free.assemble(task)
    activities = mean_activity(dense, inputs)
    return prune(dense, task, activities, middle_threshold(dense, task, activities))


def trained_history(head: HeadKind, activation: Activation, tasks: int = 3) -> History:
    return history_of(mlp(INPUTS, (24, 20), CLASSES, activation, head, head is HeadKind.MULTI), tasks)


def history_of(architecture: Architecture, tasks: int = 3) -> History:
    """Tasks trained, pruned and published one on top of the other, in any network."""
    network = empty_network(architecture)
    published, test_inputs = {}, {}
    for task in range(1, tasks + 1):
        network = trained_task(network, task, seed=task)
        published[task], test_inputs[task] = network, blobs(100 + task, 150, architecture.input_shape)[0]
    return History(published, test_inputs)


def drawn_network(architecture: Architecture, tasks: int, seed: int, pruned_last: bool = True) -> Network:
    """``tasks`` tasks that were never trained: rows as drawn, each task pruned to about half of what it took."""
    network = empty_network(architecture)
    inputs = torch.randn(60, *architecture.input_shape, generator=generator(seed))
    for task in range(1, tasks + 1):
        network = FreeNetwork(network, generator(1000 * seed + task)).assemble(task)
        if task < tasks or pruned_last:
            activities = mean_activity(network, inputs)
            network = prune(network, task, activities, middle_threshold(network, task, activities))
    return network


@dataclass(frozen=True, eq=False)
class Scan:
    """Everything that the search for θ* takes: an unpruned network, its activities, validation data. Equal to itself only."""

    network: Network
    task: int
    activities: tuple[Tensor, ...]
    inputs: Tensor
    labels: Tensor


def drawn_scan(architecture: Architecture, tasks: int, seed: int, samples: int = 300) -> Scan:
    """A random network, unpruned, and validation labels of which it gets about four in five right."""
    network = drawn_network(architecture, tasks, seed, pruned_last=False)
    draw = generator(seed + 77)
    inputs = torch.randn(samples, *architecture.input_shape, generator=draw)
    labels = canonical_logits(network, inputs, tasks).argmax(dim=1)
    noise = torch.randint(architecture.classes, (samples,), generator=draw)
    labels = torch.where(torch.rand(samples, generator=draw) < 0.25, noise, labels)
    activities = mean_activity(network, torch.randn(60, *architecture.input_shape, generator=draw))
    return Scan(network, tasks, activities, inputs, labels)


def trained_scan(architecture: Architecture, seed: int, samples: int = 200) -> Scan:
    """A second task, trained on blobs that overlap so much that pruning costs accuracy long before it is complete."""
    base = trained_task(empty_network(architecture), 1, seed)
    inputs, labels = blobs(seed + 50, 200 + samples, architecture.input_shape, architecture.classes, noise=2.5)
    free = FreeNetwork(base, generator(seed + 50))
    train(free, base, inputs[samples:], labels[samples:], torch.optim.Adam(free.trainable(), lr=0.02), steps=30)
    network = free.assemble(2)
    return Scan(network, 2, mean_activity(network, inputs[samples:]), inputs[:samples], labels[:samples])


def network_of(hidden: Sequence[tuple[Tensor, Tensor, Sequence[int]]], heads: Mapping[int, Tensor],
               activation: Activation = Activation.RELU, head: HeadKind = HeadKind.MULTI) -> Network:
    """A network written out by hand: per layer (weight, bias, owners), and the weights of its heads."""
    classes = next(iter(heads.values())).shape[0]
    architecture = mlp(hidden[0][0].shape[1], tuple(len(bias) for _, bias, _ in hidden), classes,
                                activation, head)
    return Network(architecture, tuple(Rows(weight, {"bias": bias}) for weight, bias, _ in hidden),
                   {key: Head(weight, None) for key, weight in heads.items()},
                   tuple(torch.tensor(owner, dtype=torch.int16) for *_, owner in hidden))


def copied(network: Network) -> Network:
    """A deep copy: what is changed in it changes nowhere else."""
    return Network.from_tensors(network.architecture,
                                {name: tensor.clone() for name, tensor in network.to_tensors().items()})


def with_tensor(network: Network, name: str, index: tuple[int, ...], value: float | int) -> Network:
    """A copy in which one entry of one named tensor (:meth:`Network.to_tensors`) has another value."""
    changed = copied(network)
    changed.to_tensors()[name][index] = value
    return changed


def with_flipped_bit(network: Network, name: str, index: tuple[int, ...], bit: int = 0) -> Network:
    """A copy in which one bit of one float32 entry is flipped; bit 0 is the last of the mantissa."""
    changed = copied(network)
    changed.to_tensors()[name].view(torch.int32)[index] ^= 1 << bit
    return changed


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Equality that knows −0 from +0 and NaN from NaN."""
    return one.shape == other.shape and bool(
        torch.equal(one.contiguous().view(torch.int32), other.contiguous().view(torch.int32)))


def with_activation(architecture: Architecture, activation: Activation) -> Architecture:
    return dataclasses.replace(architecture, layers=tuple(
        dataclasses.replace(layer, activation=activation) for layer in architecture.layers))
