"""Commands that send a request to a run's driver on any machine: stop, cancel."""

from typing import TYPE_CHECKING

import click

from orchestrator.cli import group_commands
from orchestrator.cli.options import GlobalOptions, as_json_option
from orchestrator.render.output import say, say_json

if TYPE_CHECKING:
    from db.rows import RunRow


@click.command()
@click.argument("run", metavar="RUN")
@as_json_option
@click.pass_obj
def stop(settings: GlobalOptions, run: str, as_json: bool) -> None:
    """Ask the driver of RUN to stop cleanly.

    The driver may run on any machine and stops within seconds; `clnp resume RUN` continues later. RUN may be a group: all its
    drivers are asked to stop.
    """
    from orchestrator import api

    if group_commands.is_group(settings, run):
        group_commands.stop(settings, run, as_json)
        return
    row = api.request_stop(run, url=settings.url)
    if as_json:
        say_json({"run": run, "requested": "stop", "driver": row.owner})
        return
    say(f"asked the driver of {run}{_driver_text(row)} to stop; `clnp status {run}` shows when it has")


@click.command()
@click.argument("run", metavar="RUN")
@as_json_option
@click.pass_obj
def cancel(settings: GlobalOptions, run: str, as_json: bool) -> None:
    """End RUN for good.

    Its driver stops within seconds, and the run cannot be resumed. What is recorded stays: `clnp fork RUN --task K`
    continues from one of its commits, `clnp rm RUN` removes it. RUN may be a group: all its runs end then.
    """
    from orchestrator import api

    if group_commands.is_group(settings, run):
        group_commands.cancel(settings, run, as_json)
        return
    row = api.request_cancel(run, url=settings.url)
    driven = row.owner if row.driver_lives else None
    if as_json:
        say_json({"run": run, "requested": "cancel", "driver": driven})
    elif driven:
        say(f"asked the driver of {run}{_driver_text(row)} to stop for good; `clnp status {run}` shows when it has")
    else:
        say(f"{run} is cancelled; what is recorded stays")


def _driver_text(row: "RunRow") -> str:
    return f" (process {row.owner.pid} on {row.owner.host})" if row.owner else ""
