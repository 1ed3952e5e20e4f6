"""What a training says of itself: every epoch, and in the end the network of the best one."""

from dataclasses import dataclass

from clnp_core.network import Network


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
