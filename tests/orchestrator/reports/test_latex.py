"""LaTeX tables have the structure that LaTeX demands, and no text in them is a command."""

import re
from collections.abc import Callable

import pytest

from orchestrator.reports.latex import (
    accuracy_latex,
    capacity_latex,
    escaped,
    selections_latex,
    tabular,
    trials_latex,
)
from orchestrator.reports.report_data import Gathered


@pytest.mark.parametrize(("text", "latex"), [
    (r"50 % of $5 & a_b #1 {x} \input", r"50 \% of \$5 \& a\_b \#1 \{x\} \textbackslash{}input"),
    ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
    ("α = 1e-5, θ*, 8×8", r"$\alpha$ = 1e-5, $\theta$*, 8$\times$8"), ("[x]", "{[}x{]}"),
    ("two\nlines\t\x00end", "two lines end")])
def test_signs_that_mean_something_are_escaped(text: str, latex: str) -> None:
    assert escaped(text) == latex


def _rows(table: str) -> list[list[str]]:
    """The cells of every row of a table, after its structure was checked."""
    lines = table.splitlines()
    kind = "longtable" if r"\begin{longtable}" in table else "tabular"
    begin = next(line for line in lines if line.startswith(rf"\begin{{{kind}}}"))
    columns = len(re.fullmatch(rf"\\begin{{{kind}}}{{([lr]+)}}", begin)[1])  # type: ignore[index]  # it matches, or the test fails here
    assert lines[-1] == rf"\end{{{kind}}}" and lines[-2] == r"\bottomrule"
    assert [table.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    rows = [line for line in lines if line.endswith(r"\\")]
    cells = [re.split(r"(?<!\\)&", row.removesuffix(r" \\")) for row in rows]
    assert {len(each) for each in cells} == {columns}
    body = "\n".join(line for line in lines if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#_^~]", body) and len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
    assert len(re.findall(r"(?<!\\){", body)) == len(re.findall(r"(?<!\\)}", body))
    return [[cell.strip() for cell in each] for each in cells]


def test_the_accuracy_matrix(tiny: Gathered) -> None:
    rows = _rows(accuracy_latex(tiny))
    first, second = ([f"{100 * cell.test_accuracy:.2f}" for cell in tiny.cells if cell.after_task == after] for after in (1, 2))
    assert rows[0] == ["after task", "1", "2", "mean"]
    assert rows[1] == ["1", *first, "", *first] and rows[2][:3] == ["2", *second]


def test_capacity_selections_and_trials(tiny: Gathered) -> None:
    assert len(_rows(capacity_latex(tiny))) == 1 + len(tiny.capacity) == 5
    selections = _rows(selections_latex(tiny))
    assert [row[:2] for row in selections[1:]] == [[str(row.task), str(row.chosen)] for row in tiny.selections]
    trials = _rows(trials_latex(tiny))
    assert len(trials) == 5 and trials[1][-1] == "chosen" and r"\endhead" in trials_latex(tiny)


def test_a_run_without_results_gives_tables_without_rows(hostile: Callable[[], Gathered]) -> None:
    gathered = hostile()
    makers = (accuracy_latex, capacity_latex, selections_latex, trials_latex)
    assert [len(_rows(make(gathered))) for make in makers] == [1, 1, 1, 3]


def test_a_note_cannot_leave_its_comment() -> None:
    assert tabular([("a", "l")], [], "one\ntwo").splitlines()[0] == "% one two"
