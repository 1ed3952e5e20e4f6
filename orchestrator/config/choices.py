"""The enumerations of the configuration, with predicates on their values."""

from enum import StrEnum

from clnp_core.architecture import HeadKind
from workers.spec import Schedule


class HeadChoice(StrEnum):
    """The output of a network: the kinds of :class:`clnp_core.architecture.HeadKind` that a config can choose."""

    MULTI = "multi"
    SINGLE = "single"

    @property
    def kind(self) -> HeadKind:
        """The head kind of the architecture."""
        return HeadKind(self.value)


class OptimizerKind(StrEnum):
    """The optimizer of a trial."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"

    @property
    def has_momentum(self) -> bool:
        """Whether it uses ``training.momentum``."""
        return self is OptimizerKind.SGD


class FineTuningSchedule(StrEnum):
    """How the learning rate changes during fine-tuning."""

    CONSTANT = "constant"
    COSINE = "cosine"

    @property
    def schedule(self) -> Schedule:
        """What a training is described by."""
        return Schedule(self.value)


class Precision(StrEnum):
    """The number format of a trial's forward and backward passes."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


class Normalization(StrEnum):
    """How input values are normalized before training."""

    UNIT = "unit"
    STANDARD = "standard"

    @property
    def transforms(self) -> bool:
        """Whether inputs are changed beyond scaling to 0..1."""
        return self is Normalization.STANDARD


class OnDepletion(StrEnum):
    """What a run does when a layer that a task needs has no free neuron."""

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
        """Whether every point is known before the sweep starts, so that a resumed run ends exactly as an uninterrupted one."""
        return self is SamplerKind.GRID


class SweepProtocol(StrEnum):
    """Which tasks are swept."""

    PER_TASK = "per-task"
    FIRST_TASK = "first-task"
    FIRST_K = "first-k"

    @property
    def sweeps_every_task(self) -> bool:
        """Whether every task is swept, rather than trained once with fixed values."""
        return self is SweepProtocol.PER_TASK

    @property
    def counts_swept_tasks(self) -> bool:
        """Whether ``sweep.first_tasks`` is needed."""
        return self is SweepProtocol.FIRST_K


class ExecutorKind(StrEnum):
    """The executors that a launch or a resume can name; no part of a configuration."""

    RAY = "ray"
    INLINE = "inline"
