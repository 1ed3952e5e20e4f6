"""`clnp doctor`: check this machine for what a run needs, and the stored artifacts against the database."""

from typing import TYPE_CHECKING

import click

from orchestrator.cli.checks import (
    DiskUse,
    Finding,
    data,
    database,
    disk_use,
    environment,
    packages,
    recorded_artifacts,
    storage,
    torch_and_ray,
    unrecorded_files,
)
from orchestrator.cli.options import GlobalOptions, as_json_option, check_storage, reading
from orchestrator.render.format import bytes_text, plural
from orchestrator.render.output import say, say_json, terminal_width
from orchestrator.render.table import Column, number, prose, render
from orchestrator.runs.location import storage_root

if TYPE_CHECKING:
    from db.rows import RunRow


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
