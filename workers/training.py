"""One trial, from free rows to a trained network: a loop to be read once, from top to bottom. No Ray in it."""

import dataclasses
import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch

from clnp_core.errors import RunFailedError
from clnp_core.evaluation import evaluate
from clnp_core.frozen import frozen_activations
from clnp_core.l1 import add_l1_gradient, l1_penalty
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from workers.spec import TrainingSpec, TrialSpec
from workers.tasks import TaskData


class DivergedError(RunFailedError):
    """The loss became NaN or infinite: this grid point is out of the selection."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: counted from 1; losses are means over the training samples; accuracy is canonical."""

    epoch: int
    train_loss: float
    l1_penalty: float
    val_correct: int
    val_total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """The network of the best epoch, unpruned: the earliest among those with the highest validation count."""

    network: Network
    val_correct: int
    best_epoch: int
    epochs_run: int
    train_seconds: float


def train(trial: TrialSpec, base: Network, data: TaskData) -> Generator[Epoch, None, Trained]:
    """Train one grid point; yields after every epoch and returns the best epoch's network.

    Loss = cross-entropy + Σ_l α_l ‖free weights of layer l‖₁ (paper §2.2). Everything stays on the device of ``data``.

    Args:
        trial: what to train and how.
        base: the committed network, already widened to the trial's architecture, on the device of ``data``.
        data: the task.

    Raises:
        DepletedError: single-head without a free neuron in the last hidden layer.
        DivergedError: the loss is no longer finite.
    """
    spec, task = trial.stage.training, trial.stage.task
    device = data.train.inputs.device
    generator = torch.Generator().manual_seed(trial.seed)
    free = FreeNetwork(base, generator)
    optimizer = _optimizer(spec, free, trial.learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(spec.milestones), spec.gamma)
    frozen = frozen_activations(base, data.train.inputs)  # per layer [samples, active]
    penalised = free.penalised()
    best: Trained | None = None
    began = time.perf_counter()

    for epoch in range(1, spec.epochs + 1):
        epoch_began = time.perf_counter()
        loss_sum = torch.zeros((), device=device, dtype=torch.float64)
        order = torch.randperm(len(data.train), generator=generator).to(device)
        for batch in torch.split(order, spec.batch_size):
            logits = free(data.train.inputs[batch], [layer[batch] for layer in frozen])  # [batch, classes]
            loss = torch.nn.functional.cross_entropy(logits, data.train.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            add_l1_gradient(penalised, trial.alpha)
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
        schedule.step()

        train_loss, penalty = float(loss_sum) / len(data.train), l1_penalty(penalised, trial.alpha)
        if not (math.isfinite(train_loss) and math.isfinite(penalty)):
            raise DivergedError(f"the loss became {train_loss} in epoch {epoch}",
                                "a lower learning rate or a smaller alpha keeps it finite")
        network = free.assemble(task)
        correct = evaluate(network, data.val.inputs, data.val.labels, task, trial.stage.evaluation_batch_size).correct
        if best is None or correct > best.val_correct:
            best = Trained(network, correct, epoch, epoch, 0.0)
        yield Epoch(epoch, train_loss, penalty, correct, len(data.val), time.perf_counter() - epoch_began)
        patience = spec.early_stopping_patience
        if patience is not None and epoch - best.best_epoch >= patience:
            break

    assert best is not None, "at least one epoch runs"
    return dataclasses.replace(best, epochs_run=epoch, train_seconds=time.perf_counter() - began)


def _optimizer(spec: TrainingSpec, free: FreeNetwork, learning_rate: float) -> torch.optim.Optimizer:
    """A fresh optimizer over the free rows, fused where torch has a fused kernel."""
    parameters = free.trainable()
    if spec.optimizer == "sgd":
        return torch.optim.SGD(parameters, learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay,
                               fused=True)
    kind = torch.optim.AdamW if spec.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, learning_rate, weight_decay=spec.weight_decay, fused=True)
