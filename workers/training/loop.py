"""Train one trial, from free rows to a trained network. The loop reads from top to bottom. No Ray here."""

import dataclasses
import math
import time
from collections.abc import Callable, Generator
from typing import TypeVar

import torch
from torch import Tensor

from clnp_core.errors import RunFailedError
from clnp_core.evaluation import correct_predictions
from clnp_core.free_window import draw_window
from clnp_core.frozen_activations import frozen_activations
from clnp_core.l1 import l1_penalty
from clnp_core.layers import laid_out
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from clnp_core.values import Epoch
from workers.data.loader import TaskData
from workers.spec import FineTuningSpec, StageSpec, TrialSpec
from workers.training.cuda_graphs import Dropout, Graphs, Step
from workers.training.losses import CrossEntropy, Loss
from workers.training.optimizers import optimizer_of, schedule_of, takes_graphs
from workers.training.precision import autocast, float32_products
from workers.training.resume import NEVER, Checkpoint
from workers.training.state import Learner, Trained, TrialStanding, begin_epoch

Result = TypeVar("Result")


class DivergedError(RunFailedError):
    """The loss became NaN or infinite; the selection excludes this grid point."""


def train(trial: TrialSpec, base: Network, data: TaskData,
          checkpoint: Checkpoint = NEVER) -> Generator[Epoch, None, Trained]:
    """Train one grid point; yield after every epoch and return the network of the best epoch.

    Everything stays on the device of ``data``.

    Args:
        trial: the trial.
        base: the committed network, already widened to the trial's architecture, on the device of ``data``.
        data: the task.
        checkpoint: of an interrupted attempt, whose epochs are yielded again first. It does not change the result.

    Raises:
        DepletedError: single-head without a free neuron in the last hidden layer.
        DivergedError: the loss is no longer finite.
    """
    generator = torch.Generator().manual_seed(trial.seed)
    free = FreeNetwork(base, generator, window=draw_window(base, trial.stage.free_window))
    frozen = frozen_activations(base, data.train.inputs)
    return (yield from fit(free, frozen, data, trial, generator, checkpoint))


def fine_tune(pruned: Network, data: TaskData, stage: StageSpec, tuning: FineTuningSpec, seed: int,
              checkpoint: Checkpoint = NEVER, loss: Loss | None = None,
              frozen: tuple[Tensor, ...] | None = None) -> Generator[Epoch, None, Trained]:
    """Continue to train the neurons that survived the pruning of the stage's task (paper §2.2 and §3.2, "CLNP + fine tuning").

    Only rows that this task activated and its own head columns are trained; severed weights are not parameters.

    Args:
        pruned: with the task, on the device of ``data``; it must have a neuron in the last hidden layer, or its own head.
        data: the task.
        stage: of the task.
        tuning: epochs, learning rate, its schedule, and α.
        seed: of the batches and of dropout.
        checkpoint: as in :func:`train`.
        loss: what is minimised, and on which samples; None for the cross-entropy of the training set.
        frozen: what the frozen neurons say to these samples, where it has been computed; None computes it.

    Returns:
        The network of the best epoch; the pruned network, as epoch 0, if none is better.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    training = dataclasses.replace(stage.training, epochs=tuning.epochs, milestones=(), schedule=tuning.schedule,
                                   early_stopping_patience=None)
    trial = TrialSpec(dataclasses.replace(stage, training=training), 0, tuning.alpha, tuning.learning_rate, seed)
    generator = torch.Generator().manual_seed(seed)
    free = FreeNetwork(pruned, generator, reopen=stage.task)
    loss = CrossEntropy(data.train) if loss is None else loss
    frozen = frozen_activations(pruned, loss.inputs, reopen=stage.task) if frozen is None else frozen
    correct = correct_predictions(pruned, data.val.inputs, data.val.labels, stage.task, stage.evaluation_batch_size)
    return (yield from fit(free, frozen, data, trial, generator, checkpoint, Trained(pruned, correct, 0, 0, 0.0), loss))


def result_of(steps: Generator[Epoch, None, Result]) -> Result:
    """Run a training, ignore its epochs, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: Result = ended.value
            return result


def fit(free: FreeNetwork, frozen: tuple[Tensor, ...], data: TaskData, trial: TrialSpec, generator: torch.Generator,
        checkpoint: Checkpoint, best: Trained | None = None, loss: Loss | None = None,
        attend: Callable[[torch.optim.Optimizer], None] = lambda _: None,
        improved: Callable[[], None] = lambda: None) -> Generator[Epoch, None, Trained]:
    """The loop itself. It minimises a loss + Σ_l α_l ‖free weights of layer l‖₁; that of the paper (§2.2) is the cross-entropy.

    Args:
        free: the trainable part of the network.
        frozen: the activations of its frozen neurons (:func:`clnp_core.frozen_activations.frozen_activations`).
        data: the task.
        trial: the settings; its seed has been used for ``generator``.
        generator: of the batches.
        checkpoint: as in :func:`train`.
        best: what an epoch must be better than; None takes the first.
        loss: what is minimised, and the samples that ``frozen`` is of; None for the cross-entropy of the training set.
        attend: called with the optimizer, so that methods can add hooks to its steps (:mod:`workers.baselines`).
        improved: called after every epoch that is the best so far, before a checkpoint is written.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    stage, spec, device = trial.stage, trial.stage.training, data.train.inputs.device
    loss_of = CrossEntropy(data.train) if loss is None else loss
    steps = spec.epochs * math.ceil(len(data.train) / spec.batch_size)
    optimizer = optimizer_of(spec, free, trial.learning_rate, trial.alpha, steps)
    schedule = schedule_of(spec, optimizer)
    learner, penalised = Learner(free, generator, best), free.penalised()
    standing = TrialStanding(learner, optimizer, schedule)
    attend(optimizer)
    checkpoint.restore(standing)
    yield from learner.epochs
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)

    def plain_step(batch: Tensor, dropout: Dropout) -> None:
        with float32_products(spec.precision, device):
            with autocast(spec.precision, device):
                logits = free(laid_out(loss_of.inputs[batch]), [layer[batch] for layer in frozen], dropout)
                mean_loss = loss_of(logits, batch)
            optimizer.zero_grad()
            mean_loss.backward()
        optimizer.step()  # the gradient of the L1 term is added in the same pass
        loss_sum.add_(mean_loss.detach() * len(batch))

    step: Step = Graphs(plain_step) if takes_graphs(optimizer) else plain_step
    for epoch in range(learner.epochs_run + 1, spec.epochs + 1):
        if learner.waits_in_vain(spec.early_stopping_patience):
            break
        underway = begin_epoch(standing, loss_sum, lambda: (loss_of.order(generator),))
        order = underway.orders[0].to(device)
        for batch in checkpoint.batches_left(batches(order, spec.batch_size, stage.architecture.has_batch_norm), standing):
            step(batch, free.draw_dropout(len(batch)))
        schedule.step()

        train_loss, penalty = float(loss_sum) / len(data.train), l1_penalty(penalised, trial.alpha)
        diverged = divergence(train_loss, penalty, epoch)
        if diverged is not None:
            checkpoint.remove()  # a training that resumes from it diverges again
            raise diverged
        network = free.assemble(stage.task)
        correct = correct_predictions(network, data.val.inputs, data.val.labels, stage.task, stage.evaluation_batch_size)
        learner.ended(Epoch(epoch, train_loss, penalty, correct, len(data.val), time.perf_counter() - underway.began), network)
        if learner.best is not None and learner.best.best_epoch == epoch:
            improved()
        checkpoint.maybe_save(standing)
        yield learner.epochs[-1]

    checkpoint.end(standing)
    return learner.result(time.perf_counter() - standing.began)


def divergence(train_loss: float, penalty: float, epoch: int) -> DivergedError | None:
    """Return the error of an epoch whose loss or penalty is not finite; None if both are."""
    if math.isfinite(train_loss) and math.isfinite(penalty):
        return None
    return DivergedError(f"the loss became {train_loss} in epoch {epoch}",
                         "a lower learning rate or a smaller alpha keeps it finite")


def batches(order: Tensor, size: int, has_batch_norm: bool) -> list[Tensor]:
    """Split the samples of an epoch, int64 [samples] or [members, samples], into batches. With BatchNorm, a last batch of one
    sample, which has no variance, is merged into the previous one."""
    found = list(torch.split(order, size, dim=-1))
    if has_batch_norm and len(found) > 1 and found[-1].shape[-1] == 1:
        found[-2:] = [torch.cat(found[-2:], dim=-1)]
    return found
