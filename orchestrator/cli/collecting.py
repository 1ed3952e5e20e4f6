"""`clnp gc`: clear up what crashes left behind."""

import math
from typing import Any

import click

from orchestrator.cli.options import Settings, as_json_option, check_storage
from orchestrator.render.format import bytes_text, plural, ranges
from orchestrator.render.output import say, say_json, terminal_width
from orchestrator.render.table import Column, number, prose, render

SECONDS_PER_HOUR = 3600.0


class Hours(click.FloatRange):
    """A time, which an endless or an undefined one is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        hours = float(super().convert(value, param, ctx))
        if not math.isfinite(hours):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return hours


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be cleared up.")
@click.option("--older-than-hours", "hours", metavar="H", type=Hours(min=0), default=1.0, show_default=True,
              help="Leave files alone that are younger.")
@click.option("--also", metavar="URL", multiple=True, help="Another database that uses the same artifact store.")
@as_json_option
@click.pass_obj
def gc(settings: Settings, dry_run: bool, hours: float, also: tuple[str, ...], as_json: bool) -> None:
    """Clear up what crashes left behind.

    Trials that are recorded as running while nobody drives their run become pending again. Files that no run refers to
    are removed; a committed network never is.
    """
    check_storage()
    from orchestrator.api import storage_root
    from orchestrator.runs.gc import collect

    found = collect(dry_run=dry_run, older_than_seconds=hours * SECONDS_PER_HOUR, also=also, url=settings.url,
                    storage=storage_root())
    freed = sum(file.size_bytes for file in found.files)
    if as_json:
        say_json({"dry_run": dry_run, "bytes": freed, "artifacts": found.artifacts,
                  "checkpoints": found.checkpoints, "unfinished": found.unfinished, "outputs": found.outputs,
                  "zombies": found.zombies})
        return
    rows = [[what, f"{len(files):,}", bytes_text(sum(file.size_bytes for file in files))] for what, files in (
        ("weights that no run refers to", found.artifacts), ("checkpoints of trainings that nobody goes on with",
        found.checkpoints), ("unfinished files", found.unfinished), ("output of trials whose run is gone", found.outputs))
        if files]
    by_stage: dict[tuple[str, int], list[int]] = {}
    for zombie in found.zombies:
        by_stage.setdefault((zombie.run, zombie.task), []).append(zombie.number)
    rows += [[f"run {run}, task {task}: trials {ranges(numbers)} that nobody trains", f"{len(numbers):,}", ""]
             for (run, task), numbers in by_stage.items()]
    if not rows:
        say("nothing to clear up")
        return
    say(render([prose("found"), number("count"), Column("size")], rows, terminal_width()))
    told = f"{plural(len(found.files), 'file')} ({bytes_text(freed)}), {plural(len(found.zombies), 'trial')}"
    say(f"\nwould clear up {told}; without --dry-run it does" if dry_run else f"\ncleared up {told}")
