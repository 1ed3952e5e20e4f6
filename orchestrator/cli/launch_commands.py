"""Commands that drive a run: launch, resume, fork."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clnp_core.errors import BusyError, ClnpError, StateError
from db.states import RunState, StageState, TrialState, resumed_in
from orchestrator.cli import group_commands
from orchestrator.cli.errors import INTERRUPTED, Interrupted, UsageProblem
from orchestrator.cli.options import MAX_COUNT, GlobalOptions, as_json_option, check_storage, reading
from orchestrator.render.format import plural, ranges
from orchestrator.render.output import Lines, note, note_step, results_apart, say, say_json
from orchestrator.runs.recorded_config import recorded_config

if TYPE_CHECKING:
    from db.rows import StageRow, TrialRow
    from orchestrator.events.events import Progress

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

EXECUTORS = ("ray", "inline")
"""Same as :class:`orchestrator.driver.executor.ExecutorKind`, which is not imported for a dry run."""

TELLINGS = ("auto", "live", "plain", "json")
"""Same as :class:`orchestrator.events.factory.ProgressStyle`, which is not imported for a dry run."""


@dataclass
class Ending:
    """How the driver ended, beyond what the run's row records."""

    run: str = ""
    stop_reason: str = ""


def telling_options(command: AnyFunction) -> AnyFunction:
    """Add ``--progress`` and ``--hook`` to a command that drives a run."""
    hook = click.option("--hook", "hooks", metavar="TARGET", multiple=True,
                        help="A web hook's URL or a command, called for every commit and at the end; may be repeated.")
    progress = click.option("--progress", "telling", type=click.Choice(TELLINGS), default="auto", show_default=True,
                            help="How to report the run's steps on standard error.")
    return progress(hook(command))


def executor_option(command: AnyFunction) -> AnyFunction:
    """Add ``--executor`` to a command that drives a run."""
    return click.option("--executor", type=click.Choice(EXECUTORS), default="ray", show_default=True,
                        help="What trains: Ray, or this process, one trial after another, for a debugger.")(command)


@click.command()
@click.argument("config", metavar="CONFIG")
@click.option("--name", metavar="N", help="Name of the run. [default: the config's, numbered if it is taken]")
@click.option("--set", "overrides", metavar="A.B=C", multiple=True,
              help="Override a key of the config, the value in YAML; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show tasks, trials and network; write and start nothing.")
@click.option("--check-tasks", type=click.IntRange(min=1), metavar="N",
              help="With --dry-run: load and check at most N tasks of a custom benchmark. [default: 100]")
@executor_option
@telling_options
@as_json_option
@click.pass_obj
def launch(settings: GlobalOptions, config: str, name: str | None, overrides: tuple[str, ...], dry_run: bool,
           check_tasks: int | None, executor: str, telling: str, hooks: tuple[str, ...], as_json: bool) -> int:
    """Start the run that CONFIG describes, and drive it to its end.

    CONFIG is a YAML file. Progress goes to standard error, the results to standard output. Ctrl-C stops cleanly: the
    run can be resumed. With several seeds in CONFIG, a run per seed is recorded, and all are driven side by side.
    """
    if dry_run:
        from orchestrator.cli import dry_run as plan_of

        plan_of.show(config, overrides, name, as_json, check_tasks or plan_of.CHECKED_TASKS)
        return 0
    if check_tasks is not None:
        raise UsageProblem("--check-tasks applies to a dry run only", "add --dry-run, or omit --check-tasks")
    note_step(f"reading {config}", telling == "json")
    check_storage()
    from orchestrator import api
    from orchestrator.driver.launch import built

    with _prints_of_config(telling):
        loaded = built(config, name, overrides)
    if loaded.seeds is not None:
        _refuse_inline(executor, "a group of runs, one for each seed")
        return group_commands.launch(settings, loaded, name, telling, hooks, as_json)
    ending = Ending()
    progress = _listening(ending, _telling(telling, executor), hooks)
    with _told_how_to_go_on(ending, progress, _may_debug(executor, telling)):
        launched = api.launch(loaded, name=name, progress=progress, url=settings.url, executor=executor).name
    return _finish(settings, launched, ending, as_json)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--retry-failed", is_flag=True, help="Retrain failed trials, too.")
@click.option("--accept-environment", is_flag=True,
              help="Continue although device, torch or code have changed; that is recorded.")
@executor_option
@telling_options
@as_json_option
@click.pass_obj
def resume(settings: GlobalOptions, run: str, retry_failed: bool, accept_environment: bool, executor: str, telling: str,
           hooks: tuple[str, ...], as_json: bool) -> int:
    """Continue RUN from its recorded state.

    Finished trials are never retrained. Progress goes to standard error, the results to standard output. RUN may be a
    group: all its unfinished runs continue, side by side.
    """
    note_step(f"looking up {run}", telling == "json")
    check_storage()
    if group_commands.is_group(settings, run):
        _refuse_inline(executor, "a group of runs")
        flags = ["--retry-failed"] * retry_failed + ["--accept-environment"] * accept_environment
        return group_commands.resume(settings, run, flags, telling, hooks, as_json)
    from orchestrator import api

    ending = Ending(run)
    progress = _listening(ending, _telling(telling, executor), hooks)
    tell_what_is_found(settings, run, retry_failed, progress.notice)
    with _told_how_to_go_on(ending, progress, _may_debug(executor, telling)):
        api.resume(run, retry_failed=retry_failed, accept_environment=accept_environment, progress=progress,
                   url=settings.url, executor=executor)
    return _finish(settings, run, ending, as_json)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--task", metavar="K", type=click.IntRange(0, MAX_COUNT), required=True,
              help="The last task to reuse; 0 starts over.")
@click.option("--name", metavar="N", help="Name of the new run. [default: RUN-fork, numbered if it is taken]")
@click.option("--set", "overrides", metavar="A.B=C", multiple=True,
              help="Override a key of RUN's config for the later tasks, the value in YAML; may be repeated.")
@click.option("--accept-environment", is_flag=True,
              help="Continue although device, torch or code have changed; that is recorded.")
@executor_option
@telling_options
@as_json_option
@click.pass_obj
def fork(settings: GlobalOptions, run: str, task: int, name: str | None, overrides: tuple[str, ...], accept_environment: bool,
         executor: str, telling: str, hooks: tuple[str, ...], as_json: bool) -> int:
    """Continue from task K of RUN as a new run, with other settings.

    RUN itself is not changed. Recorded trials with the same settings are reused, not retrained.
    """
    note_step(f"looking up {run}", telling == "json")
    check_storage()
    from orchestrator import api

    with reading(settings) as reads:
        recorded_config(reads.run(run))
    ending = Ending()
    progress = _listening(ending, _telling(telling, executor), hooks)
    with _told_how_to_go_on(ending, progress, _may_debug(executor, telling)):
        forked = api.fork(run, task, name=name, overrides=overrides, accept_environment=accept_environment,
                          progress=progress, url=settings.url, executor=executor).name
    return _finish(settings, forked, ending, as_json)


@contextmanager
def _prints_of_config(telling: str) -> Iterator[None]:
    """Turn output of a custom network's module into events if standard error carries JSON lines."""
    if telling != "json":
        yield
        return
    from orchestrator.events.jsonl import JsonProgress

    with results_apart(Lines(JsonProgress().notice)):
        yield


def _refuse_inline(executor: str, what: str) -> None:
    if executor == "inline":
        raise UsageProblem(f"--executor inline drives one run, not {what}", "omit --executor, or name one run or one seed")


def _may_debug(executor: str, telling: str) -> bool:
    """Return whether a debugger may use the terminal."""
    return executor == "inline" and telling != "json"


def _telling(telling: str, executor: str) -> str:
    """Return how to report: a live screen would overwrite the prompt of a debugger."""
    return "plain" if executor == "inline" and telling == "auto" else telling


@contextmanager
def _told_how_to_go_on(ending: Ending, progress: "Progress", as_they_are: bool) -> Iterator[None]:
    """Add a hint about resuming if an error or a second Ctrl-C ended the driver of a recorded run."""
    try:
        # Lines of Ray or of a task are notices, unless a debugger may prompt.
        with results_apart(None if as_they_are else Lines(progress.notice)):
            yield
    except KeyboardInterrupt:
        if ending.run:
            raise Interrupted(f"run {ending.run} was interrupted",
                              f"`clnp resume {ending.run}` continues it; what is recorded is safe") from None
        raise
    except ClnpError as error:
        if ending.run and not isinstance(error, BusyError | StateError) and "clnp resume" not in error.hint:
            progress.notice(
                f"run {ending.run} stopped with an error; `clnp resume {ending.run}` continues it once this is fixed:")
        raise


def _listening(ending: Ending, telling: str, hooks: Sequence[str]) -> "Progress":
    """Return the listeners for the run's steps: standard error, the hooks, and ``ending``, which keeps facts for the result.

    Raises:
        ConfigError: a hook cannot be called, or a live screen has no terminal.
    """
    from orchestrator.events.events import Relay
    from orchestrator.events.factory import ProgressStyle, progress_of
    from orchestrator.events.webhooks import VARIABLE, with_hooks

    class Remembering(Relay):
        def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int],
                        pack: int = 1) -> None:
            ending.run = run
            super().run_started(run, trials_by_task, parallel, done, pack)

        def stopped(self, reason: str) -> None:
            ending.stop_reason = reason
            super().stopped(reason)

    always = os.environ.get(VARIABLE, "").strip()
    return with_hooks(Remembering(progress_of(ProgressStyle(telling), run=ending.run)), [*hooks, *([always] if always else [])])


def tell_what_is_found(settings: GlobalOptions, run: str, retry_failed: bool, tell: Callable[[str], None] = note) -> None:
    """Print, before the first trial, the current task, what is recorded, and what will be done."""
    with reading(settings) as reads:
        row = reads.run(run)
        stage = next((stage for stage in reads.stages(run) if stage.state is not StageState.COMMITTED), None)
        if stage is None:
            tell(f"run {run} is complete: there is nothing left to do")
            return
        if not row.waits_for_a_driver:
            return
        trials = reads.trials(run, stage.task)
    if row.environment is None and not trials and not row.tasks_committed:
        return  # no driver has started it yet, and this one reports what it does
    tell(f"run {run} is {row.state.value}: {row.tasks_committed} of {plural(row.tasks, 'task')} committed, "
         f"task {stage.task} is {stage.state.value}")
    if stage.reason:
        tell(f"  it failed: {stage.reason.splitlines()[0]}")
    for line in found_trials(trials, retry_failed, stage):
        tell(f"  {line}")


def found_trials(trials: "Sequence[TrialRow]", retry_failed: bool, stage: "StageRow") -> list[str]:
    """Return sentences about the recorded trials of a task and what happens to each."""
    if resumed_in(stage.state, stage.failed_from, retry_failed) is StageState.COMMITTING:
        ended = [trial.number for trial in trials if trial.state is TrialState.FINISHED]
        failed = [trial.number for trial in trials if trial.state is TrialState.FAILED]
        fates = ((ended, "recorded, not retrained"), (failed, "not part of the recorded selection"))
        return [f"{_these(numbers)}: {fate}" for numbers, fate in fates if numbers]
    every_failure = retry_failed or not any(
        trial.role.can_be_chosen and trial.state is TrialState.FINISHED for trial in trials)
    by_fate: dict[str, list[int]] = {}
    for trial in trials:
        by_fate.setdefault(_fate(trial, every_failure), []).append(trial.number)
    return [f"{_these(numbers)}: {fate}" for fate, numbers in by_fate.items()]


def _these(numbers: list[int]) -> str:
    return f"{'trial' if len(numbers) == 1 else 'trials'} {ranges(numbers)}"


def _fate(trial: "TrialRow", every_failure: bool) -> str:
    if trial.state is TrialState.FINISHED:
        return "recorded, not retrained"
    if trial.state is not TrialState.FAILED:
        return "still to train"
    kind = trial.failure_kind
    if kind is not None and kind.excluded_from_selection and not every_failure:
        return f"{kind.value}, skipped (--retry-failed retrains it)"
    return f"failed ({kind.value if kind else 'unknown'}), retraining"


def _finish(settings: GlobalOptions, run: str, ending: Ending, as_json: bool) -> int:
    """Print the results and return the exit code: 130 only if the run was ended by Ctrl-C or a signal here."""
    from orchestrator.events.events import INTERRUPTED as BY_SIGNAL
    from orchestrator.render.run_summary import results_text, run_document

    with reading(settings) as reads:
        row = reads.run(run)
        if as_json:
            say_json(run_document(reads, row))
        else:
            say(results_text(reads, row))
    return INTERRUPTED if row.state is RunState.STOPPED and ending.stop_reason == BY_SIGNAL else 0
