"""`clnp what-if`: show what another margin would have chosen, from the recorded trials."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clnp_core.selection import SelectionRule
from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.options import GlobalOptions, as_json_option, check_storage, format_options, reading, task_option
from orchestrator.cli.show_command import TRIAL_LINES
from orchestrator.render.format import NOTHING, percent_or_nothing, ranges, thresholds_text
from orchestrator.render.matrices import percent
from orchestrator.render.output import note, paragraph, plain, say, say_json, terminal_width
from orchestrator.render.serialize import Format, Frame, of_rows, write
from orchestrator.render.table import Column, number, prose, render
from orchestrator.runs.location import storage_root
from orchestrator.what_if.answer_text import known_as
from orchestrator.what_if.what_if import MarginPoint, ask, margin_curve, margin_points, thinned

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from orchestrator.what_if.rescan import KeptWeights
    from orchestrator.what_if.what_if import MarginPoint, TaskAnswer, WhatIf

CURVE_LINES = 25
"""Number of points of a task's curve in the table; the other formats have all."""


@click.command("what-if")
@click.argument("run", metavar="RUN")
@click.option("--margin", "margins", metavar="M", multiple=True,
              help="A margin in percentage points; may be repeated.")
@task_option("Only this task, with a verdict for every trial.")
@click.option("--exact", is_flag=True, help="Scan the kept weights where the records are not exact; needs the data.")
@click.option("--curve", is_flag=True, help="Show accuracy against free neurons over all margins.")
@format_options
@as_json_option
@click.pass_obj
def what_if(settings: GlobalOptions, run: str, margins: Sequence[str], task: int | None, exact: bool, curve: bool, form: Format,
            output: Path | None, as_json: bool) -> None:
    """Show what another margin would have chosen in RUN.

    Nothing is trained. The answer comes from the records; where it is a bound from the threshold curves, it says so.
    """

    if curve == bool(margins):
        raise UsageProblem("`clnp what-if` takes either --margin or --curve",
                           f"for example `clnp what-if {run} --margin 0.5`, or `clnp what-if {run} --curve`")
    if curve and exact:
        raise UsageProblem("--curve reads the records alone and cannot be combined with --exact",
                           f"for example `clnp what-if {run} --margin 0.5 --exact`")
    if not curve and (output is not None or form is not Format.TABLE):
        raise UsageProblem("--format and --output need --curve", "use --json for the answer about one margin")
    wanted = [margin_points(each) for each in dict.fromkeys(margins)]
    with reading(settings) as reads:
        if curve:
            points = margin_curve(reads, run, task)
        else:
            kept = _kept_weights(reads, run) if exact else None
            answer = ask(reads, run, wanted, task, kept)
    if curve:
        write(_curve_frame(points), Format.JSON if as_json else form, output, lambda width: curve_text(points, width))
    elif as_json:
        say_json(what_if_document(answer, kept))
    else:
        say(what_if_text(answer, kept))


def _kept_weights(reads: "Reads", run: str) -> "KeptWeights":
    """Scan the kept weights; imports torch."""
    check_storage()
    from orchestrator.what_if.rescan import KeptWeights

    return KeptWeights(reads, run, storage_root(), note)


def what_if_document(answer: "WhatIf", kept: "KeptWeights | None") -> dict[str, object]:
    """Return the answer, for ``--json``; ``weights`` describes what was scanned."""
    scans = None if kept is None else {
        "trials_scanned": kept.scanned, "weights_gone": {task: sorted(numbers) for task, numbers in sorted(kept.gone.items())},
        "tasks_of_another_environment": sorted(kept.elsewhere)}
    return {**plain(answer), "scans": scans}


def what_if_text(answer: "WhatIf", kept: "KeptWeights | None") -> str:
    """Return the answer as text: a table, the verdicts if one task was selected, consequences, and caveats."""
    parts = [_answers_table(answer.answers)]
    parts += [_verdicts_text(each, several=len(answer.consequences) > 1) for each in answer.answers if each.verdicts]
    if answer.searches:
        parts.append(paragraph("\n".join([
            "Of the candidates that were fine-tuned in a search, the margin counted from the recorded reference would commit:",
            *(f"{each.sentence}." for each in answer.searches)])))
    for margin in answer.consequences:
        real = "" if margin.command is None else f"\n`{margin.command}` applies it."
        parts.append(paragraph(margin.sentence + real))
    said = [*answer.cautions, *_about_scans(answer, kept)]
    if said:
        parts.append(paragraph("\n".join(said)))
    return "\n\n".join(parts)


def _answers_table(answers: "Sequence[TaskAnswer]") -> str:
    columns = [number("task"), number("margin"), Column("within"), number("trial"), Column("threshold"), number("pruned %"),
               Column("known"), number("free"), number("free %"), prose("recorded")]
    return render(columns, [
        [str(each.task), str(each.margin_points), ranges(each.picked), str(each.chosen), thresholds_text(each.thresholds),
         percent(each.val_accuracy), known_as(each.exact, each.rule is SelectionRule.SPARSEST), f"{each.free_neurons:,}",
         percent(each.free_fraction), _recorded(each)] for each in answers], terminal_width())


def _recorded(each: "TaskAnswer") -> str:
    if not each.changed:
        return "the same" if each.exact else "as much"
    return (f"trial {each.recorded_chosen}, {percent_or_nothing(each.recorded_val_correct, each.val_total)} %, "
            f"{each.recorded_free_neurons:,} free")


def _verdicts_text(answer: "TaskAnswer", several: bool) -> str:
    columns = [number("trial"), Column("verdict"), Column("known"), number("pruned %"), number("free"), prose("why")]
    table = render(columns, [
        [str(each.number), each.verdict.value,
         NOTHING if each.free_neurons is None else known_as(each.exact, answer.rule is SelectionRule.SPARSEST),
         percent_or_nothing(each.val_correct, answer.val_total),
         NOTHING if each.free_neurons is None else f"{each.free_neurons:,}", each.reason]
        for each in answer.verdicts[:TRIAL_LINES]], terminal_width())
    head = f"With a margin of {answer.margin_points}:\n\n" if several else ""
    left_out = len(answer.verdicts) - TRIAL_LINES
    return head + table + (f"\n{left_out:,} further trials are left out; --json has them all." if left_out > 0 else "")


def _about_scans(answer: "WhatIf", kept: "KeptWeights | None") -> list[str]:
    if kept is None:
        return [] if all(each.exact for each in answer.answers) else [
            "`--exact` scans the trained networks that are kept."]
    said = []
    for task, numbers in sorted(kept.gone.items()):
        trials = f"{'trial' if len(numbers) == 1 else 'trials'} {ranges(sorted(numbers))}"
        said.append(f"Task {task}: the weights of {trials} are not in the store. Their answers are from their curves; "
                    "CLNP_STORAGE sets the store.")
    if kept.elsewhere:
        said.append("This is not the environment that recorded "
                    f"{'task' if len(kept.elsewhere) == 1 else 'tasks'} {ranges(sorted(kept.elsewhere))}: a borderline "
                    "sample may count differently here.")
    return said


def _curve_frame(points: "Sequence[MarginPoint]") -> Frame:
    """Return a margin as text, since margins are exact."""

    frame = of_rows(MarginPoint, points)
    rows = [tuple(str(cell) if isinstance(cell, Decimal) else cell for cell in row) for row in frame.rows]
    return Frame(frame.columns, tuple(str if kind is Decimal else kind for kind in frame.kinds), rows)


def curve_text(points: "Sequence[MarginPoint]", width: int | None) -> str:
    """Return the curve as text, thinned."""

    shown = thinned(points, CURVE_LINES)
    columns = [number("task"), number("from margin"), number("trial"), number("pruned %"), number("free"), number("free %"),
               Column("known"), Column("")]
    table = render(columns, [
        [str(each.task), str(each.margin_points), str(each.chosen), percent(each.val_accuracy), f"{each.free_neurons:,}",
         percent(each.free_fraction), "exact" if each.exact else "curves", "recorded" if each.recorded else ""]
        for each in shown], width)
    left_out = len(points) - len(shown)
    return table + (f"\n{left_out:,} of {len(points):,} points between these are left out; the other formats have them all."
                    if left_out else "")
