"""`clnp doctor`: check this machine for what a run needs, and the stored artifacts against the database.

Every check returns findings; a problem that it looks for is a finding, not an exception.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import click

from clnp_core.errors import ArtifactError, ClnpError, DatabaseError, DataError
from db.dialect import may_exist, new_engine
from db.engine import current_revision
from db.errors import translated
from db.schema.types import REVISIONS
from db.url import URL_VARIABLE, resolve_url, shown
from orchestrator.cli.errors import INTERNAL
from orchestrator.cli.options import GlobalOptions, as_json_option, check_storage, reading
from orchestrator.driver.ray_failure import cluster_address
from orchestrator.render.format import bytes_text, device_text, plural
from orchestrator.render.output import say, say_json, terminal_width
from orchestrator.render.table import Column, number, prose, render
from orchestrator.runs.location import storage_root
from workers.environment import PACKAGES, package_versions
from workers.storage.schemes import open_files

if TYPE_CHECKING:
    from db.rows import ArtifactRow, RunRow
    from workers.storage.artifacts import ArtifactStore


NAMED_AT_MOST = 3
"""Number of files that a finding names; further ones are only counted."""


class Level(StrEnum):
    """Severity of a finding."""

    FINE = "ok"
    NOTE = "note"
    PROBLEM = "problem"

    @property
    def is_fine(self) -> bool:
        """No problem."""
        return self is Level.FINE

    @property
    def is_problem(self) -> bool:
        """Something does not work until this is fixed."""
        return self is Level.PROBLEM


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. ``exit_code`` is the exit code of the command if this is its first problem."""

    level: Level
    subject: str
    text: str
    hint: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Disk space of a run's artifacts; shared artifacts are counted for every run."""

    run: str
    artifacts: int
    artifact_bytes: int
    missing: int


def problem(subject: str, error: ClnpError) -> Finding:
    """Return a finding for an error of this project."""
    return Finding(Level.PROBLEM, subject, error.message, error.hint, error.exit_code)


def packages() -> list[Finding]:
    """Check the versions of Python and of every package that a run imports."""

    found = package_versions()
    missing = [name for name in PACKAGES if name not in found and name != "clnp"]
    versions = ", ".join(f"{name} {found[name]}" for name in PACKAGES if name in found)
    findings = [Finding(Level.FINE, "python", f"{found['python']} at {sys.executable}"),
                Finding(Level.FINE, "packages", versions)]
    if missing:
        findings.append(Finding(Level.PROBLEM, "packages", f"not installed: {', '.join(missing)}",
                                "install clnp again with its dependencies", INTERNAL))
    return findings


def torch_and_ray() -> list[Finding]:
    """Check that torch and Ray can be imported, and which devices they find."""
    findings = []
    for subject, look in (("torch", _torch), ("ray", _ray)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                findings.append(Finding(Level.FINE, subject, look()))
        except Exception as error:  # any error of a broken installation is the finding
            text = " ".join(f"cannot be imported: {type(error).__name__}: {error}".split())
            findings.append(Finding(Level.PROBLEM, subject, text, f"install {subject} again", INTERNAL))
    return findings


def _torch() -> str:
    import torch

    from workers.data.datasets import datasets

    datasets()
    if not torch.cuda.is_available():
        return f"{torch.__version__}, no GPU: trials run on {plural(os.cpu_count() or 1, 'CPU core')}"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{torch.__version__}, {plural(len(names), 'GPU')}: {', '.join(names)}"


def _ray() -> str:
    import ray

    address = cluster_address()
    where = f"runs go to the cluster at {address} (not contacted)" if address else "runs start a cluster on this machine"
    return f"{ray.__version__}, {where}"


def data() -> Finding:
    """Check the data folder. The digits need none, so a missing one is at most a note."""
    from workers.data.loader import data_folder

    folder = data_folder()
    if (folder / "MNIST" / "raw").is_dir():
        return Finding(Level.FINE, "data", f"{folder} holds MNIST")
    if os.environ.get("CLNP_DATA") and not folder.is_dir():
        return problem("data", DataError(f"CLNP_DATA is {folder}, which is not a folder", "correct it, or unset it"))
    return Finding(Level.NOTE, "data", f"no MNIST in {folder}: it is downloaded when first needed, or set CLNP_DATA")


def storage(root: str) -> Finding:
    """Check that the artifact store is writable."""

    try:
        found = open_files(root).inspect()
    except ClnpError as error:
        return problem("storage", error)
    if found.free_bytes is None:
        return Finding(Level.FINE, "storage", f"{root} can be written to")
    free = bytes_text(found.free_bytes)
    if not found.exists:
        return Finding(Level.NOTE, "storage", f"{root} is created by the first launch; {free} free")
    return Finding(Level.FINE, "storage", f"{root}, {free} free")


def database(url: str | None) -> Finding:
    """Check that the database can be opened, and its schema."""

    try:
        address = resolve_url(url)
        if not may_exist(address):
            if url or os.environ.get(URL_VARIABLE):
                return problem("database", DatabaseError(
                    f"there is no database at {shown(address)} yet", "launch a run first, or correct CLNP_DB_URL"))
            return Finding(Level.NOTE, "database", f"{shown(address)} is created by the first launch")
        engine = new_engine(address)
        try:
            with translated(address), engine.connect() as connection:
                revision = current_revision(connection)
        finally:
            engine.dispose()
    except ClnpError as error:
        return problem("database", error)
    if revision is None:
        return Finding(Level.NOTE, "database", f"{shown(address)} is empty; the first launch creates its tables")
    if revision != REVISIONS[-1]:
        return problem("database", DatabaseError(f"{shown(address)} has schema {revision}, this clnp needs {REVISIONS[-1]}",
                                                 "make a copy of it, then run `clnp db upgrade`"))
    return Finding(Level.FINE, "database", f"{shown(address)}, schema {revision}")


def environment(run: "RunRow") -> Finding:
    """Check whether results of this machine are comparable with the run's recorded results."""
    from orchestrator.config.config import Config
    from workers.environment import fingerprint

    if run.environment is None:
        return Finding(Level.FINE, "environment", f"run {run.name} has not begun anywhere yet")
    here = fingerprint(Config.from_resolved(run.config).resources.threads_per_trial)
    if here == run.environment:
        return Finding(Level.FINE, "environment", f"same as the run's: {device_text(here)}")
    return Finding(Level.NOTE, "environment", f"the run has {device_text(run.environment)}, this machine {device_text(here)}; "
                   "resuming it here needs --accept-environment, unless its trials run elsewhere")


def recorded_artifacts(store: "ArtifactStore", recorded: "Sequence[ArtifactRow]", every_byte: bool) -> list[Finding]:
    """Compare the stored artifacts with their records: by size, or by digest.

    Args:
        store: the artifact store.
        recorded: the recorded artifacts.
        every_byte: read every file and check its digest.
    """
    kept = [artifact for artifact in recorded if artifact.removed_at is None]
    missing = [artifact for artifact in kept if store.size(artifact.digest) is None]
    damaged = [artifact for artifact in kept if artifact not in missing and _is_damaged(store, artifact, every_byte)]
    findings = []
    for bad, what in ((missing, "missing"), (damaged, "damaged")):
        if bad:
            text = f"{len(bad)} of {plural(len(kept), 'recorded artifact')} {what}: {_named([a.digest for a in bad])}"
            findings.append(problem("artifacts", ArtifactError(
                text, "restore them from a backup, or set CLNP_STORAGE to the folder that contains them")))
    if not findings:
        checked = "every digest matches" if every_byte else "every size matches"
        size = bytes_text(sum(artifact.artifact_bytes for artifact in kept))
        findings.append(Finding(Level.FINE, "artifacts",
                                f"{plural(len(kept), 'recorded artifact')} in place, {checked}; {size}"))
    return findings


def _is_damaged(store: "ArtifactStore", artifact: "ArtifactRow", every_byte: bool) -> bool:
    if store.size(artifact.digest) != artifact.artifact_bytes:
        return True
    if not every_byte:
        return False
    try:
        store.get(artifact.digest)
    except ArtifactError:
        return True
    return False


def unrecorded_files(store: "ArtifactStore", recorded: "Sequence[ArtifactRow]") -> Finding | None:
    """Report files in the store that no row refers to: those of running trials, and those that crashes left behind."""
    known = {artifact.digest for artifact in recorded if artifact.removed_at is None}
    files = [file for digest, file in store.stored() if digest not in known] + list(store.files.leftovers())
    if not files:
        return None
    size = bytes_text(sum(file.size_bytes for file in files))
    return Finding(Level.NOTE, "artifacts", f"{plural(len(files), 'file')} without a record, {size}: "
                   f"{_named([file.name.rpartition('/')[2] for file in files])}; of running trials, or left by a crash "
                   "(`clnp gc` removes those)")


def disk_use(store: "ArtifactStore", recorded: "Sequence[ArtifactRow]", runs: Sequence[str]) -> list[DiskUse]:
    """Report the disk space of each run."""
    uses = []
    for run in runs:
        own = [artifact for artifact in recorded if run in artifact.runs and artifact.removed_at is None]
        missing = sum(store.size(artifact.digest) is None for artifact in own)
        uses.append(DiskUse(run, len(own), sum(artifact.artifact_bytes for artifact in own), missing))
    return uses


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(name[:12] + "…" if len(name) > 13 else name for name in sorted(names)[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more:,} more" if more > 0 else shown


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@as_json_option
@click.pass_obj
def doctor(settings: GlobalOptions, run: str | None, as_json: bool) -> int:
    """Check this machine, the database and stored weights.

    With RUN: only its own weights, but every byte of them, and whether it can be resumed here. The exit code is 0 if all is
    well, else that of the first problem.
    """
    rows = [] if run is None else _runs(settings, run)
    findings, uses = _examine(settings, rows)
    problems = [finding for finding in findings if finding.level.is_problem]
    if as_json:
        say_json({"healthy": not problems, "findings": findings, "disk_use": uses})
    else:
        _say(findings, uses)
    return problems[0].exit_code if problems else 0


def _runs(settings: GlobalOptions, run: str) -> "list[RunRow]":
    with reading(settings) as reads:
        return [reads.run(run)]


def _examine(settings: GlobalOptions, asked: "list[RunRow]") -> tuple[list[Finding], list[DiskUse]]:
    check_storage()

    root = storage_root()
    base, place = database(settings.url), storage(root)
    findings = [*packages(), *torch_and_ray(), base, place, data(), *(environment(row) for row in asked)]
    if not base.level.is_fine or place.level.is_problem:
        return findings, []
    from workers.storage.artifacts import ArtifactStore

    store = ArtifactStore(root)
    with reading(settings) as reads:
        every, runs = reads.artifacts(), asked or reads.runs()
    names = [row.name for row in runs]
    own = [artifact for artifact in every if not asked or set(names) & set(artifact.runs)]
    findings += recorded_artifacts(store, own, every_byte=bool(asked))
    unrecorded = None if asked else unrecorded_files(store, every)
    return [*findings, *([unrecorded] if unrecorded else [])], disk_use(store, every, names)


def _say(findings: list[Finding], uses: list[DiskUse]) -> None:
    say(render([Column(""), Column("checked"), prose("found")], [
        [finding.level.value, finding.subject, finding.text + (f"; {finding.hint}" if finding.hint else "")]
        for finding in findings], terminal_width()))
    if uses:
        say()
        columns = [prose("run"), number("artifacts"), number("on disk"), number("missing")]
        say(render(columns, [[use.run, f"{use.artifacts:,}", bytes_text(use.artifact_bytes), f"{use.missing:,}"]
                             for use in uses], terminal_width()))
    problems = sum(finding.level.is_problem for finding in findings)
    say(f"\n{plural(problems, 'problem')} found" if problems else "\nno problems found")
