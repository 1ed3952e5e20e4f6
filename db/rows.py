"""Values that are read from the database: immutable rows of plain values, with units in their names.

``dataclasses.asdict`` of any of them is JSON-able except for datetimes (UTC). Accuracies are fractions, counts are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from clnp_core.selection import SelectionRule, Verdict
from clnp_core.values import CutSearch, FineTuningRound, TrialRole
from db.records import Owner
from db.schema.models import Request
from db.states import FailureKind, RequestKind, RunState, StageState, TrialState


class TextInJson:
    """Mark an integer that pydantic writes into JSON as text, because many readers of JSON would round it."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # only the service calls this

        text = core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema(), when_used="json")
        return {**handler(source), "serialization": text}


Seed = Annotated[int, TextInJson]
"""A seed of up to 63 bits; a double holds 53."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, with its derived state.

    Attributes:
        first_task: the first task that has a stage: 1, or the last task if one stage learns all tasks together.
        tasks_committed: tasks that the committed stages have learnt.
        owner: None if its last driver released it.
        driver_lives: whether an owner still holds it. It is False for a driver whose process is known to have ended, although
            the state counts that driver until its heartbeat expires.
    """

    id: int
    name: str
    group: str | None
    state: RunState
    method: str
    benchmark: str
    tasks: int
    first_task: int
    tasks_committed: int
    seed: Seed
    margin_points: str
    config: dict[str, Any]
    config_digest: str
    code_version: str
    package_versions: dict[str, Any]
    environment: dict[str, Any] | None
    forked_from: str | None
    forked_after_task: int | None
    created_at: datetime
    owner: Owner | None
    driver_lives: bool
    heartbeat_at: datetime | None

    @property
    def lost_its_driver(self) -> bool:
        """Return whether the process of its driver has ended although its heartbeat has not expired yet."""
        return self.state is RunState.RUNNING and not self.driver_lives

    @property
    def waits_for_a_driver(self) -> bool:
        """Return whether `clnp resume` has something to do."""
        return self.state.can_resume or self.lost_its_driver


@dataclass(frozen=True, slots=True)
class StageRow:
    """One task of a run, with a count of its trials by state."""

    run: str
    task: int
    state: StageState
    failed_from: StageState | None
    reason: str | None
    train_total: int | None
    val_total: int | None
    test_total: int | None
    input_shape: tuple[int, ...] | None
    classes: int | None
    split_digest: str | None
    task_fingerprint: str | None
    environment: dict[str, Any] | None
    architecture: dict[str, Any] | None
    base_digest: str | None
    sweep_started_at: datetime | None
    sweep_ended_at: datetime | None
    selected_at: datetime | None
    ended_at: datetime | None
    trials_pending: int
    trials_running: int
    trials_finished: int
    trials_failed: int

    @property
    def trials_total(self) -> int:
        """Return the number of trials of the stage."""
        return self.trials_pending + self.trials_running + self.trials_finished + self.trials_failed


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial, with its verdict if there is one. ``reused_from`` names the trial whose recorded result it reuses.
    ``pruned_val_accuracy`` and ``sparsity`` are ``pruned_val_correct / val_total`` and ``free_neurons / hidden_total``."""

    run: str
    task: int
    number: int
    role: TrialRole
    key: str
    alpha: tuple[float, ...]
    learning_rate: float
    seed: Seed
    state: TrialState
    failure_kind: FailureKind | None
    failure_reason: str | None
    attempts: int
    ray_trial_id: str | None
    host: str | None
    device: str | None
    val_correct: int | None
    val_total: int | None
    val_accuracy: float | None
    hidden_total: int | None
    best_epoch: int | None
    epochs_run: int | None
    train_seconds: float | None
    total_seconds: float | None
    artifact_digest: str | None
    reused_from: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    verdict: Verdict | None
    verdict_reason: str | None
    thresholds: tuple[float | None, ...] | None
    pruned_val_correct: int | None
    pruned_val_accuracy: float | None
    free_neurons: int | None
    sparsity: float | None


def columns_by_layer(trials: Sequence[TrialRow]) -> dict[str, dict[str, list[float | None]]]:
    """Return one column of numbers per layer, for tables whose cells cannot hold lists.

    Returns:
        ``alpha`` → ``alpha_1``, …, ``alpha_out`` and ``thresholds`` → ``threshold_1``, …, each with one value per trial: None
        for a layer that the trial's network does not have, or that is not pruned. Without trials there are no columns.
    """
    hidden = max((len(trial.alpha) - 1 for trial in trials), default=0)
    layers, strengths = range(hidden), [trial.alpha for trial in trials]
    alphas: dict[str, list[float | None]] = {
        f"alpha_{layer + 1}": [values[layer] if layer < len(values) - 1 else None for values in strengths] for layer in layers}
    if trials:
        alphas["alpha_out"] = [values[-1] if values else None for values in strengths]
    found = [trial.thresholds or () for trial in trials]
    return {"alpha": alphas, "thresholds": {
        f"threshold_{layer + 1}": [values[layer] if layer < len(values) else None for values in found] for layer in layers}}


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch of one attempt of a trial; a loss that was not finite is None."""

    attempt: int
    epoch: int
    train_loss: float | None
    l1_penalty: float | None
    val_correct: int
    val_total: int
    val_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """One point of a trial's threshold curve."""

    position: int
    threshold: float
    val_correct: int
    val_accuracy: float
    free_neurons: int
    sparsity: float


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The selector's verdict on one trial."""

    task: int
    number: int
    verdict: Verdict
    reason: str
    thresholds: tuple[float | None, ...] | None
    pruned_val_correct: int | None
    free_neurons: int | None


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """The selection of one stage; ``chosen`` and ``picked`` are trial numbers."""

    task: int
    chosen: int
    picked: tuple[int, ...]
    best_val_correct: int
    val_total: int
    margin_points: str
    thresholds: tuple[float | None, ...]
    pruned_val_correct: int
    free_neurons: int
    hidden_total: int
    reason: str
    scan_seconds: float
    rule: SelectionRule
    capacity_weight_points: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CommitRow:
    """The commit of one stage. The validation counts are those of the published network, None in commits of older versions."""

    task: int
    digest: str
    parent_digest: str | None
    artifact_bytes: int
    verification: dict[str, Any]
    commit_seconds: float
    created_at: datetime
    val_correct: int | None = None
    val_total: int | None = None
    fine_tuning: tuple[FineTuningRound, ...] | None = None
    search: CutSearch | None = None


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """One cell of the accuracy matrix: the network committed after ``after_task`` on the test set of ``on_task``, and on its
    validation data, None if that was not recorded."""

    after_task: int
    on_task: int
    test_correct: int
    test_total: int
    test_accuracy: float
    logits_digest: str
    val_correct: int | None = None
    val_total: int | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of a run; ``id`` increases in the order of recording."""

    id: int
    at: datetime
    kind: str
    message: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """Weights in the artifact store, and the runs that refer to them. ``removed_at`` is when the bytes were deleted."""

    digest: str
    artifact_bytes: int
    created_at: datetime
    removed_at: datetime | None
    is_commit: bool
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request to a run's driver; ``answer`` is None while it is open."""

    id: int
    run: str
    kind: RequestKind
    details: dict[str, Any]
    requested_at: datetime
    answered_at: datetime | None
    answer: str | None

    @classmethod
    def of(cls, request: Request, run: str) -> "RequestRow":
        """Return the row of a request to the run with this name."""
        return cls(request.id, run, request.kind, request.details, request.requested_at, request.answered_at,
                   request.answer)
