"""Values that are written to the database: immutable, with units in their names.

A fraction is between 0 and 1; a count of correct samples is exact and comes with its total; digests are lower-case hex
SHA-256; seconds are wall-clock time. Tasks, layers and epochs count from 1, trial numbers from 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clnp_core.errors import ConfigError
from clnp_core.selection import SelectionRule
from clnp_core.values import CutSearch, Epoch, FineTuningRound, LayerCapacity, TaskResult, TrialResult, TrialRole
from db.states import FailureKind

LARGEST_SEED = 2**63 - 1
"""The largest value of a BIGINT."""


def check_seed(seed: int, whose: str) -> None:
    """Refuse a seed that no database column can hold, before anything starts.

    Raises:
        ConfigError: it is outside 0 to 2⁶³ - 1.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"the seed {seed} of {whose} is outside 0 to {LARGEST_SEED}",
                          "choose a smaller, non-negative seed")


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be recorded. ``margin_points`` is the exact decimal text of the config, in percentage points;
    ``package_versions`` maps distribution names to versions; runs of one ``group`` are reported together; ``first_task`` is
    the first task that has a stage."""

    name: str
    config: Mapping[str, object]
    config_digest: str
    seed: int
    benchmark: str
    tasks: int
    margin_points: str
    code_version: str
    package_versions: Mapping[str, str]
    method: str = "clnp"
    group: str | None = None
    first_task: int = 1

    def __post_init__(self) -> None:
        check_seed(self.seed, f"run {self.name!r}")


@dataclass(frozen=True, slots=True)
class Owner:
    """The driver process that holds a run. ``process_started`` is in seconds since 1970; together with the pid it identifies a
    process even if the pid is reused. ``driver_id`` is unique per driver, not per process."""

    host: str
    pid: int
    process_started: float
    driver_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a run's results until another driver takes it over: every write carries the ``fence``."""

    run_id: int
    run_name: str
    fence: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One grid point, or one teacher. ``number`` is its index in the plan of the stage, ``key`` the digest of everything that
    determines its result, ``alpha`` has one value per hidden layer and one for the output."""

    number: int
    key: str
    alpha: tuple[float, ...]
    learning_rate: float
    seed: int
    role: TrialRole = TrialRole.CANDIDATE

    def __post_init__(self) -> None:
        check_seed(self.seed, f"trial {self.number}")


@dataclass(frozen=True, slots=True)
class ReusableTrial:
    """A recorded result for the trial with this ``number``: the id of its row, its name ``reused_from`` (run/task/trial), the
    digest of its weights, and whether these were removed to save space."""

    number: int
    trial_id: int
    reused_from: str
    artifact_digest: str
    weights_removed: bool = False

    @property
    def source_run(self) -> str:
        """Return the name of the run that recorded it."""
        return self.reused_from.rsplit("/", 2)[0]


@dataclass(frozen=True, slots=True)
class TrialFailure:
    """Why a trial has no result."""

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """An attempt of a trial that began ``seconds_ago``, with Ray Tune's id."""

    ray_trial_id: str
    seconds_ago: float


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A worker's report on a trial. ``start`` is None if the start of the attempt is already recorded, ``outcome`` is None
    while the trial is still running."""

    epochs: tuple[Epoch, ...]
    outcome: TrialResult | TrialFailure | None
    start: AttemptStart | None = None


@dataclass(frozen=True, slots=True)
class SelectionRecord:
    """The chosen trial and its thresholds, one per hidden layer (None prunes nothing there).

    ``capacity_weight_points`` is the exact decimal text of the config if ``rule`` weighs capacity, None otherwise."""

    best_val_correct: int
    val_total: int
    margin_points: str
    picked: tuple[int, ...]
    chosen: int
    thresholds: tuple[float | None, ...]
    pruned_val_correct: int
    free_neurons: int
    hidden_total: int
    reason: str
    scan_seconds: float
    rule: SelectionRule = SelectionRule.SPARSEST
    capacity_weight_points: str | None = None


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """An immutable network that is the base of the next task; ``verification`` is the proof of zero forgetting.

    ``val_correct`` of ``val_total`` validation samples are classified correctly by the published network; ``fine_tuning`` holds
    its rounds, ``search`` the search for the sparsest network; each is None if the config requests none."""

    digest: str
    artifact_bytes: int
    parent_digest: str | None
    capacity: tuple[LayerCapacity, ...]
    evaluations: tuple[TaskResult, ...]
    verification: Mapping[str, object]
    commit_seconds: float
    val_correct: int | None = None
    val_total: int | None = None
    fine_tuning: tuple[FineTuningRound, ...] | None = None
    search: CutSearch | None = None
