"""Joint training (paper, appendix A): every batch has samples of every task, each read by the output of its own task.

All data is available at any time, so joint training is an upper bound for methods without forgetting. With a head per task all
heads are trained side by side; with a single head the last hidden layer is divided into equal parts, one for each task, as in
the paper.
"""

import dataclasses
import math
import time
from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import ConfigError
from clnp_core.evaluation import correct_predictions
from clnp_core.layers import laid_out
from clnp_core.network import SHARED_HEAD, Head, Network, column_mask, empty_network
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import EVERYBODYS, undivided
from clnp_core.values import Epoch
from workers.data.loader import TaskData
from workers.spec import TrialSpec
from workers.training.cuda_graphs import Dropout, Graphs, Step
from workers.training.loop import divergence
from workers.training.optimizers import optimizer_of, schedule_of, takes_graphs
from workers.training.precision import autocast, float32_products
from workers.training.resume import NEVER, Checkpoint
from workers.training.state import Learner, Trained, TrialStanding, begin_epoch

ALL_HEADS = 1
"""The task whose head contains the outputs of all tasks during training."""


def train_jointly(trial: TrialSpec, tasks: Sequence[TaskData],
                  checkpoint: Checkpoint = NEVER) -> Generator[Epoch, None, Trained]:
    """Train one network on all tasks; yield after every epoch, with counts over all validation samples.

    An epoch has as many batches as the longest task needs; the other tasks start again within it.

    Args:
        trial: the trial; its stage is that of the last task.
        tasks: all tasks in order, on one device.
        checkpoint: as in :func:`workers.training.loop.train`.

    Raises:
        ConfigError: a batch cannot hold samples of all tasks, or the last hidden layer has fewer neurons than tasks.
        DivergedError: the loss is no longer finite.
    """
    stage, spec, device = trial.stage, trial.stage.training, tasks[0].train.inputs.device
    architecture, classes = stage.architecture, stage.architecture.classes
    shares = _shares(trial, [len(task.train) for task in tasks])
    steps = max(math.ceil(len(task.train) / share) for task, share in zip(tasks, shares, strict=True))
    generator = torch.Generator().manual_seed(trial.seed)
    parts = _parts(architecture, len(tasks))
    wide = dataclasses.replace(architecture, classes=classes * len(tasks), head=HeadKind.MULTI)
    free = FreeNetwork(empty_network(wide).to(device), generator)
    if architecture.head is HeadKind.SINGLE:
        _cut(free, wide, parts, classes)
    optimizer = optimizer_of(spec, free, trial.learning_rate, trial.alpha, spec.epochs * steps)
    schedule = schedule_of(spec, optimizer)
    learner = Learner(free, generator, None)
    standing = TrialStanding(learner, optimizer, schedule)
    checkpoint.restore(standing)
    yield from learner.epochs

    owner = torch.arange(len(tasks)).repeat_interleave(torch.tensor(shares)).to(device)  # [batch]: the task of each sample
    rows = torch.arange(len(owner), device=device)
    val_total = sum(len(task.val) for task in tasks)
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)

    def plain_step(batch: Tensor, dropout: Dropout) -> None:
        own = list(zip(tasks, batch.split(shares), strict=True))
        inputs = torch.cat([task.train.inputs[samples] for task, samples in own])
        labels = torch.cat([task.train.labels[samples] for task, samples in own])
        with float32_products(spec.precision, device):
            with autocast(spec.precision, device):
                logits = free(laid_out(inputs), (), dropout).unflatten(1, (len(tasks), classes))[rows, owner]
                loss = torch.nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        loss_sum.add_(loss.detach())

    step: Step = Graphs(plain_step) if takes_graphs(optimizer) else plain_step
    for epoch in range(learner.epochs_run + 1, spec.epochs + 1):
        if learner.waits_in_vain(spec.early_stopping_patience):
            break
        underway = begin_epoch(standing, loss_sum, lambda: tuple(
            _order(len(task.train), steps * share, generator) for task, share in zip(tasks, shares, strict=True)))
        orders = [order.to(device).split(share) for order, share in zip(underway.orders, shares, strict=True)]
        for batch in checkpoint.batches_left(list(zip(*orders, strict=True)), standing):
            step(torch.cat(batch), free.draw_dropout(len(owner)))
        schedule.step()
        train_loss = float(loss_sum) / steps
        diverged = divergence(train_loss, 0.0, epoch)
        if diverged is not None:
            checkpoint.remove()
            raise diverged
        network = _for_all(free.assemble(ALL_HEADS), architecture, parts)
        correct = sum(correct_predictions(network, task.val.inputs, task.val.labels, number, stage.evaluation_batch_size)
                      for number, task in enumerate(tasks, start=1))
        learner.ended(Epoch(epoch, train_loss, 0.0, correct, val_total, time.perf_counter() - underway.began), network)
        checkpoint.maybe_save(standing)
        yield learner.epochs[-1]

    checkpoint.end(standing)
    return learner.result(time.perf_counter() - standing.began)


def _shares(trial: TrialSpec, sizes: Sequence[int]) -> list[int]:
    """Return the samples of each task in a batch: as configured, or in proportion to the task sizes, at least one each."""
    method, size = trial.stage.method, trial.stage.training.batch_size
    if method is not None and method.batch:
        return list(method.batch)
    if size < len(sizes):
        raise ConfigError(f"a batch of {size} samples cannot hold one of each of {len(sizes)} tasks",
                          "raise training.batch_size, or set baseline.batch")
    exact = [size * own / sum(sizes) for own in sizes]
    shares = [max(1, math.floor(share)) for share in exact]
    for number in sorted(range(len(sizes)), key=lambda number: shares[number] - exact[number])[:max(0, size - sum(shares))]:
        shares[number] += 1
    return shares


def _order(samples: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Return consecutive permutations of a task's samples: int64 [wanted]."""
    rounds = [torch.randperm(samples, generator=generator) for _ in range(math.ceil(wanted / samples))]
    return torch.cat(rounds)[:wanted]


def _parts(architecture: Architecture, tasks: int) -> Tensor:
    """Return which task reads each neuron of the last hidden layer with a single head, int16 [width]; otherwise all tasks
    do."""
    width = architecture.hidden[-1]
    if architecture.head is not HeadKind.SINGLE:
        return torch.full((width,), EVERYBODYS, dtype=torch.int16)
    if width < tasks:
        raise ConfigError(f"the last hidden layer has {width} neurons for {tasks} tasks",
                          "widen it, or use a head per task")
    return (torch.arange(width) * tasks // width + 1).to(torch.int16)


def _cut(free: FreeNetwork, wide: Architecture, parts: Tensor, classes: int) -> None:
    """Restrict the outputs of each task to its own part of the last hidden layer, now and after every step."""
    weight = free.head_from_free
    tasks = wide.classes // classes
    readers = torch.arange(1, tasks + 1).repeat_interleave(classes)[:, None]
    reads = (column_mask(wide, wide.depth, parts)[None, :] == readers).to(weight.device, weight.dtype)
    reads = reads.reshape(*reads.shape, *[1] * (weight.ndim - 2))
    with torch.no_grad():
        weight.mul_(reads)
    weight.register_hook(lambda gradient: gradient * reads)


def _for_all(trained: Network, architecture: Architecture, parts: Tensor) -> Network:
    """Return the network of all tasks with the architecture of the run."""
    head, classes = trained.head(ALL_HEADS), architecture.classes
    weights = head.weight.split(classes)
    biases = [None] * len(weights) if head.bias is None else head.bias.split(classes)
    if architecture.head is HeadKind.SINGLE:
        heads = {SHARED_HEAD: Head(torch.stack(weights).sum(dim=0), None)}  # every column is read by one task
    else:
        heads = {task: Head(weight.clone(), None if bias is None else bias.clone())
                 for task, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1)}
    network = undivided(Network(architecture, trained.hidden, heads, trained.activated_by))
    return dataclasses.replace(network, activated_by=(*network.activated_by[:-1], parts.to(head.weight.device)))
