"""`clnp show`: show a run, one of its tasks with a verdict for every trial, or one trial with its curve."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from clnp_core.architecture import Architecture
from clnp_core.selection import Score
from clnp_core.values import TrialRole
from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.options import MAX_COUNT, GlobalOptions, as_json_option, reading, task_option
from orchestrator.render.format import (
    NOTHING,
    alpha_text,
    architecture_text,
    divides_the_network,
    percent_or_nothing,
    plural,
    points_text,
    ranges,
    rate_text,
    score_text,
    seconds_text,
    teachers_text,
    thresholds_text,
    verdict_text,
    why_text,
)
from orchestrator.render.matrices import percent
from orchestrator.render.output import paragraph, say, say_json, terminal_width
from orchestrator.render.run_summary import facts_text, overview_text, run_document, tuning_text
from orchestrator.render.table import Column, number, one_line, prose, render
from orchestrator.runs.recorded_config import learnt_under, score_of

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from db.rows import EpochRow, SelectionRow, StageRow, ThresholdRow, TrialRow

CURVE_LINES = 20
"""Number of points of a threshold curve that are printed; ``--json`` has all."""


TRIAL_LINES = 100
"""Number of trials of a task that are printed; ``clnp trials`` and ``--json`` have all."""


@click.command()
@click.argument("run", metavar="RUN")
@task_option("Show one task: its selection, and a verdict for every trial.")
@click.option("--trial", metavar="N", type=click.IntRange(0, MAX_COUNT),
              help="Show one trial of that task: epochs, threshold curve, verdict.")
@as_json_option
@click.pass_obj
def show(settings: GlobalOptions, run: str, task: int | None, trial: int | None, as_json: bool) -> None:
    """Show the settings and results of RUN, with reasons."""
    if trial is not None and task is None:
        raise UsageProblem("--trial needs --task: trials are numbered within their task",
                           f"for example `clnp show {run} --task 1 --trial {trial}`")
    answer: dict[str, object] | str
    with reading(settings) as reads:
        if task is None:
            row = reads.run(run)
            answer = run_document(reads, row) if as_json else overview_text(reads, row)
        elif trial is None:
            answer = task_document(reads, run, task) if as_json else task_text(reads, run, task)
        else:
            answer = trial_document(reads, run, task, trial) if as_json else trial_text(reads, run, task, trial)
    if as_json:
        say_json(answer)
    else:
        say(str(answer))


def task_document(reads: "Reads", run: str, task: int) -> dict[str, object]:
    """Return one task, for ``--json``."""
    trials, selections = reads.trials(run, task), reads.selections(run, task)
    commits = reads.commits(run, task)
    return {"stage": _stage(reads, run, task), "selection": selections[0] if selections else None, "trials": trials,
            "commit": commits[0] if commits else None}


def task_text(reads: "Reads", run: str, task: int) -> str:
    """Return one task as text: data, network, the chosen trial with the reason, and the verdict on every other trial."""
    trials, selections = reads.trials(run, task, TRIAL_LINES), reads.selections(run, task)
    commits, stage = reads.commits(run, task), _stage(reads, run, task)
    teachers = reads.trials(run, task, role=TrialRole.TEACHER)
    parts = [f"Task {task} of run {run} is {stage.state.value}." + (f"\n{one_line(stage.reason)}" if stage.reason else "")]
    if stage.architecture is not None:
        parts.append(facts_text([
            ("data", f"{stage.train_total or 0:,} training, {stage.val_total or 0:,} validation, {stage.test_total or 0:,} "
                     f"test samples; {stage.classes} classes"),
            ("network", architecture_text(Architecture.from_json(stage.architecture))),
            ("base", f"commit {stage.base_digest[:12]}" if stage.base_digest else "an empty network"),
            ("commit", commits[0].digest[:12] if commits else NOTHING),
            *([("teachers", teachers_text(teachers))] if teachers else [])]))
    if selections:
        row = reads.run(run)
        parts.append(_selection_text(selections[0], stage.trials_total - len(teachers), row.method,
                                     score_of(learnt_under(reads, row, task))))
    tuned = tuning_text(commits[0]) if commits else None
    if tuned:
        parts.append(tuned)
    if trials:
        parts += [trial_table(trials, terminal_width()), _verdict_table(trials)]
    if stage.trials_total > len(trials):
        parts.append(f"The first {plural(len(trials), 'trial')} of {stage.trials_total:,}: `clnp trials {run} --task {task}` "
                     "lists all of them, and --json has their verdicts.")
    return "\n\n".join(parts)


def trial_document(reads: "Reads", run: str, task: int, trial: int) -> dict[str, object]:
    """Return one trial, for ``--json``."""
    epochs, curve = reads.trial_history(run, task, trial), reads.threshold_curve(run, task, trial)
    return {"trial": reads.trial(run, task, trial), "epochs": epochs, "threshold_curve": curve}


def trial_text(reads: "Reads", run: str, task: int, trial: int) -> str:
    """Return one trial as text: its values, training, threshold curve and verdict."""
    epochs, curve = reads.trial_history(run, task, trial), reads.threshold_curve(run, task, trial)
    row = reads.trial(run, task, trial)
    parts = [f"Trial {trial} of task {task} of run {run} is {row.state.value}.", facts_text(_trial_facts(row))]
    if epochs:
        parts.append(_epoch_table(epochs))
    if curve:
        parts.append(_curve_table(curve))
        if row.thresholds is not None and len(set(row.thresholds)) > 1:
            parts.append(paragraph(
                "The curve prunes every layer at the same threshold. The trial is pruned at a separate threshold per "
                "layer, as above, which is not a point of this curve and may leave more neurons free."))
    return "\n\n".join(parts)


def _stage(reads: "Reads", run: str, task: int) -> "StageRow":
    return next(stage for stage in reads.stages(run) if stage.task == task)


def _selection_text(selection: "SelectionRow", trials: int, method: str, score: Score) -> str:
    if not divides_the_network(method):
        return paragraph(f"Trial {selection.chosen} was chosen: {selection.reason}.\n"
                         f"Method {method} prunes nothing, so there is no margin: it takes the most accurate of "
                         f"{plural(trials, 'trial')}.")
    best = percent(selection.best_val_correct / selection.val_total)
    pruned = percent(selection.pruned_val_correct / selection.val_total)
    return paragraph(
        f"Trial {selection.chosen} was chosen: {selection.reason}.{_price_text(selection)}\n"
        f"The best of {plural(trials, 'trial')} reached {best} % on validation. Within the margin of "
        f"{points_text(selection.margin_points)}: {'trial' if len(selection.picked) == 1 else 'trials'} "
        f"{ranges(selection.picked)}.\n"
        f"Pruned at threshold {thresholds_text(selection.thresholds)}{score_text(score)} it has {pruned} % and "
        f"{selection.free_neurons:,} of {selection.hidden_total:,} hidden neurons free.")


def _price_text(selection: "SelectionRow") -> str:
    """Return the price of capacity in this selection; empty if the rule has none."""
    weight = selection.capacity_weight_points
    return "" if weight is None else f" A fair share of the neurons that were free costs {points_text(weight)}."


def trial_table(trials: "Sequence[TrialRow]", width: int | None = None) -> str:
    """Return a table of trials: values, accuracy before and after pruning, free neurons, and verdict."""
    columns = [number("task"), number("trial"), Column("alpha"), number("rate"), number("val %"), number("pruned %"),
               number("free"), prose("verdict")]
    return render(columns, [
        [str(row.task), str(row.number), alpha_text(row.alpha), rate_text(row.learning_rate),
         percent_or_nothing(row.val_correct, row.val_total), percent_or_nothing(row.pruned_val_correct, row.val_total),
         NOTHING if row.free_neurons is None else f"{row.free_neurons:,}", verdict_text(row)] for row in trials], width)


def _verdict_table(trials: "Sequence[TrialRow]") -> str:
    return render([number("trial"), Column("verdict"), prose("why")],
                  [[str(row.number), verdict_text(row), why_text(row) or NOTHING] for row in trials], terminal_width())


def _trial_facts(row: "TrialRow") -> list[tuple[str, str]]:
    facts = [("role", "teacher of the fine-tuning, never chosen")] if not row.role.can_be_chosen else []
    facts += [("alpha", alpha_text(row.alpha)), ("learning rate", rate_text(row.learning_rate)), ("seed", str(row.seed)),
             ("key", row.key)]
    if row.val_correct is not None:
        facts.append(("validation", f"{percent_or_nothing(row.val_correct, row.val_total)} % ({row.val_correct:,} of "
                                    f"{row.val_total or 0:,}) with the weights of epoch {row.best_epoch}"))
    if row.train_seconds is not None:
        facts.append(("time", f"{seconds_text(row.train_seconds)} training, {seconds_text(row.total_seconds)} in all"))
    how = f"reused from {row.reused_from}" if row.reused_from else f"attempt {row.attempts}"
    facts.append(("trained on", f"{row.host or NOTHING}, {row.device or NOTHING}; {how}"))
    if row.artifact_digest is not None:
        facts.append(("weights", row.artifact_digest))
    verdict = verdict_text(row)
    facts.append(("verdict", f"{verdict}: {why_text(row)}" if why_text(row) else verdict))
    if row.thresholds is not None:
        facts.append(("pruned", f"at threshold {thresholds_text(row.thresholds)}: "
                                f"{percent_or_nothing(row.pruned_val_correct, row.val_total)} % on validation, "
                                f"{row.free_neurons or 0:,} of {row.hidden_total or 0:,} hidden neurons free"))
    return facts


def _epoch_table(epochs: "Sequence[EpochRow]") -> str:
    columns = [number("epoch"), number("training loss"), number("L1 penalty"), number("val %"), number("seconds")]
    return render(columns, [
        [str(row.epoch), _loss(row.train_loss), _loss(row.l1_penalty), percent(row.val_accuracy), f"{row.seconds:.2f}"]
        for row in epochs], terminal_width())


def _loss(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def _curve_table(curve: "Sequence[ThresholdRow]") -> str:
    shown = curve
    if len(curve) > CURVE_LINES:
        places = sorted({round(index * (len(curve) - 1) / (CURVE_LINES - 1)) for index in range(CURVE_LINES)})
        shown = [curve[place] for place in places]
    table = render([number("threshold"), number("val %"), number("free"), number("free %")], [
        [f"{row.threshold:.4g}", percent(row.val_accuracy), f"{row.free_neurons:,}", percent(row.sparsity)]
        for row in shown], terminal_width())
    left_out = len(curve) - len(shown)
    return table + (f"\n{left_out} of {len(curve)} points between these are left out; --json has them all." if left_out else "")
