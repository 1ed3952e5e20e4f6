"""A pack of grid points as a reusable Tune trainable.

A foreseen error is returned as a value instead of a Ray traceback, and does not count as a lost machine: Ray retries only if a
process died.
"""

import faulthandler
import time
import traceback
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import ray
from ray import tune

from clnp_core.errors import ClnpError
from clnp_core.values import Epoch, TrialResult
from workers import capture, user_modules
from workers.environment import host_name
from workers.jobs import pack_job
from workers.ray.out_of_memory import gpu_out_of_memory
from workers.ray.remote_jobs import is_asked_to_stop
from workers.spec import TrialSpec
from workers.training.loop import DivergedError
from workers.training.resume import StoppedError, listen

REPORT_EVERY_SECONDS = 1.0
"""Shorter epochs are reported together, so that short trials do not cause many messages."""

IDLE_SECONDS = 0.1
"""How often a pack that has stopped reports."""

GRACE_SECONDS = 5.0
"""How long after its time limit a trial that does not respond is ended by force."""


@dataclass(frozen=True, slots=True)
class StageWork:
    """The settings that all trials of a stage share.

    Attributes:
        storage: root of the artifact store, the same folder on every worker.
        margin_points: m, for the second objective of samplers; it does not change a trial.
        time_limit_seconds: after which an attempt at a trial times out.
        checkpoint_every_seconds: how often a trial writes a checkpoint; None for never.
        names_nodes: whether several nodes take part, so that trials report their node: machines may share a host name.
        run: the run's name, under which the output of its trials is stored; None stores nothing.
        stop_key: of :func:`workers.ray.remote_jobs.ask_to_stop`; None for trials without stop requests.
    """

    storage: str
    margin_points: Decimal
    time_limit_seconds: float | None
    checkpoint_every_seconds: float | None
    names_nodes: bool = False
    run: str | None = None
    stop_key: str | None = None


class PackTrainable(tune.Trainable):
    """A pack of grid points of a stage, usually of one, in a warm process that trains one pack after another
    (``reuse_actors``).

    ``config["trials"]`` is a list of :class:`workers.spec.TrialSpec`; a second attempt has ``config["attempt"]``, and
    ``config["timed_out"]`` if a time limit has killed the process. ``config["wanted"]`` has the numbers of the trials to
    report. Every result has ``members``, one dictionary for each trial with news: its ``number``, its ``epochs``
    (:class:`clnp_core.values.Epoch`; the first ones may be those of a resumed attempt) and, when it has ended, ``result``
    (:class:`clnp_core.values.TrialResult`) or ``failure`` ({"kind": "diverged" | "timed out" | "error", "reason": …}). Output
    is stored until then (:mod:`workers.capture`). A result also has the ``news`` of the checkpoint
    (:meth:`workers.training.resume.Checkpoint.news`) and, if one grid point trains alone, the values for samplers.

    A pack that is requested to stop writes a checkpoint. From then on its results have ``stopped``, and it occupies its slot
    until it is ended, so that no other pack starts.
    """

    _output: capture.Output | None = None

    def setup(self, config: dict[str, Any], **shared: StageWork) -> None:
        self._work = shared["work"]
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        work = self._work
        pack: list[TrialSpec] = config["trials"]
        self._began = time.monotonic()
        if self._output is not None:
            self._output.end()
        if work.run is not None:
            self._output = capture.begin_trial(capture.OutputPlace(work.storage, work.run, pack[0].stage.task), self.trial_id,
                                               [trial.number for trial in pack], config.get("attempt", 1))
        self._timed_out = bool(config.get("timed_out", False))
        if work.time_limit_seconds is not None:
            # A C thread that needs no interpreter lock also ends a trial that hangs inside a library.
            faulthandler.dump_traceback_later(work.time_limit_seconds + GRACE_SECONDS, exit=True, file=2)
        listen(None if work.stop_key is None else partial(is_asked_to_stop, work.stop_key))
        self._stopped = False
        self._training = set(config["wanted"])
        self._checkpoint = pack_job.checkpoint_of(pack, work.storage, work.checkpoint_every_seconds)
        self._steps = pack_job.run_pack(pack, work.storage, work.margin_points, self._checkpoint, frozenset(config["wanted"]))

    def step(self) -> dict[str, Any]:
        members: dict[int, dict[str, Any]] = {}
        began = time.monotonic()
        if self._stopped:
            time.sleep(IDLE_SECONDS)
            return self._report(members)
        try:
            while time.monotonic() - began < REPORT_EVERY_SECONDS:
                if self._out_of_time():
                    limit = self._work.time_limit_seconds
                    return self._all_ended(members, "timed out", f"longer than {limit:g} s")
                number, told = next(self._steps)
                member = members.setdefault(number, {"number": number, "epochs": []})
                if isinstance(told, Epoch):
                    member["epochs"].append(told)
                    continue
                self._training.remove(number)
                if isinstance(told, DivergedError):
                    member["failure"] = {"kind": "diverged", "reason": told.message}
                else:
                    member["result"] = told
                if not self._training:
                    deque(self._steps, maxlen=0)  # run what follows the last result
                    return self._ended(members)
        except StoppedError:
            self._stopped = True
            faulthandler.cancel_dump_traceback_later()
        except ClnpError as error:
            if error.__cause__ is not None:
                user_modules.print_traceback(error)
                if self._output is not None and self._output.shown is not None:
                    error.hint = f"{error.hint}; the traceback is in {self._output.shown}"
            return self._all_ended(members, "error", str(error))
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return self._all_ended(members, "error", str(gpu_out_of_memory(error) or f"{type(error).__name__}: {error}"))
        return self._report(members)

    def _report(self, members: dict[int, dict[str, Any]]) -> dict[str, Any]:
        if self._output is not None:
            self._output.look()
        report = {"members": [members[number] for number in sorted(members)], "news": self._checkpoint.news(),
                  "host": self._host(), "stopped": self._stopped, "val_accuracy": 0.0, "sparsity": 0.0}
        if len(members) == 1:
            [member] = members.values()
            result: TrialResult | None = member.get("result")
            if result is not None:
                report |= {"val_accuracy": result.val_correct / result.val_total,
                           "sparsity": result.free_within_margin / result.hidden_total}
            elif "failure" not in member:
                last: Epoch = member["epochs"][-1]
                report["val_accuracy"] = last.val_correct / last.val_total
        return report

    def _all_ended(self, members: dict[int, dict[str, Any]], kind: str, reason: str) -> dict[str, Any]:
        """Record a failure for every trial that has not ended yet."""
        for number in sorted(self._training):
            member = members.setdefault(number, {"number": number, "epochs": []})
            member["failure"] = {"kind": kind, "reason": reason}
        return self._ended(members)

    def _ended(self, members: dict[int, dict[str, Any]]) -> dict[str, Any]:
        report = {**self._report(members), "done": True}
        self.cleanup()
        return report

    def _host(self) -> str:
        node = f"/{ray.get_runtime_context().get_node_id()[:8]}" if self._work.names_nodes else ""
        return f"{host_name()}{node}"

    def _out_of_time(self) -> bool:
        limit = self._work.time_limit_seconds
        return self._timed_out or (limit is not None and time.monotonic() - self._began > limit)

    def cleanup(self) -> None:
        listen(None)
        faulthandler.cancel_dump_traceback_later()
        self._steps.close()
        if self._output is not None:
            self._output.end()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the trials store their artifacts and checkpoints themselves."""

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Do nothing."""
