"""The page of a report: one self-contained file, for screen and print, which also works without scripts.

All text is escaped by Jinja. A content security policy allows only the two scripts of the page, by their digests, and loads
nothing.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from clnp_core.architecture import Architecture
from db.rows import TrialRow
from db.states import RunState
from orchestrator.figures.chart import DARK, LIGHT, javascript, specification
from orchestrator.render.format import (
    NOTHING,
    alpha_text,
    architecture_text,
    bytes_text,
    device_text,
    divides_the_network,
    percent_or_nothing,
    plural,
    points_text,
    ranges,
    rate_text,
    seconds_text,
    teachers_text,
    thresholds_text,
    time_text,
    verdict_text,
    why_text,
)
from orchestrator.render.matrices import TASK_INCREMENTAL, percent
from orchestrator.render.run_summary import next_steps, origin_facts, state_text, tuning_text
from orchestrator.reports.report_charts import ReportFigure
from orchestrator.reports.report_data import Gathered, TaskPart

PARTS = Path(__file__).parent / "page"

MOST_TRIALS = 200
"""Number of trials of a task that the page lists, best first."""


def page(gathered: Gathered, figures: Sequence[tuple[ReportFigure, str]]) -> str:
    """Return the page as HTML.

    Args:
        gathered: the run.
        figures: each with the format of its static image, for print and without scripts.
    """
    import jinja2
    import yaml

    run = gathered.run
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(PARTS), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    library = javascript().replace("</script", "<\\/script").replace("<!--", "<\\!--")
    charts = (PARTS / "charts.js").read_text(encoding="utf-8")
    drawn = [_figure(figure, form) for figure, form in figures]
    return environment.get_template("report.html").render(
        run=run, state_text=state_text(run), complete=run.state is RunState.COMPLETED,
        next_steps=[line for text in next_steps(run, [task.stage for task in gathered.tasks]) for line in text.split("\n")],
        read_at=time_text(gathered.read_at), claim=gathered.claim, at_chance=gathered.at_chance,
        task_incremental=TASK_INCREMENTAL,
        facts=_run_facts(gathered), totals=_totals(gathered), figures=[each for each in drawn if each["task"] is None],
        accuracy=_accuracy(gathered), capacity=gathered.capacity, percent=percent,
        tasks=[_task(part, [each for each in drawn if each["task"] == part.stage.task]) for part in gathered.tasks],
        lineage=_lineage(gathered), config=yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True),
        packages=sorted(run.package_versions.items()), style=(PARTS / "style.css").read_text(encoding="utf-8"),
        library=library, charts=charts, policy=_policy(library, charts), themes=script_json({"light": LIGHT, "dark": DARK}))


def script_json(value: object) -> str:
    """Return JSON that is safe in a ``<script>``: no text in it can end the element or begin a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(*scripts: str) -> str:
    digests = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
            "form-action 'none'")


def _figure(figure: ReportFigure, form: str) -> dict[str, object]:
    kind = {"svg": "image/svg+xml", "png": "image/png"}[form]
    return {"id": f"figure-{figure.name}", "name": figure.name, "task": figure.task, "caption": figure.caption,
            "specification": script_json(specification(figure.chart)),
            "still": f"data:{kind};base64,{base64.b64encode(figure.image(form)).decode()}"}


def _run_facts(gathered: Gathered) -> list[tuple[str, str]]:
    run = gathered.run
    return [("created", f"{time_text(run.created_at)}, by clnp {run.code_version}"), *origin_facts(run),
            *([("group", run.group)] if run.group else []), ("method", run.method),
            ("benchmark", f"{run.benchmark}, {plural(run.tasks, 'task')}"), ("seed", str(run.seed)),
            *([("margin", points_text(run.margin_points))] if divides_the_network(run.method) else []),
            ("environment", device_text(run.environment)),
            ("config", run.config_digest)]


def _totals(gathered: Gathered) -> list[tuple[str, str]]:
    """Return the key numbers."""
    last = max((cell.after_task for cell in gathered.cells), default=0)
    final = [cell.test_accuracy for cell in gathered.cells if cell.after_task == last]
    layers = [row for row in gathered.capacity if row.task == max(each.task for each in gathered.capacity)]
    used, total = sum(row.used_neurons for row in layers), sum(row.total_neurons for row in layers)
    trials = gathered.trials
    seconds = sum(trial.total_seconds or 0.0 for trial in trials if trial.reused_from is None)
    return [("mean test accuracy", f"{percent(sum(final) / len(final))} %" if final else NOTHING),
            ("tasks committed", f"{gathered.run.tasks_committed} of {gathered.run.tasks}"),
            ("hidden neurons used", f"{percent(used / total)} %"
             if total and divides_the_network(gathered.run.method) else NOTHING),
            ("trials", f"{len(trials):,}"), ("time of all trials", seconds_text(seconds) if trials else NOTHING)]


def _accuracy(gathered: Gathered) -> dict[str, object]:
    cells = {(cell.after_task, cell.on_task): cell.test_accuracy for cell in gathered.cells}
    tasks, rows = sorted({on for _, on in cells}), sorted({after for after, _ in cells})
    means = {row: [value for (after, _), value in cells.items() if after == row] for row in rows}
    return {"tasks": tasks, "rows": [
        (row, [percent(cells[row, task]) if (row, task) in cells else "" for task in tasks],
         percent(sum(means[row]) / len(means[row]))) for row in rows]}


def _lineage(gathered: Gathered) -> list[dict[str, str]]:
    return [{"task": str(commit.task), "digest": commit.digest, "parent": commit.parent_digest or "an empty network",
             "bytes": bytes_text(commit.artifact_bytes), "at": time_text(commit.created_at)} for commit in gathered.commits]


def _task(part: TaskPart, figures: list[dict[str, object]]) -> dict[str, object]:
    stage = part.stage
    return {"number": stage.task, "state": stage.state.value, "reason": (stage.reason or "").split("\n"), "figures": figures,
            "facts": _task_facts(part), "selection": _selection(part), "trials": [_trial(row) for row in
                                                                                   part.trials[:MOST_TRIALS]],
            "left_out": max(0, len(part.trials) - MOST_TRIALS),
            "tuning": (tuning_text(part.commit) or "").split("\n") if part.commit else []}


def _task_facts(part: TaskPart) -> list[tuple[str, str]]:
    stage = part.stage
    facts = []
    if stage.train_total is not None:
        shape = "×".join(map(str, stage.input_shape or ()))
        facts.append(("data", f"{stage.train_total:,} training, {stage.val_total or 0:,} validation, {stage.test_total or 0:,} "
                              f"test samples of shape {shape}; {stage.classes} classes"))
    if stage.architecture is not None:
        facts.append(("network", architecture_text(Architecture.from_json(stage.architecture))))
        facts.append(("base", f"commit {stage.base_digest}" if stage.base_digest else "an empty network"))
    if part.commit:
        facts.append(("commit", part.commit.digest))
    if stage.sweep_started_at:
        facts.append(("sweep", f"{time_text(stage.sweep_started_at)} to {time_text(stage.sweep_ended_at)}"))
    facts.append(("trials", f"{stage.trials_finished:,} finished, {stage.trials_failed:,} failed, {stage.trials_running:,} "
                            f"running, {stage.trials_pending:,} pending"))
    teachers = [row for row in part.trials if not row.role.can_be_chosen]
    if teachers:
        facts.append(("teachers", teachers_text(sorted(teachers, key=lambda row: row.number))))
    return facts


def _selection(part: TaskPart) -> list[tuple[str, str]]:
    row, chosen = part.selection, part.chosen
    if row is None or chosen is None:
        return []
    if not part.prunes:
        return [("chosen", f"trial {row.chosen}, learning rate {rate_text(chosen.learning_rate)}"), ("why", row.reason)]
    return [("chosen", f"trial {row.chosen}, α {alpha_text(chosen.alpha)}, learning rate {rate_text(chosen.learning_rate)}"),
            ("why", row.reason), ("rule", row.rule.value),
            *([("price of capacity", points_text(row.capacity_weight_points))] if row.capacity_weight_points else []),
            ("margin", points_text(row.margin_points)),
            ("best unpruned", f"{percent_or_nothing(row.best_val_correct, row.val_total)} % on validation"),
            ("within the margin", f"{plural(len(row.picked), 'trial')}: {ranges(row.picked)}"),
            ("θ*", thresholds_text(row.thresholds)),
            ("after pruning", f"{percent_or_nothing(row.pruned_val_correct, row.val_total)} % on validation, "
                              f"{row.free_neurons:,} of {row.hidden_total:,} hidden neurons free")]


def _trial(row: TrialRow) -> dict[str, object]:
    return {"number": row.number, "alpha": alpha_text(row.alpha), "rate": rate_text(row.learning_rate),
            "accuracy": percent_or_nothing(row.val_correct, row.val_total),
            "pruned": percent_or_nothing(row.pruned_val_correct, row.val_total),
            "free": NOTHING if row.free_neurons is None else f"{row.free_neurons:,}", "verdict": verdict_text(row),
            "why": why_text(row), "chosen": bool(row.verdict and row.verdict.value == "chosen")}
