"""Writes the reports of trials to the database as they arrive. Runs in the driver, because workers have no credentials."""

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from clnp_core.values import Epoch, TrialResult
from db.records import AttemptStart, Lease, PlannedTrial, TrialFailure, TrialReport
from db.states import FailureKind
from db.store.store import Store
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver.stages.early_scans import ScansAhead
from orchestrator.events.events import Progress
from workers.jobs.pack_attempt import Report
from workers.spec import StageSpec, TrialSpec

START_AFTER_SECONDS = 1.0
"""A trial without a report this long after its start is recorded as running; otherwise with its first report."""

KEPT_BY_TUNE = frozenset({"done", "training_iteration", "val_accuracy", "sparsity"})
"""Keys of a report that are kept: Tune keeps the last report of every trial, and thousands of curves take much memory."""


PackConfig = dict[str, Any]
"""The ``trials`` of a pack, which of them are ``wanted`` (see :class:`workers.ray.trainable.PackTrainable`), the ``attempt``,
and whether they are ``sampled``."""


class RunningPack(Protocol):
    """A pack that an executor trains, such as a trial of Tune. ``config`` has its ``trials`` and the number of the
    ``attempt``."""

    trial_id: str
    config: PackConfig

    def set_config(self, config: PackConfig) -> None:
        """Replace ``config``, for the next attempt."""


class Recorder:
    """Writes to the store what an executor tells it, and tells ``ahead`` which scans may begin.

    What arrives together is written in one transaction: a trial that ends with its first report, including its start, and
    everything that a pack reports at once, because its worker waits for it. A worker that died is replaced under the same
    trial; records are upserts, so nothing is counted twice. An error while writing (a lost lease, an unreachable database) is
    kept in ``error``; the executor then ends the sweep and raises it.
    """

    def __init__(self, store: Store, lease: Lease, stage: StageSpec, progress: Progress, time_limit_seconds: float | None,
                 ahead: ScansAhead | None = None, recorded: Collection[int] = ()) -> None:
        """Create a recorder; nothing is recorded yet.

        Args:
            store: the store to write to.
            lease: the lease of the run.
            stage: what the trials share.
            progress: receives the steps.
            time_limit_seconds: limit of one attempt at a trial or a pack.
            ahead: receives results, to start scans early.
            recorded: trials that have already ended. A pack that contains one is trained as a whole; its row does not change.
        """
        self._ahead = ahead
        self._store, self._lease, self._stage, self._progress = store, lease, stage, progress
        self._limit = time_limit_seconds
        self._started: dict[int, float] = {}
        self._attempts: dict[int, int] = {}
        self._unrecorded: dict[int, str] = {}  # starts, by number: Ray's id of the attempt
        self._recorded = set(recorded)
        self._hosts: dict[int, str] = {}
        self._training: set[str] = set()  # ids of the trials on workers that have neither ended nor stopped
        self.error: Exception | None = None

    @property
    def run_name(self) -> str:
        """Name of the run."""
        return self._lease.run_name

    @property
    def training(self) -> frozenset[str]:
        """Ids of the trials, or packs, that are on a worker and have neither ended nor stopped."""
        return frozenset(self._training)

    def started(self, trial: RunningPack) -> None:
        """Note that an attempt begins."""
        self._training.add(trial.trial_id)
        self._guarded(lambda: self._start(trial))

    def reported(self, trial: RunningPack, result: Report) -> None:
        """Record a report of :class:`workers.jobs.pack_attempt.PackAttempt`, and remove from it what is not needed later."""
        if result.get("done") or result.get("stopped"):
            self._training.discard(trial.trial_id)
        self._guarded(lambda: self._result(trial, result))
        for name in result.keys() - KEPT_BY_TUNE:
            del result[name]

    def tick(self) -> None:
        """Record the starts of trials that have not reported yet; called several times a second."""
        now = time.monotonic()
        waited = [number for number in self._unrecorded if now - self._started[number] >= START_AFTER_SECONDS]
        self._guarded(lambda: self._record_starts(waited))
        if self._ahead is not None:
            self._guarded(self._ahead.begin)

    def retried(self, trial: RunningPack) -> None:
        """Note that a worker died and the executor retries; not for a trial that exceeded its time limit."""
        self._training.discard(trial.trial_id)
        self._guarded(lambda: self._record_starts(self._open(trial)))
        again = {**trial.config, "attempt": trial.config.get("attempt", 1) + 1}
        if self._ran_out_of_time(trial):
            trial.set_config({**again, "timed_out": True})
        else:
            trial.set_config(again)
            self._guarded(lambda: self._moves(trial))

    def lost(self, trial: RunningPack) -> None:
        """Record the failure of a trial whose worker died in every attempt."""
        self._training.discard(trial.trial_id)
        self._guarded(lambda: self._lost(trial))

    def left(self, trial: RunningPack) -> None:
        """Note that an attempt has ended, whatever became of it."""
        self._training.discard(trial.trial_id)

    def _open(self, trial: RunningPack) -> list[int]:
        """Return the numbers of a pack whose results are not recorded yet."""
        return [spec.number for spec in _pack(trial) if spec.number not in self._recorded]

    def _start(self, trial: RunningPack) -> None:
        for spec in _pack(trial):
            number = spec.number
            if number in self._recorded:
                continue
            if trial.config.get("sampled"):
                planned = PlannedTrial(number, spec.key(), spec.alpha, spec.learning_rate, spec.seed, spec.role)
                self._store.add_trials(self._lease, self._stage.task, [planned])
            if number not in self._started:
                self._progress.trial_started(number, GridPoint(spec.alpha, spec.learning_rate), spec.role)
            self._started[number] = time.monotonic()
            self._attempts[number] = self._attempts.get(number, 0) + 1
            again = f".{self._attempts[number]}" if self._attempts[number] > 1 else ""
            self._unrecorded[number] = f"{trial.trial_id}{again}"

    def _record_starts(self, numbers: Sequence[int]) -> None:
        self._write({number: TrialReport((), None, start) for number in numbers
                     if (start := self._unrecorded_start(number)) is not None})

    def _write(self, reports: Mapping[int, TrialReport]) -> None:
        """Write reports of several trials in one transaction; a single report uses the more specific writes."""
        task = self._stage.task
        if len(reports) > 1:
            self._store.trials_reported(self._lease, task, reports)
            return
        for number, report in reports.items():
            if report.outcome is not None:
                self._store.trial_reported(self._lease, task, number, report)
                continue
            start = report.start
            if start is not None:
                self._store.trial_started(self._lease, task, number, start.ray_trial_id, "", "", start.seconds_ago)
            if report.epochs:
                self._store.trial_epochs(self._lease, task, number, report.epochs)

    def _unrecorded_start(self, number: int) -> AttemptStart | None:
        """Return and forget the start of the attempt if it is not recorded yet."""
        ray_trial_id = self._unrecorded.pop(number, None)
        return None if ray_trial_id is None else AttemptStart(ray_trial_id, time.monotonic() - self._started[number])

    def _moves(self, trial: RunningPack) -> None:
        numbers = self._open(trial)
        hosts = {self._hosts.pop(number, "") for number in numbers} - {""}
        host = hosts.pop() if hosts else ""
        text = f"{self._named(trial)}: its worker{f' on {host}' if host else ''} died, retraining it"
        self._store.event(self._lease, "trial", text, self._facts(trial) | {"host": host})

    def _result(self, trial: RunningPack, result: Report) -> None:
        members = [member for member in result["members"] if member["number"] not in self._recorded]
        for news in result.get("news", ()):
            text = f"{self._named(trial)} {news}"
            self._store.event(self._lease, "trial", text, self._facts(trial))
            self._progress.notice(f"  {text}")
        self._hosts |= dict.fromkeys(self._open(trial), str(result["host"]))
        reports = {member["number"]: self._report(**member) for member in members}
        self._write({number: report for number, report in reports.items() if report.epochs or report.outcome})
        self._recorded.update(number for number, report in reports.items() if report.outcome)
        specs = {spec.number: spec for spec in _pack(trial)}
        for member in members:
            self._show(specs[member["number"]], reports[member["number"]], member.get("result"))
        if result.get("done"):
            self._pack_ended()

    def _report(self, number: int, epochs: list[Epoch], result: TrialResult | None = None,
                failure: dict[str, str] | None = None) -> TrialReport:
        """Return what to write for one trial."""
        outcome: TrialResult | TrialFailure | None = None
        if failure is not None:
            outcome = TrialFailure(FailureKind(failure["kind"]), failure["reason"])
        elif result is not None:
            outcome = dataclasses.replace(result, host=self._hosts[number])
        return TrialReport(tuple(epochs), outcome, self._unrecorded_start(number) if epochs or outcome else None)

    def _show(self, spec: TrialSpec, report: TrialReport, result: TrialResult | None) -> None:
        """Report to the progress what has been written for one trial."""
        number = spec.number
        if report.epochs:
            last = report.epochs[-1]
            self._progress.trial_epoch(number, last.epoch, spec.stage.training.epochs, last.val_correct / last.val_total)
        if isinstance(report.outcome, TrialFailure):
            self._progress.trial_failed(number, report.outcome.reason)
        elif result is not None:
            if self._ahead is not None and spec.role.can_be_chosen:
                self._ahead.trained(number, result.val_correct, result.artifact.digest)
            self._progress.trial_finished(number, result.val_correct / result.val_total, result.total_seconds)

    def _named(self, trial: RunningPack) -> str:
        """Return the name of a trial or a pack for a message."""
        numbers = [spec.number for spec in _pack(trial)]
        of_pack = f"the pack of trials {numbers[0]} to {numbers[-1]}"
        return f"task {self._stage.task}, {f'trial {numbers[0]}' if len(numbers) == 1 else of_pack}"

    def _facts(self, trial: RunningPack) -> dict[str, Any]:
        numbers = [spec.number for spec in _pack(trial)]
        several = {"numbers": numbers} if len(numbers) > 1 else {}
        return {"task": self._stage.task, "number": numbers[0], **several}

    def _pack_ended(self) -> None:
        if self._ahead is not None:
            self._ahead.ended()

    def _lost(self, trial: RunningPack) -> None:
        numbers = self._open(trial)
        failure = (TrialFailure(FailureKind.TIMED_OUT, f"longer than {self._limit:g} s") if self._ran_out_of_time(trial) else
                   TrialFailure(FailureKind.LOST, "its worker died, and so did those of all retries"))
        self._write({number: TrialReport((), failure, self._unrecorded_start(number)) for number in numbers})
        self._recorded.update(numbers)
        for number in numbers:
            self._progress.trial_failed(number, failure.reason)
        if numbers:
            self._pack_ended()

    def _ran_out_of_time(self, trial: RunningPack) -> bool:
        began = [self._started[number] for number in self._open(trial) if number in self._started]
        return self._limit is not None and bool(began) and time.monotonic() - began[0] >= self._limit

    def _guarded(self, record: Callable[[], None]) -> None:
        if self.error is not None:
            return
        try:
            record()
        except Exception as error:
            self.error = error


def _pack(trial: RunningPack) -> list[TrialSpec]:
    """Return what is trained together: one planned trial, or a pack."""
    pack: list[TrialSpec] = trial.config["trials"]
    return pack
