"""Commands that maintain runs, database and artifact store: verify, rm, gc, db upgrade, db copy."""

import math
import sys
from typing import Any

import click

from clnp_core.errors import ConfigError
from db.engine import open_database
from db.engine import upgrade as bring_up
from db.transfer import copy_database
from db.url import resolve_url, shown
from orchestrator.cli.options import Commands, GlobalOptions, RenamedOptions, as_json_option, check_storage, reading
from orchestrator.render.format import bytes_text, plural, ranges
from orchestrator.render.output import note, paragraph, say, say_json, terminal_width
from orchestrator.render.table import Column, number, prose, render
from orchestrator.runs.location import storage_root
from orchestrator.runs.store_registry import register, register_where_used


@click.command()
@click.argument("run", metavar="RUN")
@as_json_option
@click.pass_obj
def verify(settings: GlobalOptions, run: str, as_json: bool) -> None:
    """Prove zero forgetting of RUN again, from storage.

    Every commit is read from storage and compared with all earlier ones on the earlier tasks' test data.
    """
    check_storage()
    from orchestrator import api

    verified = api.verify(run, url=settings.url)
    if as_json:
        say_json({"run": run, "verified": True, "commits": verified})
        return
    columns = [number("task"), Column("commit"), number("earlier tasks"), number("samples compared"), Column("recorded logits")]
    say(render(columns, [
        [str(each.task), each.digest[:12], str(len(each.tasks_compared)), f"{each.samples_compared:,}",
         "identical" if each.logits_compared else "not compared"] for each in verified], terminal_width()))
    samples = sum(each.samples_compared for each in verified)
    say(paragraph(f"\n{plural(len(verified), 'commit')} of run {run} verified from storage: no earlier task has changed "
                  f"({samples:,} test samples compared)."))
    if not all(each.logits_compared for each in verified):
        say(paragraph("Logits were not compared with the recorded ones, which are from another environment."))


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@as_json_option
@click.pass_obj
def rm(settings: GlobalOptions, run: str, yes: bool, as_json: bool) -> None:
    """Remove RUN, with weights that no other run uses."""
    check_storage()
    from orchestrator import api

    with reading(settings) as reads:
        row, trials = reads.run(run), len(reads.trials(run))
        own = sum(each.artifact_bytes for each in reads.artifacts() if each.runs == (run,) and each.removed_at is None)
    what = (f"run {run} ({row.state.value}, {plural(row.tasks_committed, 'committed task')}, {plural(trials, 'trial')}, "
            f"{bytes_text(own)} of weights)")
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise ConfigError(f"{what} would be removed, and there is no terminal for a confirmation",
                              f"confirm with `clnp rm {run} --yes`")
        if not click.confirm(f"Remove {what} for good?", err=True):
            note("nothing was removed")
            return
    freed = api.remove(run, url=settings.url)
    if as_json:
        say_json({"run": run, "removed": True, "bytes_freed": freed})
    else:
        shared = "; other databases use the same artifact store: `clnp gc --other-db URL` frees the rest" if freed < own else ""
        say(f"removed {what}; {bytes_text(freed)} freed{shared}")


@click.group(cls=Commands, no_args_is_help=False)
def db() -> None:
    """Maintain the database."""


@db.command()
@as_json_option
@click.pass_obj
def upgrade(settings: GlobalOptions, as_json: bool) -> None:
    """Bring the database to the newest schema.

    A missing database is created. Make a copy of an old one first.
    """

    before, after = bring_up(settings.url)
    register_where_used(storage_root(), settings.url)
    where = shown(resolve_url(settings.url))
    if as_json:
        say_json({"database": where, "revision_before": before, "revision_after": after})
    elif before is None:
        say(f"{where} is new, with schema {after}")
    elif before == after:
        say(f"{where} has the newest schema already: {after}")
    else:
        say(f"{where}: schema {before} became {after}")


@db.command()
@click.argument("target", metavar="URL")
@as_json_option
@click.pass_obj
def copy(settings: GlobalOptions, target: str, as_json: bool) -> None:
    """Copy all runs into the empty database at URL.

    For example from a laptop's SQLite to a server's PostgreSQL. Weights are not copied: keep the artifact store, or copy its
    folder, too. The old database stays as it is.
    """
    check_storage()

    source = resolve_url(settings.url)
    copied = copy_database(source, target)
    for address in (source, target):
        engine = open_database(address)
        try:
            register(storage_root(), engine)  # neither may remove weights that the other one refers to
        finally:
            engine.dispose()
    where, rows = shown(resolve_url(target)), sum(copied.values())
    if as_json:
        say_json({"from": shown(source), "to": where, "rows": copied})
    else:
        say(f"copied {plural(copied['clnp_runs'], 'run')} ({rows:,} rows) from {shown(source)} to {where}; name it in "
            "CLNP_DB_URL")


SECONDS_PER_HOUR = 3600.0


class Hours(click.FloatRange):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        hours = float(super().convert(value, param, ctx))
        if not math.isfinite(hours):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return hours


@click.command(cls=RenamedOptions, renamed={"--also": "--other-db"})
@click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@click.option("--older-than-hours", "hours", metavar="H", type=Hours(min=0), default=1.0, show_default=True,
              help="Keep files that are younger.")
@click.option("--other-db", "other_databases", metavar="URL", multiple=True,
              help="Another database that uses the same artifact store; may be repeated.")
@as_json_option
@click.pass_obj
def gc(settings: GlobalOptions, dry_run: bool, hours: float, other_databases: tuple[str, ...], as_json: bool) -> None:
    """Remove what crashes left behind.

    Trials that are recorded as running although their run has no driver become pending again. Files that no run refers to
    are removed; committed networks never are.
    """
    check_storage()
    from orchestrator.runs.gc import collect

    found = collect(dry_run=dry_run, older_than_seconds=hours * SECONDS_PER_HOUR, also=other_databases,
                    url=settings.url, storage=storage_root())
    freed = sum(file.size_bytes for file in found.files)
    if as_json:
        say_json({"dry_run": dry_run, "bytes": freed, "artifacts": found.artifacts,
                  "checkpoints": found.checkpoints, "unfinished": found.unfinished, "outputs": found.outputs,
                  "zombies": found.zombies})
        return
    rows = [[what, f"{len(files):,}", bytes_text(sum(file.size_bytes for file in files))] for what, files in (
        ("weights that no run refers to", found.artifacts), ("checkpoints that no run continues from",
        found.checkpoints), ("unfinished files", found.unfinished), ("output of trials whose run is gone", found.outputs))
        if files]
    by_stage: dict[tuple[str, int], list[int]] = {}
    for zombie in found.zombies:
        by_stage.setdefault((zombie.run, zombie.task), []).append(zombie.number)
    rows += [[f"run {run}, task {task}: trials {ranges(numbers)} without a driver", f"{len(numbers):,}", ""]
             for (run, task), numbers in by_stage.items()]
    if not rows:
        say("nothing to clean up")
        return
    say(render([prose("found"), number("count"), Column("size")], rows, terminal_width()))
    told = f"{plural(len(found.files), 'file')} ({bytes_text(freed)}), {plural(len(found.zombies), 'trial')}"
    say(f"\nwould clean up {told}; run without --dry-run to do it" if dry_run else f"\ncleaned up {told}")
