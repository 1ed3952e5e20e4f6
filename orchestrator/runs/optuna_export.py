"""Export of a run's trials as Optuna studies, for optuna-dashboard and other Optuna tools.

The mirror is a separate storage that is never read back into a run; clnp's database is only read.
Every task is a study ``RUN task K`` with two objectives, both maximised: validation accuracy, and sparsity within the margin of
the trial's own accuracy (:func:`sparsity_within_margin`). A trial is added once, when it has ended, because finished Optuna
trials cannot be changed. Verdicts, which follow later, are attributes of the study.
"""

import contextlib
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, create_trial
from sqlalchemy import URL, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from clnp_core.errors import ConfigError, DatabaseError, StateError
from clnp_core.selection import required_correct
from clnp_core.values import TrialRole
from db.dialect import by_dialect, database_file, new_engine, one_process
from db.errors import translate
from db.reads.reads import Reads
from db.rows import RunRow, StageRow, ThresholdRow, TrialRow
from db.states import TrialState
from db.url import URL_VARIABLE, file_url, resolve_url, shown
from orchestrator.config.config import Config
from orchestrator.config.sweep_section import LogRange
from orchestrator.driver import plan


def sparsity_within_margin(trial: TrialRow, curve: Sequence[ThresholdRow], margin_points: Decimal) -> float:
    """Return the largest sparsity (a fraction) on a trial's recorded curve within the margin of the trial's own accuracy.

    It is known as soon as the trial is finished. The exact result of the selection, relative to the best trial, differs.
    0 for a trial without a curve.
    """
    required = required_correct(trial.val_correct or 0, trial.val_total or 1, margin_points)
    return max((point.sparsity for point in curve if point.val_correct >= required), default=0.0)


OBJECTIVES = ("validation accuracy", "sparsity within the margin")

FOLLOW_SECONDS = 5.0
"""Seconds between two updates of a followed run."""

MIRROR_LOCK = 0x6D6972726F72
"""PostgreSQL advisory lock that lets one process at a time write to a mirror ("mirror" in ASCII)."""

Identity = tuple[int, str, int, str]
"""Identity of a mirrored trial: number, key, attempt, state. A failed trial that is retrained is a new one."""


@dataclass(frozen=True, slots=True)
class MirroredStage:
    """One task in the mirror: the name of its study, the number of added trials, and the number of all trials."""

    task: int
    study: str
    trials_added: int
    trials: int


class Mirror:
    """An Optuna storage that runs are copied to. Several processes may use it; they write one at a time."""

    def __init__(self, address: URL, storage: optuna.storages.BaseStorage) -> None:
        self.address, self._storage = address, storage

    def update(self, reads: Reads, run: str) -> tuple[MirroredStage, ...]:
        """Add the missing trials of a run; idempotent.

        Raises:
            NotFoundError: no such run.
            StateError: the mirror holds another run of the same name.
            DatabaseError: either database cannot be used.
        """
        row = reads.run(run)
        with _told(self.address), one_process(self.address, MIRROR_LOCK):
            return tuple(self._stage(reads, row, stage) for stage in reads.stages(run) if stage.trials_total)

    def follow(self, reads: Reads, run: str, tell: Callable[[Sequence[MirroredStage]], None],
               wait: Callable[[float], None] = time.sleep) -> tuple[MirroredStage, ...]:
        """Update every :data:`FOLLOW_SECONDS` until the run has no driver; errors as :meth:`update`.

        Args:
            reads, run: as in :meth:`update`.
            tell: called with the result of every update.
            wait: sleeps for a number of seconds.

        Returns:
            The stages at the end, with the number of trials added since the start.
        """
        added: dict[int, int] = {}
        while True:
            running = reads.run(run).driver_lives  # read before the update, so that its last trials are not missed
            stages = self.update(reads, run)
            tell(stages)
            for stage in stages:
                added[stage.task] = added.get(stage.task, 0) + stage.trials_added
            if not running:
                return tuple(MirroredStage(stage.task, stage.study, added[stage.task], stage.trials) for stage in stages)
            wait(FOLLOW_SECONDS)

    def _stage(self, reads: Reads, run: RunRow, stage: StageRow) -> MirroredStage:
        name = f"{run.name} task {stage.task}"
        study = self._study(name, run)
        there = {_identity_of(trial) for trial in study.get_trials(deepcopy=False)}
        rows = reads.trials(run.name, stage.task, role=TrialRole.CANDIDATE)
        missing = [row for row in rows if row.state.has_ended and _identity(row) not in there]
        values = _Values.of(run, stage.task, rows)
        for row in missing:
            study.add_trial(_trial(reads, row, values, Decimal(run.margin_points)))
        for key, value in _study_attributes(reads, run, stage, rows).items():
            if study.user_attrs.get(key) != value:
                study.set_user_attr(key, value)
        return MirroredStage(stage.task, name, len(missing), len(there) + len(missing))

    def _study(self, name: str, run: RunRow) -> optuna.Study:
        created = run.created_at.isoformat()
        study = optuna.create_study(storage=self._storage, study_name=name, directions=["maximize"] * len(OBJECTIVES),
                                    load_if_exists=True)
        mirrored = study.user_attrs.get("run created")
        if mirrored == created:
            return study
        if mirrored is not None or study.get_trials(deepcopy=False):
            raise StateError(f"the mirror {shown(self.address)} has a study {name!r} that is not of this run",
                             "name another mirror with --to, or delete that study in the dashboard")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(OBJECTIVES))
        study.set_user_attr("run created", created)
        return study


@contextmanager
def open_mirror(to: str | URL | None = None) -> Iterator[Mirror]:
    """Open a mirror, and create it if it is missing.

    Args:
        to: address of the Optuna storage, SQLite or PostgreSQL; None means ``.clnp/optuna.db`` in the working folder.

    Raises:
        DatabaseError: unreachable, of another version of Optuna, or a SQLite file that holds clnp's own tables.
    """
    address = resolve_url(to if to is not None else file_url(Path.cwd() / ".clnp" / "optuna.db"))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _prepare_file(address)
    arguments: dict[str, object] = by_dialect(
        address, on_sqlite={"timeout": 30.0}, on_postgresql={"connect_timeout": 10, "application_name": "clnp mirror"})
    try:
        with _told(address), one_process(address, MIRROR_LOCK):  # Optuna does not create its tables atomically
            storage = optuna.storages.RDBStorage(address.render_as_string(hide_password=False),
                                                 engine_kwargs={"connect_args": arguments, "pool_pre_ping": True})
    except RuntimeError as error:
        raise DatabaseError(f"the mirror {shown(address)} was made by another version of Optuna",
                            "name another one with --to; everything can be mirrored again") from error
    try:
        yield Mirror(address, storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()


@dataclass(frozen=True, slots=True)
class _Values:
    """The Optuna parameters of a stage, the same for all of its trials."""

    alpha: FloatDistribution
    rate: FloatDistribution
    per_layer: bool

    @classmethod
    def of(cls, run: RunRow, task: int, rows: Sequence[TrialRow]) -> "_Values":
        """Return the ranges that a sampler draws from, or that a grid spans."""
        alphas: LogRange | list[float] = [value for row in rows for value in row.alpha]
        rates: LogRange | list[float] = [row.learning_rate for row in rows]
        with contextlib.suppress(ConfigError):  # recorded by another version: use the range of the trials
            config = Config.from_resolved(run.config)
            if plan.sampled(config, task) and isinstance(config.sweep.alpha, LogRange):
                alphas = config.sweep.alpha
            if plan.sampled(config, task) and isinstance(config.sweep.learning_rate, LogRange):
                rates = config.sweep.learning_rate
        return cls(_distribution(alphas), _distribution(rates), any(len(set(row.alpha)) > 1 for row in rows))

    def parameters(self, row: TrialRow) -> dict[str, tuple[float, FloatDistribution]]:
        """Return name → value and distribution: ``alpha``, or one per hidden layer and ``alpha_out`` if they differ."""
        names = [*(f"alpha_{layer}" for layer in range(1, len(row.alpha))), "alpha_out"] if self.per_layer else ["alpha"]
        alphas = {name: (value, self.alpha) for name, value in zip(names, row.alpha, strict=False)}
        return {**alphas, "learning_rate": (row.learning_rate, self.rate)}


def _distribution(values: LogRange | Sequence[float]) -> FloatDistribution:
    low, high = (values.low, values.high) if isinstance(values, LogRange) else (min(values), max(values))
    return FloatDistribution(low, high, log=low > 0)  # α may be 0, which has no logarithm


def _trial(reads: Reads, row: TrialRow, values: _Values, margin_points: Decimal) -> FrozenTrial:
    parameters = values.parameters(row)
    finished = row.state is TrialState.FINISHED
    objectives = None
    if finished:
        curve = reads.threshold_curve(row.run, row.task, row.number)
        objectives = [row.val_accuracy or 0.0, sparsity_within_margin(row, curve, margin_points)]
    trial = create_trial(
        state=optuna.trial.TrialState.COMPLETE if finished else optuna.trial.TrialState.FAIL, values=objectives,
        params={name: value for name, (value, _) in parameters.items()},
        distributions={name: distribution for name, (_, distribution) in parameters.items()},
        user_attrs=_trial_attributes(row),
        intermediate_values={epoch.epoch: epoch.val_accuracy
                             for epoch in reads.trial_history(row.run, row.task, row.number)})
    ended = row.finished_at or row.created_at
    trial.datetime_start, trial.datetime_complete = _local(row.started_at or ended), _local(ended)
    return trial


def _trial_attributes(row: TrialRow) -> dict[str, object]:
    attributes = {
        "number": row.number, "key": row.key, "attempt": row.attempts, "state": row.state.value,
        "verdict": row.verdict.value if row.verdict else None, "verdict reason": row.verdict_reason,
        "failure": row.failure_kind.value if row.failure_kind else None, "failure reason": row.failure_reason,
        "free neurons": row.free_neurons, "best epoch": row.best_epoch, "training seconds": row.train_seconds,
        "host": row.host, "device": row.device, "taken over from": row.reused_from}
    return {key: value for key, value in attributes.items() if value is not None}


def _study_attributes(reads: Reads, run: RunRow, stage: StageRow, rows: Sequence[TrialRow]) -> dict[str, object]:
    attributes: dict[str, object] = {"run": run.name, "task": stage.task, "state": stage.state.value,
                                     "margin points": run.margin_points}
    for selection in reads.selections(run.name, stage.task):
        attributes |= {"chosen": selection.chosen, "reason": selection.reason,
                       "verdicts": {str(row.number): row.verdict.value for row in rows if row.verdict}}
    return attributes


def _identity(row: TrialRow) -> Identity:
    return row.number, row.key, row.attempts, row.state.value


def _identity_of(trial: FrozenTrial) -> Identity:
    known = trial.user_attrs
    return known.get("number", -1), known.get("key", ""), known.get("attempt", -1), known.get("state", "")


def _local(moment: datetime) -> datetime:
    """Return the time as naive local time, as Optuna records it."""
    return moment.astimezone().replace(tzinfo=None)


def _prepare_file(address: URL) -> None:
    """Create the folder, refuse clnp's own database, and allow the dashboard to read while the mirror is written."""
    path = database_file(address)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"the folder of {shown(address)} cannot be created: {error.strerror}",
                            "name another location with --to") from error
    engine = new_engine(address)
    try:
        with _told(address), engine.connect() as connection:
            tables = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if any(name.startswith("clnp_") for name in tables):
        raise DatabaseError(f"{shown(address)} holds runs, and the dashboard would lock it while a driver writes",
                            "name another file with --to; only a PostgreSQL database may hold both")
    engine = new_engine(address)
    with contextlib.suppress(DBAPIError), contextlib.closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA journal_mode = WAL")  # persistent in the file; fails harmlessly if a reader blocks it
    engine.dispose()


@contextmanager
def _told(address: URL) -> Iterator[None]:
    """Turn errors of Optuna and its database into a DatabaseError without a password; errors of the run's database pass."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        told = translate(error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error, address)
        raise DatabaseError(told.message, told.hint.replace(URL_VARIABLE, "--to")) from error
