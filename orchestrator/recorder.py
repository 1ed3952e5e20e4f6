"""What Ray Tune reports, written into the database as it arrives. Runs in the driver: workers have no credentials."""

import time
from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from db.records import EpochRecord, Lease, PlannedTrial, ThresholdPoint, TrialFailure, TrialSuccess
from db.states import FailureKind
from db.store import Store
from orchestrator.configuration.sweep import GridPoint
from orchestrator.progress import Progress
from workers.jobs import TrialResult
from workers.spec import StageSpec, TrialSpec


class Recorder(tune.Callback):
    """Tune's callback into the store.

    A worker that dies is started again by Tune under the same trial; its records are upserts, so nothing is counted twice.
    An error in here (a lost lease, a database that went away) ends the sweep: it is kept in ``error`` for the driver.
    """

    def __init__(self, store: Store, lease: Lease, stage: StageSpec, progress: Progress,
                 time_limit_seconds: float | None) -> None:
        self._store, self._lease, self._stage, self._progress = store, lease, stage, progress
        self._limit = time_limit_seconds
        self._started: dict[int, float] = {}
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

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A worker died and Tune will try again: not a trial that died of its time limit, which only reports that."""
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
        self._store.trial_started(self._lease, self._stage.task, number, str(trial.trial_id), "", "")

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
        epochs = [EpochRecord(**epoch) for epoch in result["epochs"]]
        if epochs:
            self._store.trial_epochs(self._lease, self._stage.task, number, epochs)
            last = epochs[-1]
            self._progress.trial_epoch(number, last.epoch, self._stage.training.epochs, last.val_correct / last.val_total)
        for news in result.get("news", ()):
            self._tell(number, news)
        if result.get("failure") is not None:
            self._fail(number, FailureKind(result["failure"]["kind"]), result["failure"]["reason"])
        elif result.get("result") is not None:
            self._finish(number, result["result"])

    def _tell(self, number: int, news: str) -> None:
        """What happened to a trial that is no end of it, as a predicate of the trial."""
        text = f"task {self._stage.task}, trial {number} {news}"
        self._store.event(self._lease, "trial", text, {"task": self._stage.task, "number": number})
        self._progress.notice(f"  {text}")

    def _finish(self, number: int, trained: TrialResult) -> None:
        curve = tuple(ThresholdPoint(point.threshold, point.val_correct, point.free_neurons) for point in trained.curve)
        self._store.trial_finished(self._lease, self._stage.task, number, TrialSuccess(
            trained.val_correct, trained.val_total, trained.best_epoch, trained.epochs_run, trained.train_seconds,
            trained.total_seconds, trained.artifact.digest, trained.artifact.bytes_written, self._hosts[number], trained.device,
            curve, trained.hidden_total))
        self._recorded.add(number)
        self._progress.trial_finished(number, trained.val_correct / trained.val_total, trained.total_seconds)

    def _lost(self, trial: Trial) -> None:
        number = int(trial.config["point"]["number"])
        if number in self._recorded:
            return
        if self._ran_out_of_time(trial):
            self._fail(number, FailureKind.TIMED_OUT, f"longer than {self._limit:g} s")
        else:
            self._fail(number, FailureKind.LOST, "its worker died, and so did the workers of its retries")

    def _fail(self, number: int, kind: FailureKind, reason: str) -> None:
        self._store.trial_failed(self._lease, self._stage.task, number, TrialFailure(kind, reason))
        self._recorded.add(number)
        self._progress.trial_failed(number, reason)

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
