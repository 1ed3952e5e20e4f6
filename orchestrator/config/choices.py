"""The words that a configuration chooses between, each with what follows from it."""

from enum import StrEnum

from clnp_core.architecture import HeadKind


class HeadChoice(StrEnum):
    """The output of a network: the kinds of :class:`clnp_core.architecture.HeadKind` that CLNP knows."""

    MULTI = "multi"
    SINGLE = "single"

    @property
    def kind(self) -> HeadKind:
        """What the network is described by."""
        return HeadKind(self.value)


class OptimizerKind(StrEnum):
    """The optimizer of a trial."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"

    @property
    def has_momentum(self) -> bool:
        """Whether ``training.momentum`` means anything to it."""
        return self is OptimizerKind.SGD


class Precision(StrEnum):
    """In which numbers a trial computes its forward and backward passes."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


class Normalization(StrEnum):
    """What happens to input values before training."""

    UNIT = "unit"
    STANDARD = "standard"

    @property
    def transforms(self) -> bool:
        """Whether a benchmark has to do more than deliver values in 0..1."""
        return self is Normalization.STANDARD


class OnDepletion(StrEnum):
    """What a run does when a task finds no free neuron where it needs one."""

    STOP = "stop"
    WIDEN = "widen"

    @property
    def widens(self) -> bool:
        """Whether ``capacity.widen_by`` is needed."""
        return self is OnDepletion.WIDEN


class SamplerKind(StrEnum):
    """Where the points of a sweep come from."""

    GRID = "grid"
    TPE = "tpe"
    NSGA2 = "nsga2"

    @property
    def is_grid(self) -> bool:
        """Every point is known before the sweep starts, so a resumed run ends exactly like an uninterrupted one."""
        return self is SamplerKind.GRID


class SweepProtocol(StrEnum):
    """Which tasks are swept."""

    PER_TASK = "per-task"
    FIRST_TASK = "first-task"
    FIRST_K = "first-k"

    @property
    def sweeps_every_task(self) -> bool:
        """Whether every task has a sweep of its own, and none takes one trial with given values."""
        return self is SweepProtocol.PER_TASK

    @property
    def counts_swept_tasks(self) -> bool:
        """Whether ``sweep.first_tasks`` is needed."""
        return self is SweepProtocol.FIRST_K
