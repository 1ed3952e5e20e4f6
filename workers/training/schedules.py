"""The learning rate from epoch to epoch: multiplied at milestones, or along half a cosine down to 0.

A schedule moves between two epochs and never within one. The rate of an epoch follows from the initial rate and the number of
the epoch, so a training that continues from a checkpoint has the rates of one that was never interrupted.
"""

import math

import torch
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from workers.spec import Schedule, TrainingSpec


def schedule_of(spec: TrainingSpec, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Return the schedule of a fresh optimizer; its ``step`` is called once after every epoch.

    Args:
        spec: which schedule, and its settings.
        optimizer: its rate may be a number or a tensor on the device, which is then changed in place.
    """
    if spec.schedule is Schedule.COSINE:
        return CosineSchedule(optimizer, spec.epochs)
    return MultiStepLR(optimizer, list(spec.milestones), spec.gamma)


def cosine_factor(ended: int, epochs: int) -> float:
    """Return what the initial rate is multiplied by after ``ended`` of ``epochs`` epochs: (1 + cos(π · ended / epochs)) / 2.

    It is 1 in the first epoch, and 0 only when all of them have ended.
    """
    return (1 + math.cos(math.pi * ended / epochs)) / 2


class CosineSchedule(LRScheduler):
    """The initial rate times :func:`cosine_factor`. In closed form: no rate is computed from the one before it."""

    def __init__(self, optimizer: torch.optim.Optimizer, epochs: int) -> None:
        """Start at the initial rate.

        Args:
            optimizer: fresh.
            epochs: after which the rate is 0.
        """
        self._epochs = epochs
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return the rate of the next epoch for every group of the optimizer."""
        factor = cosine_factor(self.last_epoch, self._epochs)
        return [rate * factor for rate in self.base_lrs]
