"""One attempt at a pack of grid points, step by step; plain Python without Ray. Each executor runs these steps in its own way.

A foreseen error is reported as a value, and so is an exception of a user's code: an executor repeats an attempt only if its
process died.
"""

import faulthandler
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clnp_core.errors import ClnpError
from clnp_core.values import Epoch, TrialResult
from workers import capture, user_modules
from workers.jobs import pack_job
from workers.jobs.job_answer import name_log
from workers.jobs.out_of_memory import gpu_out_of_memory
from workers.spec import TrialSpec
from workers.training.loop import DivergedError
from workers.training.resume import StoppedError, listen

REPORT_EVERY_SECONDS = 1.0
"""Shorter epochs are reported together, so that short trials do not cause many messages."""

Report = dict[str, Any]
"""What an attempt reports, as :class:`PackAttempt` describes it: of a pack, or of one of its members."""

IDLE_SECONDS = 0.1
"""How often a pack that has stopped reports."""


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
        stop_key: under which an executor finds the stop request of its driver; None for trials without stop requests.
    """

    storage: str
    margin_points: Decimal
    time_limit_seconds: float | None
    checkpoint_every_seconds: float | None
    names_nodes: bool = False
    run: str | None = None
    stop_key: str | None = None


class PackAttempt:
    """An attempt at a pack of grid points of a stage, usually of one.

    Every report of :meth:`step` has ``members``, one dictionary for each trial with news: its ``number``, its ``epochs``
    (:class:`clnp_core.values.Epoch`; the first ones may be those of a resumed attempt) and, when it has ended, ``result``
    (:class:`clnp_core.values.TrialResult`) or ``failure`` ({"kind": "diverged" | "timed out" | "error", "reason": …}). Output
    is stored until then (:mod:`workers.capture`). A report also has the ``news`` of the checkpoint
    (:meth:`workers.training.resume.Checkpoint.news`) and, if one grid point trains alone, the values for samplers. The last
    report has ``done``.

    A pack that is requested to stop writes a checkpoint. From then on its reports have ``stopped``.
    """

    def __init__(self, work: StageWork, pack: Sequence[TrialSpec], wanted: Sequence[int], host: str,
                 asked: Callable[[], bool] | None, output: capture.Output | None = None, timed_out: bool = False) -> None:
        """Prepare the attempt; the first :meth:`step` begins to train.

        Args:
            work: the settings of the stage.
            pack: the trials to train.
            wanted: numbers of the trials to report.
            host: the name of the machine in reports.
            asked: whether the driver requests a stop, called on a thread; None for no stop requests.
            output: stores what the attempt prints; None leaves it where it is.
            timed_out: whether a time limit ended the previous attempt, so that this one only reports that.
        """
        self._work, self._host, self._output, self._timed_out = work, host, output, timed_out
        self._began = time.monotonic()
        listen(asked)
        self._stopped = False
        self._training = set(wanted)
        self._checkpoint = pack_job.checkpoint_of(pack, work.storage, work.checkpoint_every_seconds)
        self._steps = pack_job.run_pack(pack, work.storage, work.margin_points, self._checkpoint, frozenset(wanted))

    def step(self) -> Report:
        """Train for about a second, or for one epoch if that is longer, and return a report."""
        members: dict[int, Report] = {}
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
                name_log(error, self._output)
            return self._all_ended(members, "error", str(error))
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return self._all_ended(members, "error", str(gpu_out_of_memory(error) or f"{type(error).__name__}: {error}"))
        return self._report(members)

    def _report(self, members: dict[int, Report]) -> Report:
        if self._output is not None:
            self._output.look()
        report = {"members": [members[number] for number in sorted(members)], "news": self._checkpoint.news(),
                  "host": self._host, "stopped": self._stopped, "val_accuracy": 0.0, "sparsity": 0.0}
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

    def _all_ended(self, members: dict[int, Report], kind: str, reason: str) -> Report:
        """Record a failure for every trial that has not ended yet."""
        for number in sorted(self._training):
            member = members.setdefault(number, {"number": number, "epochs": []})
            member["failure"] = {"kind": kind, "reason": reason}
        return self._ended(members)

    def _ended(self, members: dict[int, Report]) -> Report:
        report = {**self._report(members), "done": True}
        self.end()
        return report

    def _out_of_time(self) -> bool:
        limit = self._work.time_limit_seconds
        return self._timed_out or (limit is not None and time.monotonic() - self._began > limit)

    def end(self) -> None:
        """End the attempt, whether it is done or not. Further calls have no effect."""
        listen(None)
        faulthandler.cancel_dump_traceback_later()
        self._steps.close()
        if self._output is not None:
            self._output.end()
