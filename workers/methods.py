"""The methods that learn a sequence of tasks: CLNP, and those that it is compared with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Method(StrEnum):
    """The method with which a run learns its tasks."""

    CLNP = "clnp"
    """Continual learning by neural pruning: the method of this project."""

    SCRATCH = "scratch"
    """A new network for every task, trained on it alone: the accuracy that a task reaches by itself."""

    SEQUENTIAL = "sequential"
    """One network, trained on one task after the other, without measures against forgetting."""

    EWC = "ewc"
    """Sequential training with elastic weight consolidation (Kirkpatrick et al. 2017)."""

    SI = "si"
    """Sequential training with synaptic intelligence (Zenke et al. 2017)."""

    JOINT = "joint"
    """All tasks together (paper, appendix A): all data is available at any time, unlike in continual learning."""

    @property
    def divides_the_network(self) -> bool:
        """Return whether each task has its own frozen neurons, so that capacity, thresholds and proofs are defined."""
        return self is Method.CLNP

    @property
    def goes_on(self) -> bool:
        """Return whether a task starts from the weights of the previous one."""
        return self in (Method.CLNP, Method.SEQUENTIAL, Method.EWC, Method.SI)

    @property
    def learns_at_once(self) -> bool:
        """Return whether one stage learns all tasks. It has the number of the last task."""
        return self is Method.JOINT

    @property
    def has_a_network_for_each_task(self) -> bool:
        """Whether nothing is shared among tasks: a commit serves its own task alone."""
        return self is Method.SCRATCH

    def first_task(self, tasks: int) -> int:
        """Return the first task that has a stage in a run of ``tasks`` tasks."""
        return tasks if self.learns_at_once else 1

    @property
    def is_held(self) -> bool:
        """Return whether a penalty with a given strength keeps the weights near those of earlier tasks."""
        return self in (Method.EWC, Method.SI)


def recorded_method(name: str) -> Method | None:
    """Return the method that a record names; None for one that this version does not know."""
    return next((method for method in Method if method == name), None)


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What determines a trial of a method other than CLNP.

    Attributes:
        kind: the method.
        strength: λ of EWC, c of SI; None for the others.
        fisher_samples: training samples over which EWC averages the Fisher information of a task.
        tasks: the number of tasks that joint training learns together; 1 for the others.
        batch: of joint training, samples of each task in a batch; empty for shares in proportion to the sizes of the tasks.
    """

    kind: Method
    strength: float | None = None
    fisher_samples: int = 1000
    tasks: int = 1
    batch: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary with the values that the method uses; :meth:`from_json` is its inverse."""
        data: dict[str, Any] = {"kind": self.kind.value}
        if self.kind.is_held:
            data["strength"] = self.strength
        if self.kind is Method.EWC:
            data["fisher_samples"] = self.fisher_samples
        if self.kind is Method.JOINT:
            data |= {"tasks": self.tasks, "batch": list(self.batch)}
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "MethodSpec":
        """Return the method that :meth:`to_json` described."""
        return cls(**{**data, "kind": Method(data["kind"]), "batch": tuple(data.get("batch", ()))})
