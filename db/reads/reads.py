"""Every read, as plain rows (:mod:`db.rows`). :mod:`db.dataframes` returns DataFrames; the views clnp_v_… are for SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from clnp_core.errors import NotFoundError
from clnp_core.values import LayerCapacity, TrialRole
from db.dialect import of_one_moment
from db.errors import translated
from db.reads.assemble import as_tuple, event_row, rounds_of, run_rows, search_of, stage_row, trial_row
from db.reads.lookup import find_run, find_stage, find_trial, no_such_task
from db.rows import (
    AccuracyRow,
    ArtifactRow,
    CommitRow,
    EpochRow,
    EventRow,
    RequestRow,
    RunRow,
    SelectionRow,
    StageRow,
    ThresholdRow,
    TrialRow,
    VerdictRow,
)
from db.schema.models import (
    Artifact,
    Capacity,
    Commit,
    DatabaseIdentity,
    Event,
    Request,
    Run,
    RunGroup,
    SelectionOutcome,
    Stage,
    TaskEvaluation,
    ThresholdCurvePoint,
    Trial,
    TrialEpoch,
    TrialJudgement,
)
from db.states import RunState, TrialState
from db.store.references import references


class Reads:
    """Reads on an engine of :func:`db.engine.open_database`; threads may share them.

    Runs are named as on the command line. Every method raises :class:`~clnp_core.errors.NotFoundError` if a run, group, task or
    trial does not exist, and :class:`~clnp_core.errors.DatabaseError` if the database cannot be read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = of_one_moment(engine)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with translated(self._engine.url), Session(self._engine) as session:
            yield session

    def database_id(self) -> str | None:
        """Return the name of this database in a shared artifact store; None before a driver first needed it."""
        with self._session() as session:
            return session.scalars(select(DatabaseIdentity.database_id)).first()

    def run(self, name: str) -> RunRow:
        """Return one run."""
        with self._session() as session:
            return run_rows(session, [find_run(session, name)])[0]

    def runs(self, group: str | None = None) -> list[RunRow]:
        """Return all runs, or those of one group, oldest first."""
        with self._session() as session:
            query = select(Run).order_by(Run.id)
            if group is not None:
                query = query.join(RunGroup, RunGroup.id == Run.group_id).where(RunGroup.name == group)
            return run_rows(session, session.scalars(query).all())

    def group(self, name: str) -> list[RunRow]:
        """Return the runs of a group, oldest first; a group always has runs."""
        rows = self.runs(name)
        if not rows:
            with self._session() as session:
                names = session.scalars(select(RunGroup.name).order_by(RunGroup.id)).all()
            raise NotFoundError(f"there is no group of runs {name!r}",
                                f"the groups are {', '.join(names)}" if names else "`seeds` in a config creates one")
        return rows

    def run_state(self, run: str) -> RunState:
        """Return the state of a run."""
        return self.run(run).state

    def stages(self, run: str) -> list[StageRow]:
        """Return the tasks of a run, in order."""
        with self._session() as session:
            stages = session.scalars(select(Stage).where(Stage.run_id == find_run(session, run).id).order_by(Stage.task)).all()
            counts: dict[int, dict[TrialState, int]] = {}
            for stage_id, state, count in session.execute(  # by the ids of stages, for which there is an index
                    select(Trial.stage_id, Trial.state, func.count()).where(Trial.stage_id.in_([stage.id for stage in stages]))
                    .group_by(Trial.stage_id, Trial.state)):
                counts.setdefault(stage_id, {})[state] = count
            return [stage_row(run, stage, counts.get(stage.id, {})) for stage in stages]

    def stage(self, run: str, task: int) -> StageRow:
        """Return one task of a run."""
        found = self.stages(run)
        for stage in found:
            if stage.task == task:
                return stage
        raise no_such_task(run, task, [stage.task for stage in found])

    def trials(self, run: str, task: int | None = None, limit: int | None = None, offset: int = 0,
               role: TrialRole | None = None) -> list[TrialRow]:
        """Return trials of a run, or of one of its tasks, by task and number.

        Args:
            run: the run.
            task: only trials of this task.
            limit: return at most this many rows.
            offset: skip this many rows first.
            role: only trials with this role.
        """
        with self._session() as session:
            found = find_run(session, run)
            query = (select(Trial, Stage.task, TrialJudgement).join(Stage, Stage.id == Trial.stage_id)
                     .outerjoin(TrialJudgement, TrialJudgement.trial_id == Trial.id).limit(limit).offset(offset))
            if role is not None:
                query = query.where(Trial.role == role)
            if task is None:
                query = query.where(Stage.run_id == found.id).order_by(Stage.task, Trial.number)
            else:  # an index gives the order, so that the cost of a page depends on its rows
                query = query.where(Trial.stage_id == find_stage(session, found.id, run, task).id).order_by(Trial.number)
            return [trial_row(run, of_task, trial, judgement) for trial, of_task, judgement in session.execute(query)]

    def trial(self, run: str, task: int, number: int) -> TrialRow:
        """Return one trial."""
        with self._session() as session:
            trial = _trial(session, run, task, number)
            return trial_row(run, task, trial, session.get(TrialJudgement, trial.id))

    def trial_history(self, run: str, task: int, number: int, attempt: int | None = None) -> list[EpochRow]:
        """Return the epochs of one attempt of a trial, by default the current one.

        The current attempt of a running trial is the one in progress, which may have recorded no epoch yet. For other trials it
        is the last attempt that recorded any epoch.
        """
        with self._session() as session:
            trial = _trial(session, run, task, number)
            if attempt is None and trial.state is TrialState.RUNNING:
                attempt = trial.attempts
            wanted = attempt if attempt is not None else select(func.max(TrialEpoch.attempt)).where(
                TrialEpoch.trial_id == trial.id).scalar_subquery()
            epochs = session.scalars(select(TrialEpoch).where(TrialEpoch.trial_id == trial.id, TrialEpoch.attempt == wanted)
                                     .order_by(TrialEpoch.epoch))
            return [EpochRow(e.attempt, e.epoch, e.train_loss, e.l1_penalty, e.val_correct, e.val_total,
                             e.val_correct / e.val_total, e.seconds) for e in epochs]

    def threshold_curve(self, run: str, task: int, number: int) -> list[ThresholdRow]:
        """Return the threshold curve of a finished trial; empty for other trials."""
        with self._session() as session:
            trial = _trial(session, run, task, number)
            points = session.scalars(select(ThresholdCurvePoint).where(ThresholdCurvePoint.trial_id == trial.id)
                                     .order_by(ThresholdCurvePoint.position))
            return [ThresholdRow(p.position, p.threshold, p.val_correct, p.val_correct / (trial.val_total or 1),
                                 p.free_neurons, p.free_neurons / (trial.hidden_total or 1)) for p in points]

    def verdicts(self, run: str, task: int | None = None) -> list[VerdictRow]:
        """Return the selector's verdicts, by task and trial number."""
        with self._session() as session:
            query = _of_run(session, run, task, select(Stage.task, Trial.number, TrialJudgement)
                            .join(Trial, Trial.id == TrialJudgement.trial_id).join(Stage, Stage.id == Trial.stage_id))
            return [VerdictRow(of_task, number, v.verdict, v.reason, as_tuple(v.thresholds), v.pruned_val_correct,
                               v.free_neurons)
                    for of_task, number, v in session.execute(query.order_by(Stage.task, Trial.number))]

    def selections(self, run: str, task: int | None = None) -> list[SelectionRow]:
        """Return the selections of a run, by task."""
        with self._session() as session:
            query = _of_run(session, run, task, select(Stage.task, Trial.number, SelectionOutcome)
                            .join(Trial, Trial.id == SelectionOutcome.chosen_trial_id)
                            .join(Stage, Stage.id == SelectionOutcome.stage_id))
            return [SelectionRow(of_task, chosen, tuple(s.picked), s.best_val_correct, s.val_total, s.margin_points,
                                 tuple(s.thresholds), s.pruned_val_correct, s.free_neurons, s.hidden_total, s.reason,
                                 s.scan_seconds, s.rule, s.capacity_weight_points, s.created_at)
                    for of_task, chosen, s in session.execute(query.order_by(Stage.task))]

    def commits(self, run: str, task: int | None = None) -> list[CommitRow]:
        """Return the commits of a run, by task."""
        with self._session() as session:
            query = _of_run(session, run, task, select(Stage.task, Commit, Artifact.artifact_bytes)
                            .join(Stage, Stage.id == Commit.stage_id).join(Artifact, Artifact.digest == Commit.digest))
            return [CommitRow(of_task, c.digest, c.parent_digest, size, c.verification, c.commit_seconds, c.created_at,
                              c.val_correct, c.val_total, rounds_of(c), search_of(c))
                    for of_task, c, size in session.execute(query.order_by(Stage.task))]

    def capacity(self, run: str) -> list[LayerCapacity]:
        """Return the neurons per hidden layer after each commit, by task and layer."""
        with self._session() as session:
            query = _of_run(session, run, None, select(Stage.task, Capacity)
                            .join(Commit, Commit.id == Capacity.commit_id).join(Stage, Stage.id == Commit.stage_id))
            return [LayerCapacity(task, c.layer, c.total_neurons, c.used_neurons, c.new_neurons, c.reused_neurons,
                                  c.free_neurons)
                    for task, c in session.execute(query.order_by(Stage.task, Capacity.layer))]

    def accuracy_matrix(self, run: str) -> list[AccuracyRow]:
        """Return the test accuracy of every commit on every task that it was evaluated on, by commit and task."""
        with self._session() as session:
            query = _of_run(session, run, None, select(Stage.task, TaskEvaluation)
                            .join(Commit, Commit.id == TaskEvaluation.commit_id).join(Stage, Stage.id == Commit.stage_id))
            return [AccuracyRow(task, e.on_task, e.test_correct, e.test_total, e.test_accuracy, e.logits_digest,
                                e.val_correct, e.val_total)
                    for task, e in session.execute(query.order_by(Stage.task, TaskEvaluation.on_task))]

    def events(self, run: str, after_id: int = 0, limit: int | None = None) -> list[EventRow]:
        """Return the events of a run, oldest first; ``after_id`` continues after an earlier call."""
        with self._session() as session:
            found = find_run(session, run)
            query = (select(Event).where(Event.run_id == found.id, Event.id > after_id)
                     .order_by(Event.id).limit(limit))
            return list(map(event_row, session.scalars(query)))

    def last_event(self, run: str) -> EventRow | None:
        """Return the latest event of a run."""
        with self._session() as session:
            query = select(Event).where(Event.run_id == find_run(session, run).id).order_by(Event.id.desc()).limit(1)
            return next(map(event_row, session.scalars(query)), None)

    def requests(self, run: str) -> list[RequestRow]:
        """Return all requests to a run's drivers, oldest first."""
        with self._session() as session:
            found = find_run(session, run)
            query = select(Request).where(Request.run_id == found.id).order_by(Request.id)
            return [RequestRow.of(request, run) for request in session.scalars(query)]

    def artifacts(self) -> list[ArtifactRow]:
        """Return every recorded artifact and the runs that refer to it, by digest; ``gc`` must keep these."""
        with self._session() as session:
            names = {run_id: name for run_id, name in session.execute(select(Run.id, Run.name))}
            runs: dict[str, set[str]] = {}
            for query in references():
                for digest, run_id in map(tuple, session.execute(query)):
                    if digest is not None:
                        runs.setdefault(digest, set()).add(names[run_id])
            commits = set(session.scalars(select(Commit.digest)))
            return [ArtifactRow(a.digest, a.artifact_bytes, a.created_at, a.removed_at, a.digest in commits,
                                tuple(sorted(runs.get(a.digest, ()))))
                    for a in session.scalars(select(Artifact).order_by(Artifact.digest))]


def _trial(session: Session, run: str, task: int, number: int) -> Trial:
    stage = find_stage(session, find_run(session, run).id, run, task)
    return find_trial(session, stage, run, number)


def _of_run(session: Session, run: str, task: int | None, query: "Select[*tuple[Any, ...]]"
            ) -> "Select[*tuple[Any, ...]]":
    found = find_run(session, run)
    if task is None:
        return query.where(Stage.run_id == found.id)
    return query.where(Stage.id == find_stage(session, found.id, run, task).id)
