"""A grid point as a reusable Tune trainable.

An error that the project foresees travels back as a value, not as a Ray traceback, and does not count as a lost machine: Ray
retries only a process that died.
"""

import dataclasses
import faulthandler
import time
from collections.abc import Generator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ray
from ray import tune

from clnp_core.errors import ClnpError
from workers import jobs
from workers.environment import host_name
from workers.epochs import Epoch
from workers.spec import StageSpec, TrialSpec
from workers.training import DivergedError

REPORT_EVERY_SECONDS = 1.0
"""Epochs shorter than this are reported together, so that short trials do not pay for many messages."""

GRACE_SECONDS = 5.0
"""How long after its time limit a trial that does not come back to us is ended by force."""


@dataclass(frozen=True, slots=True)
class StageWork:
    """What every trial of a stage is given.

    Attributes:
        stage: what the trials share.
        storage: root of the artifact store, the same folder on every worker.
        margin_points: m, for the second objective of samplers; it does not change a trial.
        time_limit_seconds: after which an attempt at a trial ends as timed out.
        checkpoint_every_seconds: how often a trial leaves what an interrupted one goes on from; None for never.
        names_nodes: several nodes take part, so a trial says on which one it ran: machines may share a host name.
    """

    stage: StageSpec
    storage: str
    margin_points: Decimal
    time_limit_seconds: float | None
    checkpoint_every_seconds: float | None
    names_nodes: bool = False


class GridPoint(tune.Trainable):
    """One grid point of a stage, in a warm process that serves one after another (``reuse_actors``).

    ``config["point"]`` holds ``number``, ``alpha`` (list), ``learning_rate``, ``seed`` and, once a time limit has killed the
    process, ``timed_out``. Every result holds ``epochs``, the first one those of an attempt that it goes on with as well, and
    ``news`` of its checkpoint (:meth:`workers.continuing.Checkpoint.news`); the last one also ``result``
    (:class:`workers.jobs.TrialResult`) or ``failure`` ({"kind": "diverged" | "timed out" | "error", "reason": …}).
    """

    def setup(self, config: dict[str, Any], **shared: StageWork) -> None:
        self._work = shared["work"]
        self._begin(config["point"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config["point"])
        return True

    def _begin(self, point: dict[str, Any]) -> None:
        work = self._work
        self._began = time.monotonic()
        self._timed_out = bool(point.get("timed_out", False))
        if work.time_limit_seconds is not None:
            # A C thread that needs no interpreter lock: it also ends a trial that hangs inside a library.
            faulthandler.dump_traceback_later(work.time_limit_seconds + GRACE_SECONDS, exit=True)
        trial = TrialSpec(work.stage, point["number"], tuple(point["alpha"]), point["learning_rate"], point["seed"])
        self._checkpoint = jobs.checkpoint_of(trial, work.storage, work.checkpoint_every_seconds)
        self._steps: Generator[Epoch, None, jobs.TrialResult] = jobs.run_trial(trial, work.storage, work.margin_points,
                                                                               self._checkpoint)

    def step(self) -> dict[str, Any]:
        epochs: list[dict[str, Any]] = []
        began = time.monotonic()
        try:
            while time.monotonic() - began < REPORT_EVERY_SECONDS:
                if self._out_of_time():
                    limit = self._work.time_limit_seconds
                    return self._ended(epochs, failure={"kind": "timed out", "reason": f"longer than {limit:g} s"})
                epochs.append(dataclasses.asdict(next(self._steps)))
        except StopIteration as stop:
            return self._ended(epochs, result=stop.value)
        except DivergedError as error:
            return self._ended(epochs, failure={"kind": "diverged", "reason": error.message})
        except ClnpError as error:
            return self._ended(epochs, failure={"kind": "error", "reason": str(error)})
        except Exception as error:
            return self._ended(epochs, failure={"kind": "error", "reason": f"{type(error).__name__}: {error}"})
        return {"epochs": epochs, "news": self._checkpoint.news(), "host": self._host(), "sparsity": 0.0,
                "val_accuracy": epochs[-1]["val_correct"] / epochs[-1]["val_total"]}

    def _host(self) -> str:
        node = f"/{ray.get_runtime_context().get_node_id()[:8]}" if self._work.names_nodes else ""
        return f"{host_name()}{node}"

    def _out_of_time(self) -> bool:
        limit = self._work.time_limit_seconds
        return self._timed_out or (limit is not None and time.monotonic() - self._began > limit)

    def _ended(self, epochs: list[dict[str, Any]], result: jobs.TrialResult | None = None,
               failure: dict[str, str] | None = None) -> dict[str, Any]:
        faulthandler.cancel_dump_traceback_later()
        self._steps.close()
        return {"epochs": epochs, "news": self._checkpoint.news(), "host": self._host(), "done": True, "result": result,
                "failure": failure,
                "val_accuracy": 0.0 if result is None else result.val_correct / result.val_total,
                "sparsity": 0.0 if result is None else result.free_within_margin / result.hidden_total}

    def cleanup(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._steps.close()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the trial itself stores its artifact, and on the way to it what an interrupted one goes on from."""

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing to load."""
