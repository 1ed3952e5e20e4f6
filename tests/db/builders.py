"""Small, valid records, and a driver that brings a run to the state that a test is about."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alembic import command
from sqlalchemy import Connection, update

from clnp_core.networks import mlp
from clnp_core.selection import PrunedTrial, TrialVerdict, Verdict
from clnp_core.values import CurvePoint, Epoch, LayerCapacity, StoredArtifact, TaskFacts, TaskResult, TrialResult
from db.liveness import this_owner
from db.records import CommitRecord, Lease, NewRun, Owner, PlannedTrial, SelectionRecord
from db.schema.migrate import configuration
from db.schema.models import Artifact
from db.store.store import Store

TTL_SECONDS = 60.0
STARTS = itertools.count()

ELSEWHERE = Owner("another-host", 4711, 1_700_000_000.0, "driver-elsewhere")
ARCHITECTURE = mlp(64, (12, 8), 10).to_json()


def bytes_removed(store: Store, *digests: str) -> None:
    """Say that the bytes of artifacts were deleted to save space."""
    with store.engine.begin() as connection:
        connection.execute(update(Artifact).where(Artifact.digest.in_(digests)).values(removed_at=datetime.now(UTC)))


def downgrade_to(connection: Connection, revision: str) -> None:
    """Run the revisions backwards to ``revision`` ("base": none at all) inside the connection's transaction."""
    command.downgrade(configuration(connection), revision)


def new_run(name: str = "demo", **changes: Any) -> NewRun:
    """A run of three tasks."""
    run = NewRun(name=name, config={"name": name, "alpha": [1e-5, 1e-7]}, config_digest="c0ffee", seed=7,
                 benchmark="permuted-digits", tasks=3, margin_points="0.05", code_version="0.1.0",
                 package_versions={"torch": "2.13.0"})
    return dataclasses.replace(run, **changes)


def facts(**changes: Any) -> TaskFacts:
    """A task of 1,000 / 200 / 300 digits."""
    return dataclasses.replace(TaskFacts(1000, 200, 300, (1, 8, 8), 10, "split", "task", {"device": "cpu"}), **changes)


def grid(count: int = 3, prefix: str = "key") -> tuple[PlannedTrial, ...]:
    """A grid of so many points."""
    return tuple(PlannedTrial(n, f"{prefix}-{n}", (1e-5, 1e-6, 0.1), 0.001 * (n + 1), 2**62 + n) for n in range(count))


def epoch(number: int, correct: int = 150, **changes: Any) -> Epoch:
    """One epoch."""
    return dataclasses.replace(Epoch(number, 1.0 / number, 0.5, correct, 200, 2.5), **changes)


def success(number: int = 0, artifact_digest: str | None = None, **changes: Any) -> TrialResult:
    """The result of a trial, a better one for each number."""
    result = TrialResult(
        val_correct=180 + number, val_total=200, best_epoch=2, epochs_run=3, train_seconds=4.5, total_seconds=5.5,
        artifact=StoredArtifact(artifact_digest or f"trial-{number}", 1000 + number),
        curve=(CurvePoint(0.0, 180 + number, 2), CurvePoint(0.25, 170, 9)), hidden_total=20, free_within_margin=9,
        host="gpu1", device="cuda:0")
    return dataclasses.replace(result, **changes)


def selection(chosen: int = 1, picked: Sequence[int] = (0, 1, 2), **changes: Any) -> SelectionRecord:
    """A choice among three trials."""
    record = SelectionRecord(182, 200, "0.05", tuple(picked), chosen, (0.1, None), 181, 9, 20, "sparsest", 1.5)
    return dataclasses.replace(record, **changes)


def verdicts(chosen: int = 1, numbers: Sequence[int] = (0, 1, 2)) -> tuple[TrialVerdict, ...]:
    """One verdict for each trial."""
    return tuple(
        TrialVerdict(n, Verdict.CHOSEN if n == chosen else Verdict.SPARSER_ONE_EXISTS, f"reason {n}",
                     PrunedTrial(n, (0.1, None), 181, 9))
        for n in numbers)


def commit(task: int = 1, **changes: Any) -> CommitRecord:
    """The commit of a task, evaluated on all tasks up to it."""
    record = CommitRecord(
        digest=f"commit-{task}", artifact_bytes=5000, parent_digest=f"commit-{task - 1}" if task > 1 else None,
        capacity=(LayerCapacity(task, 1, 12, 3 * task, 3, 0, 12 - 3 * task),
                  LayerCapacity(task, 2, 8, 2 * task, 2, 1, 8 - 2 * task)),
        evaluations=tuple(TaskResult(on, 290 - on, 300, f"logits-{on}", 190 - on, 200) for on in range(1, task + 1)),
        verification={"structure": "bit-equal", "tasks": task}, commit_seconds=3.25)
    return dataclasses.replace(record, **changes)


@dataclass
class Driver:
    """A store and the lease of one run."""

    store: Store
    lease: Lease

    @classmethod
    def of_new_run(cls, store: Store, **changes: Any) -> "Driver":
        """Create a run and drive it."""
        run = new_run(**changes)
        store.create_run(run)
        return cls(store, store.acquire_lease(run.name, this_owner(), TTL_SECONDS))

    def begin(self, task: int = 1, trials: int = 3) -> None:
        """The stage is SWEEPING, its trials PENDING."""
        base = f"commit-{task - 1}" if task > 1 else None
        self.store.begin_sweep(self.lease, task, facts(), ARCHITECTURE, base, grid(trials, f"task {task} key"))

    def start(self, number: int, task: int = 1) -> None:
        """A trial is RUNNING, once more."""
        self.store.trial_started(self.lease, task, number, f"ray-{number}.{next(STARTS)}", "gpu1", "cuda:0")

    def finish(self, number: int, task: int = 1, **changes: Any) -> None:
        """A trial is FINISHED, with one epoch recorded."""
        self.start(number, task)
        self.store.trial_epochs(self.lease, task, number, [epoch(1)])
        self.store.trial_finished(self.lease, task, number,
                                  success(number, **{"artifact_digest": f"task-{task}-trial-{number}", **changes}))

    def sweep(self, task: int = 1, trials: int = 3) -> None:
        """The stage is SELECTING, its trials FINISHED."""
        self.begin(task, trials)
        for number in range(trials):
            self.finish(number, task)
        self.store.end_sweep(self.lease, task)

    def select(self, task: int = 1) -> None:
        """The stage is COMMITTING."""
        self.sweep(task)
        self.store.record_selection(self.lease, task, selection(), verdicts())

    def commit(self, task: int = 1) -> None:
        """The stage is COMMITTED."""
        self.select(task)
        self.store.record_commit(self.lease, task, commit(task))
