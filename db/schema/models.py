"""The tables. Every column's comment is its documentation: ``docs/schema.md`` is generated from this file.

    clnp_run_groups ◄─ clnp_runs ◄─┬─ clnp_stages ◄─┬─ clnp_trials ◄─┬─ clnp_epochs
                                   ├─ clnp_requests ├─ clnp_selections ├─ clnp_threshold_points
                                   └─ clnp_events   └─ clnp_commits ◄─┐└─ clnp_verdicts
                                                                      ├─ clnp_capacity
    clnp_artifacts ◄─ clnp_trials, clnp_commits                       └─ clnp_evaluations

Rows are deleted together with their run; only :meth:`db.store.store.Store.remove_run` deletes.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clnp_core.selection import SelectionRule, Verdict
from clnp_core.values import TrialRole
from db.schema.types import Base, Id, choice
from db.states import FailureKind, RequestKind, StageState, TrialState

column = mapped_column


def owned_by(target: str, comment: str) -> Any:
    """Return a reference to the row that this one belongs to and is deleted with."""
    return mapped_column(ForeignKey(target, ondelete="CASCADE"), comment=comment)


class DatabaseIdentity(Base):
    """One row: the name of this database among all that share an artifact store, so that none deletes another's weights."""

    __tablename__ = "clnp_database"
    __table_args__ = (CheckConstraint("id = 1", "id"),)
    id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="always 1")
    database_id: Mapped[str] = column(comment="random name of the database")


class RunGroup(Base):
    """Runs that are reported together: one config under several seeds."""

    __tablename__ = "clnp_run_groups"
    id: Mapped[Id] = column(comment="identifier")
    name: Mapped[str] = column(unique=True, comment="name of the group")
    created_at: Mapped[datetime] = column(comment="when its first run was created, UTC")


class Run(Base):
    """One sequence of tasks with one config and one seed, and the driver that may write its results."""

    __tablename__ = "clnp_runs"
    id: Mapped[Id] = column(comment="identifier")
    name: Mapped[str] = column(unique=True, comment="name of the run, as on the command line")
    group_id: Mapped[int | None] = column(ForeignKey("clnp_run_groups.id"), index=True, comment="its group, if any")
    method: Mapped[str] = column(comment="how the tasks are learnt: clnp, joint, …")
    benchmark: Mapped[str] = column(comment="name or import path of the sequence of tasks")
    tasks: Mapped[int] = column(comment="number of tasks")
    seed: Mapped[int] = column(comment="the seed that all others are derived from")
    margin_points: Mapped[str] = column(comment="the margin m in percentage points, exact decimal text")
    config: Mapped[dict[str, Any]] = column(comment="the resolved configuration, every default filled in")
    config_digest: Mapped[str] = column(comment="SHA-256 of the resolved configuration")
    code_version: Mapped[str] = column(comment="version of this project's code that created the run")
    package_versions: Mapped[dict[str, Any]] = column(comment="distribution name → version, at creation")
    environment: Mapped[dict[str, Any] | None] = column(
        comment="the fingerprint that results depend on (device kind, torch, code), as last recorded by a driver")
    forked_from_run_id: Mapped[int | None] = column(
        ForeignKey("clnp_runs.id", ondelete="SET NULL"), index=True,
        comment="the run this one was forked from, if it still exists")
    forked_after_task: Mapped[int | None] = column(comment="the last task taken over from that run")
    created_at: Mapped[datetime] = column(comment="when the run was created, UTC")
    fence: Mapped[int] = column(default=0, comment="number of the current lease; a write that carries another is refused")
    owner_host: Mapped[str | None] = column(comment="host of the driver that holds the run")
    owner_pid: Mapped[int | None] = column(comment="process id of that driver on its host")
    owner_process_started: Mapped[float | None] = column(comment="start of that process, seconds since 1970")
    owner_driver_id: Mapped[str | None] = column(comment="unique id of that driver; NULL: nobody holds the run")
    lease_ttl_seconds: Mapped[float | None] = column(comment="a heartbeat older than this many seconds has expired")
    heartbeat_at: Mapped[datetime | None] = column(comment="last sign of life of a driver, UTC")


class Stage(Base):
    """One task inside one run: sweep, selection, commit."""

    __tablename__ = "clnp_stages"
    __table_args__ = (UniqueConstraint("run_id", "task"), CheckConstraint("task >= 1", "task"))
    id: Mapped[Id] = column(comment="identifier")
    run_id: Mapped[int] = owned_by("clnp_runs.id", "its run")
    task: Mapped[int] = column(comment="position of the task in the run, from 1")
    state: Mapped[StageState] = column(comment="where it stands")
    failed_from: Mapped[StageState | None] = column(
        choice(StageState, "failed_from"), comment="the state in which it failed; NULL unless state is failed")
    reason: Mapped[str | None] = column(comment="why it failed or was depleted")
    train_total: Mapped[int | None] = column(comment="training samples")
    val_total: Mapped[int | None] = column(comment="validation samples")
    test_total: Mapped[int | None] = column(comment="test samples")
    input_shape: Mapped[list[int] | None] = column(comment="shape of one sample, as a JSON list")
    classes: Mapped[int | None] = column(comment="classes of the task")
    split_digest: Mapped[str | None] = column(comment="SHA-256 of which samples are training and validation data")
    task_fingerprint: Mapped[str | None] = column(comment="SHA-256 of all that determines the task's data")
    environment: Mapped[dict[str, Any] | None] = column(comment="the worker's machine and libraries when the sweep began")
    architecture: Mapped[dict[str, Any] | None] = column(comment="the network that was trained, as data")
    base_digest: Mapped[str | None] = column(comment="digest of the commit it starts from; NULL: an empty network")
    sweep_started_at: Mapped[datetime | None] = column(comment="when its trials were planned, UTC")
    sweep_ended_at: Mapped[datetime | None] = column(comment="when all trials had ended, UTC")
    selected_at: Mapped[datetime | None] = column(comment="when the selection was recorded, UTC")
    ended_at: Mapped[datetime | None] = column(comment="when it was committed, depleted or last failed, UTC")


class Artifact(Base):
    """Weights in the artifact store. A row is written only after its bytes are stored safely."""

    __tablename__ = "clnp_artifacts"
    digest: Mapped[str] = column(primary_key=True, comment="SHA-256 of the bytes, and their name in the store")
    artifact_bytes: Mapped[int] = column(comment="size in bytes")
    created_at: Mapped[datetime] = column(comment="when the row was first written, UTC")
    removed_at: Mapped[datetime | None] = column(comment="when the bytes were deleted to save space, UTC; NULL: they are there")


class Trial(Base):
    """One training of one stage at one grid point."""

    __tablename__ = "clnp_trials"
    __table_args__ = (UniqueConstraint("stage_id", "number"), Index(None, "stage_id", "state"),
                      CheckConstraint("val_correct BETWEEN 0 AND val_total", "val_correct"))
    id: Mapped[Id] = column(comment="identifier")
    stage_id: Mapped[int] = owned_by("clnp_stages.id", "its stage")
    number: Mapped[int] = column(comment="index in the grid, from 0; teachers follow the last candidate")
    role: Mapped[TrialRole] = column(
        default=TrialRole.CANDIDATE, comment="candidate of the selection, or teacher of the fine-tuning")
    key: Mapped[str] = column(index=True, comment="SHA-256 of all that determines the result")
    alpha: Mapped[list[float]] = column(comment="L1 strength per hidden layer and for the output, as a JSON list")
    learning_rate: Mapped[float] = column(comment="learning rate")
    seed: Mapped[int] = column(comment="seed of this trial's random numbers, derived from the run's")
    state: Mapped[TrialState] = column(comment="where it stands")
    failure_kind: Mapped[FailureKind | None] = column(comment="why it failed, as a kind; NULL unless state is failed")
    failure_reason: Mapped[str | None] = column(comment="why it failed, in words")
    attempts: Mapped[int] = column(default=0, comment="how often its training was started")
    ray_trial_id: Mapped[str | None] = column(comment="Ray Tune's id of the last attempt, to find its logs")
    host: Mapped[str | None] = column(comment="host that trained it last")
    device: Mapped[str | None] = column(comment="device that trained it last")
    val_correct: Mapped[int | None] = column(comment="correct validation samples, unpruned, of the kept epoch")
    val_total: Mapped[int | None] = column(comment="validation samples")
    val_accuracy: Mapped[float | None] = column(comment="val_correct / val_total, a fraction")
    hidden_total: Mapped[int | None] = column(comment="neurons over all hidden layers: the denominator of sparsity")
    best_epoch: Mapped[int | None] = column(comment="the epoch that was kept, from 1")
    epochs_run: Mapped[int | None] = column(comment="epochs that were trained")
    train_seconds: Mapped[float | None] = column(comment="wall-clock seconds of training alone")
    total_seconds: Mapped[float | None] = column(comment="wall-clock seconds with loading, the threshold curve and publishing")
    artifact_digest: Mapped[str | None] = column(
        ForeignKey("clnp_artifacts.digest"), index=True, comment="digest of its trained weights")
    reused_from: Mapped[str | None] = column(
        comment="the trial whose recorded result was taken over by its key, as run/task/number; NULL: it was trained")
    created_at: Mapped[datetime] = column(comment="when it was planned, UTC")
    started_at: Mapped[datetime | None] = column(comment="when its last attempt started, UTC")
    finished_at: Mapped[datetime | None] = column(comment="when its result or failure was recorded, UTC")


class TrialEpoch(Base):
    """One epoch of one attempt of a trial."""

    __tablename__ = "clnp_epochs"
    trial_id: Mapped[int] = column(ForeignKey("clnp_trials.id", ondelete="CASCADE"), primary_key=True, comment="its trial")
    attempt: Mapped[int] = column(primary_key=True, comment="the attempt that trained it, from 1")
    epoch: Mapped[int] = column(primary_key=True, comment="the epoch, from 1")
    train_loss: Mapped[float | None] = column(comment="mean cross-entropy over the training samples; NULL: not finite")
    l1_penalty: Mapped[float | None] = column(comment="the L1 term of the loss at the epoch's end; NULL: not finite")
    val_correct: Mapped[int] = column(comment="correct validation samples, unpruned")
    val_total: Mapped[int] = column(comment="validation samples")
    seconds: Mapped[float] = column(comment="wall-clock seconds of the epoch")


class ThresholdCurvePoint(Base):
    """One point of a trained trial's threshold curve: the effect of pruning every layer at this threshold."""

    __tablename__ = "clnp_threshold_points"
    trial_id: Mapped[int] = column(ForeignKey("clnp_trials.id", ondelete="CASCADE"), primary_key=True, comment="its trial")
    position: Mapped[int] = column(primary_key=True, comment="position on the curve, from 0")
    threshold: Mapped[float] = column(comment="activity above which a free neuron becomes active")
    val_correct: Mapped[int] = column(comment="correct validation samples after pruning here")
    free_neurons: Mapped[int] = column(comment="free neurons over all hidden layers after pruning here")


class SelectionOutcome(Base):
    """The chosen trial of a stage and its thresholds."""

    __tablename__ = "clnp_selections"
    __table_args__ = (UniqueConstraint("stage_id"),)
    id: Mapped[Id] = column(comment="identifier")
    stage_id: Mapped[int] = owned_by("clnp_stages.id", "its stage")
    chosen_trial_id: Mapped[int] = column(
        ForeignKey("clnp_trials.id", ondelete="CASCADE"), index=True, comment="the chosen trial")
    best_val_correct: Mapped[int] = column(comment="correct validation samples of the best unpruned trial")
    val_total: Mapped[int] = column(comment="validation samples")
    margin_points: Mapped[str] = column(comment="the margin m that was applied, percentage points, exact decimal text")
    rule: Mapped[SelectionRule] = column(comment="the rule that chose among the trials within the margin")
    capacity_weight_points: Mapped[str | None] = column(
        comment="what one fair share of free neurons costs, percentage points, exact decimal text; NULL: nothing is weighed")
    picked: Mapped[list[int]] = column(comment="numbers of the trials within the margin, as a JSON list")
    thresholds: Mapped[list[float | None]] = column(comment="θ* per hidden layer, as a JSON list; null prunes nothing there")
    pruned_val_correct: Mapped[int] = column(comment="correct validation samples of the chosen trial after pruning")
    free_neurons: Mapped[int] = column(comment="free neurons over all hidden layers after pruning")
    hidden_total: Mapped[int] = column(comment="neurons over all hidden layers")
    reason: Mapped[str] = column(comment="why this trial was chosen")
    scan_seconds: Mapped[float] = column(comment="wall-clock seconds of the threshold scans, summed over trials")
    created_at: Mapped[datetime] = column(comment="when it was recorded, UTC")


class TrialJudgement(Base):
    """The selector's verdict on one trial."""

    __tablename__ = "clnp_verdicts"
    trial_id: Mapped[int] = column(ForeignKey("clnp_trials.id", ondelete="CASCADE"), primary_key=True, comment="the trial")
    selection_id: Mapped[int] = column(
        ForeignKey("clnp_selections.id", ondelete="CASCADE"), index=True, comment="the selection that judged it")
    verdict: Mapped[Verdict] = column(comment="the verdict")
    reason: Mapped[str] = column(comment="the verdict's reason, in words")
    thresholds: Mapped[list[float | None] | None] = column(
        comment="θ* per hidden layer, as a JSON list; null prunes nothing there; NULL: the trial was not scanned")
    pruned_val_correct: Mapped[int | None] = column(comment="correct validation samples after pruning at θ*")
    free_neurons: Mapped[int | None] = column(comment="free neurons over all hidden layers after pruning at θ*")


class Commit(Base):
    """The immutable network that a stage published: the base of the next task."""

    __tablename__ = "clnp_commits"
    __table_args__ = (UniqueConstraint("stage_id"),)
    id: Mapped[Id] = column(comment="identifier")
    stage_id: Mapped[int] = owned_by("clnp_stages.id", "its stage")
    digest: Mapped[str] = column(ForeignKey("clnp_artifacts.digest"), index=True, comment="digest of the published network")
    parent_digest: Mapped[str | None] = column(index=True, comment="digest of the commit before it; NULL: the first task")
    val_correct: Mapped[int | None] = column(comment="correct validation samples of the published network")
    val_total: Mapped[int | None] = column(comment="validation samples")
    fine_tuning: Mapped[list[dict[str, Any]] | None] = column(
        comment="the rounds of pruning and fine-tuning, as a JSON list of objects; NULL: the config asks for none")
    search: Mapped[dict[str, Any] | None] = column(
        comment="the search for the sparsest network after fine-tuning: reference, candidates, choice, as a JSON object; "
                "NULL: none")
    verification: Mapped[dict[str, Any]] = column(
        comment="the proof that no earlier task was forgotten: what was compared, and how")
    commit_seconds: Mapped[float] = column(comment="wall-clock seconds of pruning, fine-tuning, verifying and evaluating")
    created_at: Mapped[datetime] = column(comment="when it was recorded, UTC")


class Capacity(Base):
    """The neurons of one hidden layer after a commit."""

    __tablename__ = "clnp_capacity"
    commit_id: Mapped[int] = column(ForeignKey("clnp_commits.id", ondelete="CASCADE"), primary_key=True, comment="the commit")
    layer: Mapped[int] = column(primary_key=True, comment="hidden layer, from 1")
    total_neurons: Mapped[int] = column(comment="neurons of the layer")
    used_neurons: Mapped[int] = column(comment="neurons that some task up to this one uses")
    new_neurons: Mapped[int] = column(comment="neurons that became active with this task")
    reused_neurons: Mapped[int] = column(comment="neurons active before that this task uses, too")
    free_neurons: Mapped[int] = column(comment="neurons that no task uses yet")


class TaskEvaluation(Base):
    """One cell of the accuracy matrix: a commit's network on the test set of one task."""

    __tablename__ = "clnp_evaluations"
    __table_args__ = (CheckConstraint("test_correct BETWEEN 0 AND test_total", "test_correct"),)
    commit_id: Mapped[int] = column(ForeignKey("clnp_commits.id", ondelete="CASCADE"), primary_key=True, comment="the commit")
    on_task: Mapped[int] = column(primary_key=True, comment="the task whose test set was read, from 1")
    test_correct: Mapped[int] = column(comment="correct test samples")
    test_total: Mapped[int] = column(comment="test samples")
    test_accuracy: Mapped[float] = column(comment="test_correct / test_total, a fraction")
    logits_digest: Mapped[str] = column(comment="SHA-256 of the logits, comparable within one environment fingerprint")
    val_correct: Mapped[int | None] = column(comment="correct validation samples of that task; NULL: not recorded before 0005")
    val_total: Mapped[int | None] = column(comment="validation samples of that task")


class Request(Base):
    """A request to a run's driver, which alone writes results."""

    __tablename__ = "clnp_requests"
    id: Mapped[Id] = column(comment="identifier")
    run_id: Mapped[int] = column(ForeignKey("clnp_runs.id", ondelete="CASCADE"), index=True, comment="the run")
    kind: Mapped[RequestKind] = column(comment="what is asked")
    details: Mapped[dict[str, Any]] = column(comment="who asks, and anything that the kind needs")
    requested_at: Mapped[datetime] = column(comment="when it was asked, UTC")
    answered_at: Mapped[datetime | None] = column(comment="when the driver answered, UTC; NULL: it is open")
    answer: Mapped[str | None] = column(comment="what the driver did about it")


class Event(Base):
    """Events of a run, in the order of recording."""

    __tablename__ = "clnp_events"
    __table_args__ = (Index(None, "run_id", "id"),)
    id: Mapped[Id] = column(comment="identifier, in order of recording")
    run_id: Mapped[int] = owned_by("clnp_runs.id", "the run")
    at: Mapped[datetime] = column(comment="when it was recorded, UTC")
    kind: Mapped[str] = column(comment="what sort of event: run, lease, stage, trial, request, environment, …")
    message: Mapped[str] = column(comment="what happened, in words")
    details: Mapped[dict[str, Any]] = column(comment="numbers and names that belong to it")
