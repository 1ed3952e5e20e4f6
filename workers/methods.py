"""How the tasks of a sequence are learnt: CLNP, and what it is held against."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Method(StrEnum):
    """How a run learns its tasks."""

    CLNP = "clnp"
    """Continual learning by neural pruning: the method of this project."""

    SCRATCH = "scratch"
    """A new network for every task, trained on it alone: what a task can reach by itself."""

    SEQUENTIAL = "sequential"
    """One network, trained on one task after the other, with nothing against forgetting."""

    EWC = "ewc"
    """The same, held by elastic weight consolidation (Kirkpatrick et al. 2017)."""

    SI = "si"
    """The same, held by synaptic intelligence (Zenke et al. 2017)."""

    JOINT = "joint"
    """All tasks at once (paper, appendix A): it sees all data at any time, which continual learning may not."""

    @property
    def divides_the_network(self) -> bool:
        """Whether tasks get neurons of their own, which are frozen: capacity, thresholds and proofs have a meaning."""
        return self is Method.CLNP

    @property
    def goes_on(self) -> bool:
        """Whether a task begins with the weights of the one before."""
        return self in (Method.CLNP, Method.SEQUENTIAL, Method.EWC, Method.SI)

    @property
    def learns_at_once(self) -> bool:
        """Whether one stage learns all tasks. It is filed under the last of them."""
        return self is Method.JOINT

    @property
    def has_a_network_for_each_task(self) -> bool:
        """Whether nothing is shared among tasks: a commit serves its own task alone."""
        return self is Method.SCRATCH

    def first_task(self, tasks: int) -> int:
        """The first task that has a stage in a run of so many."""
        return tasks if self.learns_at_once else 1

    @property
    def is_held(self) -> bool:
        """Whether a penalty of a given strength holds the weights."""
        return self in (Method.EWC, Method.SI)


def recorded_method(name: str) -> Method | None:
    """Return the method that a record names; None for one that this version does not know."""
    return next((method for method in Method if method == name), None)


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What determines a trial of a method other than CLNP.

    Attributes:
        kind: which one.
        strength: λ of EWC, c of SI; None for the others.
        fisher_samples: training samples over which EWC averages the Fisher information of a task.
        tasks: how many tasks joint training has at once; 1 for the others.
        batch: of joint training, samples of each task in a batch; empty for shares in proportion to the tasks' sizes.
    """

    kind: Method
    strength: float | None = None
    fisher_samples: int = 1000
    tasks: int = 1
    batch: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary with what matters to the method; :meth:`from_json` is its inverse."""
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
        """The method that :meth:`to_json` described."""
        return cls(**{**data, "kind": Method(data["kind"]), "batch": tuple(data.get("batch", ()))})
