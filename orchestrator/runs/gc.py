"""Garbage collection after crashes: trials recorded as running without a driver, and files that nothing refers to."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from clnp_core.errors import ArtifactError, BusyError, StateError
from clnp_core.values import TrialRole
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.states import StageState, TrialState
from db.store.store import Store
from orchestrator.driver.lease import LEASE_SECONDS
from orchestrator.runs.store_registry import refuse_strangers
from orchestrator.runs.trial_logs import drop_empty_folders, stored_output
from workers.storage.artifacts import ArtifactStore
from workers.storage.checkpoints import Checkpoints
from workers.storage.files import Files, StoredFile
from workers.training.packs.pack_plan import in_packs, pack_key

GRACE_SECONDS = 3600.0
"""Younger files are kept: a worker stores a network before its driver records it."""


@dataclass(frozen=True, slots=True)
class Zombie:
    """A trial that is recorded as running in a run without a driver."""

    run: str
    task: int
    number: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """Result of a collection.

    Attributes:
        artifacts: complete files that no row refers to.
        checkpoints: checkpoints of trainings that will not be resumed.
        unfinished: files of interrupted writes.
        outputs: output of trials whose run has been removed.
        zombies: trials that were (or would be) returned to pending.
    """

    artifacts: tuple[StoredFile, ...]
    checkpoints: tuple[StoredFile, ...]
    unfinished: tuple[StoredFile, ...]
    outputs: tuple[StoredFile, ...]
    zombies: tuple[Zombie, ...]

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All files of all kinds."""
        return self.artifacts + self.checkpoints + self.unfinished + self.outputs


def collect(*, dry_run: bool = False, older_than_seconds: float = GRACE_SECONDS, also: Sequence[str] = (),
            url: str | None = None, storage: str) -> Garbage:
    """Find and remove what crashes left behind. What a run of any of the databases refers to is never removed.

    Args:
        dry_run: remove nothing.
        older_than_seconds: younger files are kept.
        also: URLs of the other databases that use the same artifact store.
        url: the database; None means ``CLNP_DB_URL``, or SQLite in the working folder.
        storage: root of the artifact store.

    Raises:
        StateError: the store is used by a database that was not named, or does not know one that was; or a driver is running,
            and files that it has not recorded yet might be removed.
        DatabaseError: one of the databases cannot be read; nothing was removed.
        ArtifactError: a file cannot be removed.
    """
    with ExitStack() as opened:
        engines = [_opened(address, opened) for address in (url, *also)]
        refuse_strangers(storage, engines)
        if older_than_seconds < GRACE_SECONDS and not dry_run:
            _refuse_drivers(engines, older_than_seconds)
        store = ArtifactStore(storage)
        # List the files before the references: files recorded in between are not in the list.
        files = [(digest, file) for digest, file in store.stored() if file.age_seconds > older_than_seconds]
        unfinished = tuple(file for file in store.files.leftovers() if file.age_seconds > older_than_seconds)
        kept = {row.digest for engine in engines for row in Reads(engine).artifacts() if row.runs and row.removed_at is None}
        orphaned = tuple(file for digest, file in files if digest not in kept)
        found = Garbage(orphaned, _idle_checkpoints(storage, engines, older_than_seconds), unfinished,
                        _lost_outputs(store.files, engines, older_than_seconds), _zombies(Reads(engines[0])))
        if not dry_run:
            _remove(store.files, found.files, older_than_seconds)
            drop_empty_folders(storage, sorted({file.name.split("/")[1] for file in found.outputs}))
            _release(Store(engines[0]), found.zombies)
        return found


def _opened(address: str | None, opened: ExitStack) -> Engine:
    engine = open_database(address)
    opened.callback(engine.dispose)
    return engine


def _idle_checkpoints(storage: str, engines: Sequence[Engine], older_than_seconds: float) -> tuple[StoredFile, ...]:
    """Return checkpoints of trials or packs that will not be trained; none while a run commits a task, since its fine-tuning
    may be resumed."""
    idle = [(key, file) for key, file in Checkpoints(storage).stored() if file.age_seconds > older_than_seconds]
    if not idle:
        return ()
    wanted: set[str] = set()
    for reads in map(Reads, engines):
        for run in reads.runs():
            for stage in reads.stages(run.name):
                if stage.state is StageState.COMMITTING or stage.failed_from is StageState.COMMITTING:
                    return ()
                if stage.trials_pending + stage.trials_running + stage.trials_failed:
                    packs = [pack for role in TrialRole for pack in in_packs(
                        reads.trials(run.name, stage.task, role=role), _pack_size(run.config))]
                    wanted |= {pack_key([trial.key for trial in pack]) for pack in packs
                               if any(trial.state is not TrialState.FINISHED for trial in pack)}
    return tuple(file for key, file in idle if key not in wanted)


def _lost_outputs(files: Files, engines: Sequence[Engine], older_than_seconds: float) -> tuple[StoredFile, ...]:
    """Return output of removed runs. Lists the files before the runs: files of a run created in between are not in the list."""
    old = [(run, file) for run, file in stored_output(files) if file.age_seconds > older_than_seconds]
    runs = {run.name for engine in engines for run in Reads(engine).runs()} if old else set()
    return tuple(file for run, file in old if run not in runs)


def _zombies(reads: Reads) -> tuple[Zombie, ...]:
    return tuple(
        Zombie(run.name, stage.task, trial.number)
        for run in reads.runs() if not run.driver_lives
        for stage in reads.stages(run.name) if stage.trials_running
        for trial in reads.trials(run.name, stage.task) if trial.state is TrialState.RUNNING)


def _refuse_drivers(engines: Sequence[Engine], older_than_seconds: float) -> None:
    """Refuse to remove young files while a driver is running: workers store files minutes before they are recorded."""
    driven = sorted(run.name for engine in engines for run in Reads(engine).runs() if run.driver_lives)
    if driven:
        raise StateError(f"a driver is running for {', '.join(driven)}, and recent files of its workers are not recorded "
                         f"yet: files younger than {GRACE_SECONDS / 3600:g} hour cannot be removed",
                         f"stop it first, or omit the age of {older_than_seconds / 3600:g} hours")


def _remove(files: Files, garbage: Sequence[StoredFile], older_than_seconds: float) -> None:
    """Remove files, except those that were stored again since they were found: they are in use."""
    for file in garbage:
        try:
            changed = files.changed_at(file.name)
            if changed is not None and time.time() - changed > older_than_seconds:
                files.remove(file.name)
        except OSError as error:
            raise ArtifactError(f"{files.shown(file.name)} cannot be removed: {error.strerror or error}",
                                "fix its permissions, then run `clnp gc` again") from error


def _release(store: Store, zombies: Sequence[Zombie]) -> None:
    for run, task in sorted({(zombie.run, zombie.task) for zombie in zombies}):
        with contextlib.suppress(BusyError):  # resumed in the meantime
            lease = store.acquire_lease(run, this_owner(), LEASE_SECONDS)
            try:
                store.release_trials(lease, task)
            finally:
                store.release_lease(lease)


def _pack_size(config: Mapping[str, Any]) -> int:
    """Return the pack size of a recorded config; 1 if it was recorded by an older version."""
    return int(config.get("resources", {}).get("trials_per_pack", 1))
