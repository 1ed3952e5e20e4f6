"""Train one trial of a method that does not divide the network: the plain loop, with all weights free."""

from collections.abc import Generator
from typing import NamedTuple

import torch

from clnp_core.errors import StateError
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import released, take_over, undivided
from clnp_core.values import Epoch
from workers.baselines.ewc import with_task
from workers.baselines.penalty import Anchor
from workers.baselines.si import PathIntegral
from workers.data.loader import TaskData
from workers.methods import Method
from workers.spec import TrialSpec, derive_seed
from workers.training.loop import fit
from workers.training.resume import NEVER, Checkpoint
from workers.training.state import Trained


class TrainedWhole(NamedTuple):
    """The undivided network of the best epoch, and the anchor for the next task."""

    trained: Trained
    anchor: Anchor


def train_whole(trial: TrialSpec, base: Network, anchor: Anchor, data: TaskData,
                checkpoint: Checkpoint = NEVER) -> Generator[Epoch, None, TrainedWhole]:
    """Train all weights on one task; yield after every epoch.

    Training starts from the weights of ``base`` if the trial has a base, else from random ones. EWC and SI penalise changes
    with ``anchor``, at the strength of the trial's method; there is no L1 term.

    Args:
        trial: the trial; its stage has the method.
        base: the network after the task before, or an empty one, on the device of ``data``.
        anchor: of the tasks before, on the same device.
        data: the task.
        checkpoint: as in :func:`workers.training.loop.train`.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    stage, generator = trial.stage, torch.Generator().manual_seed(trial.seed)
    if stage.method is None:
        raise StateError("the trial divides the network", "workers.training.loop trains it")
    kind, free = stage.method.kind, FreeNetwork(released(base), generator)
    if stage.base_digest is not None:
        take_over(free, base, stage.task)
    path = PathIntegral(free) if kind is Method.SI else None
    strength = stage.method.strength or 0.0

    def attend(optimizer: torch.optim.Optimizer) -> None:
        if path is not None:
            path.attend(optimizer)
        if anchor.precision:
            optimizer.register_step_pre_hook(lambda *_: anchor.add_gradient(free, strength))

    trained = yield from fit(free, (), data, trial, generator, checkpoint, attend=attend,
                             improved=path.keep if path is not None else lambda: None)
    if path is not None:
        take_over(free, trained.network, stage.task)  # the best epoch may not have been the last
        anchor = path.consolidated(anchor)
    elif kind is Method.EWC:
        anchor = with_task(anchor, trained.network, stage.task, data, stage.method.fisher_samples,
                           derive_seed(trial.seed, "fisher"))
    return TrainedWhole(Trained(undivided(trained.network), trained.val_correct, trained.best_epoch, trained.epochs_run,
                                trained.train_seconds), anchor)
