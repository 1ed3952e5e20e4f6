"""Tables as LaTeX, in the style of the package booktabs, to be included with ``\\input``."""

import re
from collections.abc import Sequence

from orchestrator.render.format import NOTHING, alpha_text, percent_or_nothing, rate_text, thresholds_text, verdict_text
from orchestrator.render.matrices import percent
from orchestrator.reports.report_data import Gathered

MOST_TRIALS = 100
"""Number of trials of a task in a LaTeX table, best first; the CSV has all of them."""

SIGNS = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
         "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
         "|": r"\textbar{}", '"': r"\textquotedbl{}", "α": r"$\alpha$", "θ": r"$\theta$", "×": r"$\times$", "−": "$-$",
         "[": "{[}", "]": "{]}"}
"""Characters that are commands in LaTeX or missing in its text fonts. A ``[`` after ``\\\\`` would be an argument."""


def escaped(text: str) -> str:
    """Return the text escaped for LaTeX, on one line."""
    plain = re.sub(r"[\x00-\x1f\x7f\s]+", " ", text)
    return "".join(SIGNS.get(sign, sign) for sign in plain)


def tabular(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], note: str, long: bool = False) -> str:
    """Return a table with rules above, below and under its header.

    Args:
        columns: the title and the alignment (``l`` or ``r``) of each.
        rows: rows of cells, as unescaped text.
        note: description of the table, for the comment above it.
        long: whether it may span several pages, which requires the package longtable.
    """
    kind = "longtable" if long else "tabular"
    head = " & ".join(escaped(title) for title, _ in columns) + r" \\"
    lines = [f"% {escaped(note)}", r"% \usepackage{booktabs}" + (r" \usepackage{longtable}" if long else ""),
             rf"\begin{{{kind}}}{{{''.join(alignment for _, alignment in columns)}}}", r"\toprule", head, r"\midrule"]
    if long:
        lines.append(r"\endhead")
    lines += [" & ".join(map(escaped, row)) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", rf"\end{{{kind}}}", ""])


def accuracy_latex(gathered: Gathered) -> str:
    """Return test accuracy in percent: a row per commit, a column per task, and the mean of each row."""
    cells = {(cell.after_task, cell.on_task): cell.test_accuracy for cell in gathered.cells}
    tasks, rows = sorted({on for _, on in cells}), sorted({after for after, _ in cells})
    means = {row: [value for (after, _), value in cells.items() if after == row] for row in rows}
    return tabular([("after task", "r"), *((str(task), "r") for task in tasks), ("mean", "r")], [
        [str(row), *(percent(cells[row, task]) if (row, task) in cells else "" for task in tasks),
         percent(sum(means[row]) / len(means[row]))] for row in rows],
        f"Run {gathered.run.name}: test accuracy in percent, after each task (rows) on each task (columns)")


def capacity_latex(gathered: Gathered) -> str:
    """Return the neurons of every layer after every task."""
    titles = ("task", "layer", "neurons", "used", "used %", "new", "reused", "free")
    return tabular([(title, "r") for title in titles], [
        [str(row.task), str(row.layer), str(row.total_neurons), str(row.used_neurons), percent(row.used_fraction),
         str(row.new_neurons), str(row.reused_neurons), str(row.free_neurons)] for row in gathered.capacity],
        f"Run {gathered.run.name}: neurons of every hidden layer after each task")


def selections_latex(gathered: Gathered) -> str:
    """Return the chosen trial of every task."""
    columns = [("task", "r"), ("trial", "r"), ("α", "l"), ("rate", "l"), ("best val %", "r"), ("margin", "r"), ("θ*", "l"),
               ("pruned val %", "r"), ("free", "r"), ("neurons", "r")]
    chosen = {part.stage.task: part.chosen for part in gathered.tasks}
    rows = []
    for row in gathered.selections:
        trial = chosen[row.task]
        rows.append([str(row.task), str(row.chosen), alpha_text(trial.alpha) if trial else NOTHING,
                     rate_text(trial.learning_rate) if trial else NOTHING,
                     percent_or_nothing(row.best_val_correct, row.val_total), row.margin_points,
                     thresholds_text(row.thresholds), percent_or_nothing(row.pruned_val_correct, row.val_total),
                     str(row.free_neurons), str(row.hidden_total)])
    return tabular(columns, rows, f"Run {gathered.run.name}: the chosen trial of each task")


def trials_latex(gathered: Gathered) -> str:
    """Return the best trials of every task, at most :data:`MOST_TRIALS` of each."""
    columns = [("task", "r"), ("trial", "r"), ("α", "l"), ("rate", "l"), ("val %", "r"), ("pruned %", "r"), ("free", "r"),
               ("verdict", "l")]
    rows = [[str(row.task), str(row.number), alpha_text(row.alpha), rate_text(row.learning_rate),
             percent_or_nothing(row.val_correct, row.val_total), percent_or_nothing(row.pruned_val_correct, row.val_total),
             NOTHING if row.free_neurons is None else str(row.free_neurons), verdict_text(row)]
            for part in gathered.tasks for row in part.trials[:MOST_TRIALS]]
    left_out = len(gathered.trials) - len(rows)
    some = f"; {left_out} more are in trials.csv" if left_out else ""
    return tabular(columns, rows, f"Run {gathered.run.name}: trials, the best of each task first{some}", long=True)
