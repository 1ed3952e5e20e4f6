"""What crashes leave behind: trials that count as running while nobody drives them, and files that nothing refers to."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from clnp_core.errors import ArtifactError, BusyError, StateError
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
"""Files younger than this are left alone: a worker stores a network before its driver records it."""


@dataclass(frozen=True, slots=True)
class Zombie:
    """A trial that is recorded as running, in a run that no driver holds."""

    run: str
    task: int
    number: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """What was found.

    Attributes:
        artifacts: whole files that no row refers to.
        checkpoints: of trainings that nobody will go on with.
        unfinished: what interrupted writes left.
        outputs: what trials of runs printed that are gone.
        zombies: trials that are pending again, or would be.
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
    """Find what crashes left behind, and clear it up. What a run of any of the databases refers to is never taken.

    Args:
        dry_run: only look.
        older_than_seconds: files that were written later are left alone.
        also: addresses of the other databases that use the same artifact store.
        url: the database; None means ``CLNP_DB_URL``, or SQLite in the working folder.
        storage: root of the artifact store.

    Raises:
        StateError: the store is used by a database that was not named, or does not know one that was; or a driver lives, and
            what it has not recorded yet might be taken.
        DatabaseError: one of the databases cannot be read; nothing was removed.
        ArtifactError: a file cannot be removed.
    """
    with ExitStack() as opened:
        engines = [_opened(address, opened) for address in (url, *also)]
        refuse_strangers(storage, engines)
        if older_than_seconds < GRACE_SECONDS and not dry_run:
            _refuse_drivers(engines, older_than_seconds)
        store = ArtifactStore(storage)
        # First the files, then what is referred to: what is recorded in between is not among the files.
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
    """Those of no trial, or pack, that is still to be trained; while any run commits a task, the fine-tuning of that may go on,
    too."""
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
                    packs = in_packs(reads.trials(run.name, stage.task), _pack_size(run.config))
                    wanted |= {pack_key([trial.key for trial in pack]) for pack in packs
                               if any(trial.state is not TrialState.FINISHED for trial in pack)}
    return tuple(file for key, file in idle if key not in wanted)


def _lost_outputs(files: Files, engines: Sequence[Engine], older_than_seconds: float) -> tuple[StoredFile, ...]:
    """First the files, then the runs: a run that begins in between is not among the files."""
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
    """A driver's workers store what it records later, after minutes perhaps."""
    driven = sorted(run.name for engine in engines for run in Reads(engine).runs() if run.driver_lives)
    if driven:
        raise StateError(f"a driver is at work on {', '.join(driven)}, and what its workers have just stored is not recorded "
                         f"yet: nothing younger than {GRACE_SECONDS / 3600:g} hour may be taken",
                         f"stop it first, or leave out the age of {older_than_seconds / 3600:g} hours")


def _remove(files: Files, garbage: Sequence[StoredFile], older_than_seconds: float) -> None:
    """But for what has been stored again since it was found: that is in use."""
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
        with contextlib.suppress(BusyError):  # somebody has resumed it meanwhile, and sees to it
            lease = store.acquire_lease(run, this_owner(), LEASE_SECONDS)
            try:
                store.release_trials(lease, task)
            finally:
                store.release_lease(lease)


def _pack_size(config: Mapping[str, Any]) -> int:
    """Of a recorded config; one of an older version knows of no packs."""
    return int(config.get("resources", {}).get("trials_per_pack", 1))
