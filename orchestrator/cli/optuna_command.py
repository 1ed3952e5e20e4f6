"""`clnp mirror`: a run's trials as Optuna studies, for optuna-dashboard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from db.url import shown
from orchestrator.cli.options import GlobalOptions, as_json_option, reading
from orchestrator.render.format import plural
from orchestrator.render.output import note, say, say_json, terminal_width
from orchestrator.render.table import number, prose, render

if TYPE_CHECKING:
    from orchestrator.runs.optuna_export import MirroredStage


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--to", metavar="URL", help="The Optuna storage. [default: .clnp/optuna.db here]")
@click.option("--follow", is_flag=True, help="Repeat every few seconds, until no driver is running for RUN.")
@as_json_option
@click.pass_obj
def mirror(settings: GlobalOptions, run: str, to: str | None, follow: bool, as_json: bool) -> None:
    """Copy RUN's trials into an Optuna storage.

    Every task becomes a study that optuna-dashboard shows. Trials that the storage already contains are not copied again; the
    run itself is only read.
    """
    from orchestrator.runs.optuna_export import open_mirror

    with reading(settings) as reads:
        reads.run(run)  # a mistyped name creates no mirror
        with open_mirror(to) as copy:
            stages = copy.follow(reads, run, _tell) if follow else copy.update(reads, run)
    where = shown(copy.address)
    if as_json:
        say_json({"run": run, "mirror": where, "stages": stages})
        return
    if stages:
        say(render([prose("study"), number("added"), number("trials")],
                   [[stage.study, f"{stage.trials_added:,}", f"{stage.trials:,}"] for stage in stages], terminal_width()))
        say()
    added = sum(stage.trials_added for stage in stages)
    say(f"{plural(added, 'trial')} added; `optuna-dashboard {where}` shows them" if added or stages else
        f"run {run} has no trials yet")


def _tell(stages: "Sequence[MirroredStage]") -> None:
    for stage in stages:
        if stage.trials_added:
            note(f"{stage.study}: {plural(stage.trials_added, 'trial')} added")
