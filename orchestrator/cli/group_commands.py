"""Commands applied to a group instead of a run: drive, show, stop."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clnp_core.errors import ConfigError
from orchestrator.cli.options import GlobalOptions, is_verbose, reading
from orchestrator.groups.summary import COLUMNS, GroupSummary
from orchestrator.render.format import plural
from orchestrator.render.output import Lines, paragraph, results_apart, say, say_json, terminal_width
from orchestrator.render.table import render

if TYPE_CHECKING:
    from orchestrator.config.config import Config
    from orchestrator.groups.groups import GroupEnding
    from orchestrator.groups.runner import GroupProgress


def is_group(settings: GlobalOptions, name: str) -> bool:
    """Whether a name is that of a group; no run has the same name."""
    with reading(settings) as reads:
        return bool(reads.runs(name))


def launch(settings: GlobalOptions, config: "Config", name: str | None, telling: str, hooks: Sequence[str],
           as_json: bool) -> int:
    """Record and drive a group; return the exit code."""
    from orchestrator.groups.groups import launch_group
    from orchestrator.runs.location import Place

    told = listening(telling, hooks)
    with results_apart(Lines(told.notice)):
        ending = launch_group(Place.of(settings.url), config, name, told, hook_options(hooks))
    return _finish(settings, ending, as_json)


def resume(settings: GlobalOptions, group: str, flags: Sequence[str], telling: str, hooks: Sequence[str], as_json: bool) -> int:
    """Resume a group; return the exit code."""
    from orchestrator.groups.groups import resume_group
    from orchestrator.runs.location import Place

    told = listening(telling, hooks)
    with results_apart(Lines(told.notice)):
        ending = resume_group(Place.of(settings.url), group, told, [*flags, *hook_options(hooks)])
    return _finish(settings, ending, as_json)


def show(settings: GlobalOptions, group: str, as_json: bool) -> None:
    """`clnp status GROUP`: a line for every run, and the results of the completed ones.

    Raises:
        NotFoundError: no such group.
    """
    with reading(settings) as reads:
        summary = GroupSummary.of(reads, group)
    if as_json:
        say_json(_document(summary))
    else:
        say("\n\n".join([summary.heading, render(COLUMNS, summary.rows, terminal_width()), paragraph(summary.sentence),
                         *summary.next_steps]))


def stop(settings: GlobalOptions, group: str, as_json: bool) -> None:
    """`clnp stop GROUP`."""
    from orchestrator.runs.operations import request_stop_of_group

    runs = request_stop_of_group(group, url=settings.url)
    if as_json:
        say_json({"group": group, "requested": "stop", "runs": runs})
    else:
        say(f"asked {plural(len(runs), 'driver')} to stop, of {', '.join(runs)}; `clnp status {group}` shows when they have")


def cancel(settings: GlobalOptions, group: str, as_json: bool) -> None:
    """`clnp cancel GROUP`."""
    from orchestrator.runs.operations import request_cancel_of_group

    runs = request_cancel_of_group(group, url=settings.url)
    if as_json:
        say_json({"group": group, "requested": "cancel", "runs": runs})
    else:
        say(f"{plural(len(runs), 'run')} of group {group} cancelled: {', '.join(runs)}; running drivers stop within "
            "seconds, and what is recorded stays")


def _document(summary: GroupSummary) -> dict[str, object]:
    return {"group": summary.name,
            "runs": [{"run": member.run, "mean_test_accuracy": member.mean_test_accuracy} for member in summary.members],
            "completed": len(summary.accuracies), "mean_test_accuracy": summary.mean,
            "standard_deviation": summary.deviation}


def listening(telling: str, hooks: Sequence[str]) -> "GroupProgress":
    """Return the listener for the drivers' steps; hooks are called by the drivers, and validated here before anything is
    recorded.

    Raises:
        ConfigError: a hook cannot be called, or a live screen was requested, which shows a single run only.
    """
    from orchestrator.events.console import ConsoleProgress
    from orchestrator.events.webhooks import VARIABLE, hook_of
    from orchestrator.groups.runner import JsonGroupProgress, PlainGroupProgress

    for target in (*hooks, os.environ.get(VARIABLE, "").strip()):
        if target:
            hook_of(target)
    if telling == "live":
        raise ConfigError("a live screen shows a single run, and this is a group",
                          "omit --progress, or use --progress plain or json")
    return JsonGroupProgress() if telling == "json" else PlainGroupProgress(ConsoleProgress())


def hook_options(hooks: Sequence[str]) -> list[str]:
    """Return the options for hooks and ``-v`` of a group's drivers."""
    return [*(word for target in hooks for word in ("--hook", target)), *(["-v"] if is_verbose() else [])]


def _finish(settings: GlobalOptions, ending: "GroupEnding", as_json: bool) -> int:
    show(settings, ending.group, as_json)
    return ending.exit_code
