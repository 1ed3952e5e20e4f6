"""What Ray Tune reports, written into the database as it arrives. Runs in the driver: workers have no credentials."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from db.records import (
    AttemptStart,
    EpochRecord,
    Lease,
    PlannedTrial,
    ThresholdPoint,
    TrialFailure,
    TrialReport,
    TrialSuccess,
)
from db.states import FailureKind
from db.store import Store
from orchestrator.configuration.sweep import GridPoint
from orchestrator.progress import Progress
from orchestrator.stages.ahead import ScansAhead
from workers.jobs import TrialResult
from workers.spec import StageSpec, TrialSpec

START_AFTER_SECONDS = 1.0
"""A trial that has not reported so long after its start is recorded as running; a shorter one with its first report."""

KEPT_BY_TUNE = frozenset({"done", "training_iteration", "val_accuracy", "sparsity"})
"""What stays of a report: Tune keeps the last one of every trial, and the curves of thousands are more than a driver needs."""


class Recorder(tune.Callback):
    """Tune's callback into the store; it also tells ``ahead`` which scans may begin.

    What arrives together is one transaction: a trial that ends with its first report costs one, its start included. A worker
    that dies is started again by Tune under the same trial; its records are upserts, so nothing is counted twice. An error in
    here (a lost lease, a database that went away) ends the sweep: it is kept in ``error`` for the driver.
    """

    def __init__(self, store: Store, lease: Lease, stage: StageSpec, progress: Progress,
                 time_limit_seconds: float | None, ahead: ScansAhead | None = None) -> None:
        self._ahead = ahead
        self._store, self._lease, self._stage, self._progress = store, lease, stage, progress
        self._limit = time_limit_seconds
        self._started: dict[int, float] = {}
        self._attempts: dict[int, int] = {}
        self._unrecorded: dict[int, str] = {}  # starts, by number: Ray's id of the attempt
        self._recorded: set[int] = set()
        self._hosts: dict[int, str] = {}
        self.error: Exception | None = None

    @property
    def run_name(self) -> str:
        """The run that is recorded."""
        return self._lease.run_name

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its callbacks into a folder that is removed with the sweep, and no one reads them."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._guarded(lambda: self._start(trial))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any],
                        **info: Any) -> None:
        self._guarded(lambda: self._result(trial, result))
        for name in result.keys() - KEPT_BY_TUNE:
            del result[name]

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Several times a second: record the starts of trials that do not report at once."""
        now = time.monotonic()
        for number in [number for number in self._unrecorded if now - self._started[number] >= START_AFTER_SECONDS]:
            self._guarded(partial(self._record_start, number))
        if self._ahead is not None:
            self._guarded(self._ahead.begin)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A worker died and Tune will try again: not a trial that died of its time limit, which only reports that."""
        self._guarded(lambda: self._record_start(int(trial.config["point"]["number"])))
        if self._ran_out_of_time(trial):
            trial.set_config({**trial.config, "point": {**trial.config["point"], "timed_out": True}})
        else:
            self._guarded(lambda: self._moves(trial))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._guarded(lambda: self._lost(trial))

    def _start(self, trial: Trial) -> None:
        point = trial.config["point"]
        number = int(point["number"])
        spec = TrialSpec(self._stage, number, tuple(point["alpha"]), point["learning_rate"], point["seed"])
        if point.get("sampled"):
            planned = PlannedTrial(number, spec.key(), spec.alpha, spec.learning_rate, spec.seed)
            self._store.add_trials(self._lease, self._stage.task, [planned])
        if number not in self._started:
            self._progress.trial_started(number, GridPoint(spec.alpha, spec.learning_rate))
        self._started[number] = time.monotonic()
        self._attempts[number] = self._attempts.get(number, 0) + 1
        again = f".{self._attempts[number]}" if self._attempts[number] > 1 else ""
        self._unrecorded[number] = f"{trial.trial_id}{again}"

    def _record_start(self, number: int) -> None:
        start = self._unrecorded_start(number)
        if start is not None:
            self._store.trial_started(self._lease, self._stage.task, number, start.ray_trial_id, "", "", start.seconds_ago)

    def _unrecorded_start(self, number: int) -> AttemptStart | None:
        """The start of the attempt if it waits to be recorded; it waits no more."""
        ray_trial_id = self._unrecorded.pop(number, None)
        return None if ray_trial_id is None else AttemptStart(ray_trial_id, time.monotonic() - self._started[number])

    def _moves(self, trial: Trial) -> None:
        number, task = int(trial.config["point"]["number"]), self._stage.task
        host = self._hosts.pop(number, "")
        self._store.event(self._lease, "trial", f"task {task}, trial {number}: its worker{f' on {host}' if host else ''} died, "
                          "and it is trained again", {"task": task, "number": number, "host": host})

    def _result(self, trial: Trial, result: dict[str, Any]) -> None:
        number = int(trial.config["point"]["number"])
        if number in self._recorded:
            return
        self._hosts[number] = result["host"]
        epochs = tuple(EpochRecord(**epoch) for epoch in result["epochs"])
        failure, trained = result.get("failure"), result.get("result")
        if epochs:
            last = epochs[-1]
            self._progress.trial_epoch(number, last.epoch, self._stage.training.epochs, last.val_correct / last.val_total)
        for news in result.get("news", ()):
            self._tell(number, news)
        if failure is not None:
            self._fail(number, FailureKind(failure["kind"]), failure["reason"], epochs)
        elif trained is not None:
            self._finish(number, trained, epochs)
        elif epochs:
            self._record_start(number)
            self._store.trial_epochs(self._lease, self._stage.task, number, epochs)

    def _tell(self, number: int, news: str) -> None:
        """What happened to a trial that is no end of it, as a predicate of the trial."""
        text = f"task {self._stage.task}, trial {number} {news}"
        self._store.event(self._lease, "trial", text, {"task": self._stage.task, "number": number})
        self._progress.notice(f"  {text}")

    def _finish(self, number: int, trained: TrialResult, epochs: tuple[EpochRecord, ...]) -> None:
        curve = tuple(ThresholdPoint(point.threshold, point.val_correct, point.free_neurons) for point in trained.curve)
        success = TrialSuccess(
            trained.val_correct, trained.val_total, trained.best_epoch, trained.epochs_run, trained.train_seconds,
            trained.total_seconds, trained.artifact.digest, trained.artifact.bytes_written, self._hosts[number], trained.device,
            curve, trained.hidden_total)
        self._report(number, epochs, success)
        if self._ahead is not None:
            self._ahead.trained(number, trained.val_correct, trained.artifact.digest)
        self._progress.trial_finished(number, trained.val_correct / trained.val_total, trained.total_seconds)

    def _lost(self, trial: Trial) -> None:
        number = int(trial.config["point"]["number"])
        if number in self._recorded:
            return
        if self._ran_out_of_time(trial):
            self._fail(number, FailureKind.TIMED_OUT, f"longer than {self._limit:g} s")
        else:
            self._fail(number, FailureKind.LOST, "its worker died, and so did the workers of its retries")

    def _fail(self, number: int, kind: FailureKind, reason: str, epochs: tuple[EpochRecord, ...] = ()) -> None:
        self._report(number, epochs, TrialFailure(kind, reason))
        self._progress.trial_failed(number, reason)

    def _report(self, number: int, epochs: tuple[EpochRecord, ...], outcome: TrialSuccess | TrialFailure) -> None:
        self._store.trial_reported(self._lease, self._stage.task, number,
                                   TrialReport(epochs, outcome, self._unrecorded_start(number)))
        self._recorded.add(number)
        if self._ahead is not None:
            self._ahead.ended()

    def _ran_out_of_time(self, trial: Trial) -> bool:
        began = self._started.get(int(trial.config["point"]["number"]))
        return self._limit is not None and began is not None and time.monotonic() - began >= self._limit

    def _guarded(self, record: Callable[[], None]) -> None:
        if self.error is not None:
            return
        try:
            record()
        except Exception as error:
            self.error = error
