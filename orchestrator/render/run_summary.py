"""Summary of a run from the database: progress, results, fine-tuning and searches, and how to continue."""

from typing import TYPE_CHECKING

from clnp_core.architecture import Architecture
from clnp_core.values import CutCandidate, CutSearch, SearchEnd
from db.states import RunState, StageState
from orchestrator.render.format import (
    NOTHING,
    architecture_text,
    device_text,
    divides_the_network,
    percent_or_nothing,
    plural,
    points_text,
    score_text,
    seconds_text,
    thresholds_text,
    time_text,
    training_text,
)
from orchestrator.render.matrices import (
    TASK_INCREMENTAL,
    accuracy_matrix,
    capacity_table,
    chance_sentences,
    forgetting_claim,
    percent,
    tasks_at_chance,
)
from orchestrator.render.output import paragraph, terminal_width
from orchestrator.render.table import Column, number, one_line, prose, render
from orchestrator.runs.recorded_config import recorded_config, score_of
from workers.environment import GIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.reads.reads import Reads
    from db.rows import CommitRow, RunRow, StageRow


def run_document(reads: "Reads", run: "RunRow") -> dict[str, object]:
    """Return everything about a run except its trials, for ``--json``."""
    commits = reads.commits(run.name)
    return {"run": run, "stages": reads.stages(run.name), "selections": reads.selections(run.name), "commits": commits,
            "accuracy_matrix": reads.accuracy_matrix(run.name), "capacity": reads.capacity(run.name),
            "zero_forgetting": forgetting_claim(commits),
            "at_chance": tasks_at_chance(reads.accuracy_matrix(run.name), reads.stages(run.name))}


def results_text(reads: "Reads", run: "RunRow") -> str:
    """Return the final output of a launch: accuracy matrix, capacity, the claim about forgetting, and how to continue."""
    return "\n\n".join([state_text(run), *_achieved(reads, run), *next_steps(run, reads.stages(run.name))])


def _achieved(reads: "Reads", run: "RunRow") -> list[str]:
    cells, width = reads.accuracy_matrix(run.name), terminal_width()
    parts = []
    if cells:
        parts += ["Test accuracy in %, after each task (rows) on each task (columns):\n\n" + accuracy_matrix(cells, width),
                  "Neurons after each task:\n\n" + capacity_table(reads.capacity(run.name), width)]
    claim = forgetting_claim(reads.commits(run.name)).sentence
    said = chance_sentences(cells, reads.stages(run.name))
    return [*parts, paragraph("\n".join([*said, claim, TASK_INCREMENTAL] if cells else [claim]))]


def overview_text(reads: "Reads", run: "RunRow") -> str:
    """Return the output of `clnp show RUN`: settings, tasks and results."""
    stages = reads.stages(run.name)
    known = next((stage.architecture for stage in reversed(stages) if stage.architecture), None)
    hidden = recorded_config(run)["network"].get("hidden", [])
    network = (architecture_text(Architecture.from_json(known)) if known else
               f"hidden layers of {' and '.join(map(str, hidden))} neurons")
    commit = run.package_versions.get(GIT)
    facts = [("created", f"{time_text(run.created_at)}, by clnp {run.code_version}" + (f", commit {commit}" if commit else "")),
             *origin_facts(run),
             ("benchmark", f"{run.benchmark}, seed {run.seed}"), ("network", network), ("training", _training(run)),
             *([("pruning", _pruning(run))] if divides_the_network(run.method) else []),
             ("device", device_text(run.environment))]
    return "\n\n".join([state_text(run), facts_text(facts), task_table(reads, run, stages), *_achieved(reads, run),
                        *next_steps(run, stages)])


def origin_facts(run: "RunRow") -> list[tuple[str, str]]:
    """Return the run that a fork continues from."""
    if run.forked_after_task is None:
        return []
    source = f"run {run.forked_from}" if run.forked_from else "a run that has been removed"
    return [("forked", f"from task {run.forked_after_task} of {source}" if run.forked_after_task else
             f"from {source}, to start over")]


def _pruning(run: "RunRow") -> str:
    """Its margin, and its score where that is not the paper's."""
    on = score_text(score_of(run))
    return f"margin {points_text(run.margin_points)}" + (f", threshold{on}" if on else "")


def _training(run: "RunRow") -> str:
    """Return how its trials trained; a run of another version may have unknown keys."""
    try:
        return training_text(run.config["training"])
    except (KeyError, TypeError):
        return "recorded by another version of clnp; `--json` shows the config as it is"


def state_text(run: "RunRow") -> str:
    """Return one line with the run's state and the number of committed tasks."""
    return f"Run {run.name} is {run.state.value}: {run.tasks_committed} of {plural(run.tasks, 'task')} committed."


def task_table(reads: "Reads", run: "RunRow", stages: "Sequence[StageRow]") -> str:
    """Return a table with one line per task: state, trials, chosen trial, results."""
    selections = {selection.task: selection for selection in reads.selections(run.name)}
    tested = {cell.on_task: cell for cell in reads.accuracy_matrix(run.name) if cell.after_task == cell.on_task}
    used: dict[int, list[str]] = {}
    for row in reads.capacity(run.name):
        used.setdefault(row.task, []).append(f"{100 * row.used_fraction:.0f}")
    rows = []
    for stage in stages:
        selection, cell = selections.get(stage.task), tested.get(stage.task)
        rows.append([
            str(stage.task), stage.state.value, _trials(stage, run.driver_lives),
            percent_or_nothing(selection.best_val_correct, selection.val_total) if selection else NOTHING,
            str(selection.chosen) if selection else NOTHING,
            percent_or_nothing(selection.pruned_val_correct, selection.val_total) if selection else NOTHING,
            percent(cell.test_accuracy) if cell else NOTHING, " / ".join(used.get(stage.task, [NOTHING]))])
    columns = [number("task"), Column("state"), prose("trials"), number("best val %"), number("chosen"), number("pruned val %"),
               number("test %"), number("used %")]
    return render(columns, rows, terminal_width())


def facts_text(facts: list[tuple[str, str]]) -> str:
    """Return names and values, aligned, one per line."""
    longest = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(longest)}  {one_line(value)}" for name, value in facts)


def _trials(stage: "StageRow", driven: bool) -> str:
    """Return ``6``, ``4 of 6, 2 running`` or ``6, 1 failed``. Without a driver, no trial counts as running."""
    ended = stage.trials_finished + stage.trials_failed
    if not stage.trials_total:
        return NOTHING
    done = str(ended) if ended == stage.trials_total else f"{ended} of {stage.trials_total}"
    running = f", {stage.trials_running} running" if driven and stage.trials_running else ""
    return done + running + (f", {stage.trials_failed} failed" if stage.trials_failed else "")


def next_steps(run: "RunRow", stages: "Sequence[StageRow]") -> list[str]:
    """Return why a run is not complete, and the command that continues it."""
    stage = next((stage for stage in stages if stage.state is not StageState.COMMITTED), None)
    if stage is None:
        return []
    if run.state is RunState.DEPLETED:
        return [f"It ends here: {one_line(stage.reason or '')}.\n"
                f"`clnp fork {run.name} --task K --set A.B=C` continues from one of its commits with other settings."]
    if run.state is RunState.FAILED:
        first, _, hint = (stage.reason or "").partition("\n")
        return ["\n".join([f"Task {stage.task} failed: {one_line(first)}", *([one_line(hint)] if hint else []),
                           f"`clnp resume {run.name}` continues it."])]
    if run.waits_for_a_driver:
        ended = stage.trials_finished + stage.trials_failed
        where = (f"Task {stage.task} is {stage.state.value}"
                 + (f", {ended} of {plural(stage.trials_total, 'trial')} recorded" if stage.trials_total else ""))
        gone = (f"Its driver, process {run.owner.pid} on {run.owner.host}, is gone. "
                if run.lost_its_driver and run.owner is not None else "")
        return [f"{gone}{where}. `clnp resume {run.name}` continues it."]
    return []


def tuning_text(commit: "CommitRow") -> str | None:
    """Return the fine-tuning rounds of a commit as text; None if the config has no fine-tuning."""
    rounds = commit.fine_tuning
    if rounds is None:
        return None
    if not rounds:
        return "Fine-tuning was skipped: no neuron of the last hidden layer was left after pruning."
    columns = [number("round"), number("threshold"), number("free"), number("pruned val %"), number("tuned val %"),
               number("epoch"), number("time")]
    total = commit.val_total
    rows = [[str(done.round), thresholds_text(done.thresholds), f"{done.free_neurons:,}",
             percent_or_nothing(done.pruned_val_correct, total), percent_or_nothing(done.val_correct, total),
             f"{done.best_epoch} of {done.epochs_run}", seconds_text(done.seconds)] for done in rounds]
    return (f"Fine-tuning{distilled_text(rounds[0].teachers)}, {plural(len(rounds), 'round')}; epoch 0 means the pruned "
            f"weights:\n\n{render(columns, rows)}" + ("" if commit.search is None else f"\n\n{search_text(commit.search)}"))


def distilled_text(teachers: int | None) -> str:
    """`` distilled from 2 teachers``, with a space in front; nothing where distillation was not asked for."""
    if teachers is None:
        return ""
    return f" distilled from {plural(teachers, 'teacher')}" if teachers else " without the teachers that were asked for"


def search_sentence(search: CutSearch) -> str:
    """Return which candidate was committed, compared with what, and why the search ended."""
    chosen, total = search.candidates[search.chosen], search.val_total
    found = (f"cut {chosen.cut} of {len(search.candidates) - 1} is the sparsest within the margin: "
             f"{plural(sum(chosen.neurons), 'neuron')} ({neurons_text(chosen)}), "
             f"{percent(_committed(search) / total)} % on validation"
             if search.within_margin else
             f"no candidate is within the margin, so the network that was pruned at θ* is committed, with "
             f"{percent(_committed(search) / total)} % on validation")
    return (f"search, {seconds_text(search.seconds)}: {found}; the margin asks for "
            f"{percent(search.required_val_correct / total)} %, the best of the {search.reference} has "
            f"{percent(search.reference_val_correct / total)} %; {_ENDS[search.end]}")


def search_text(search: CutSearch) -> str:
    """Return the sentence and a table with a line for every candidate."""
    columns = [number("cut"), number("neurons"), number("by layer"), number("cut val %"), number("tuned val %"),
               number("epoch"), number("time"), Column("")]
    candidates = [*search.candidates, *([] if search.final is None else [search.final])]
    rows = [[str(each.cut), f"{sum(each.neurons):,}", neurons_text(each), percent(each.pruned_val_correct / search.val_total),
             percent(each.val_correct / search.val_total), f"{each.best_epoch} of {each.epochs_run}",
             seconds_text(each.seconds), _remark(search, each)] for each in candidates]
    sentence = search_sentence(search)
    return f"{sentence[0].upper()}{sentence[1:]}.\n\n{render(columns, rows)}"


def neurons_text(candidate: CutCandidate) -> str:
    """Return the neurons of each hidden layer, such as ``80 / 60``."""
    return " / ".join(f"{neurons:,}" for neurons in candidate.neurons)


def _committed(search: CutSearch) -> int:
    return search.candidates[search.chosen].val_correct if search.final is None else search.final.val_correct


def _remark(search: CutSearch, each: CutCandidate) -> str:
    if each is search.final:
        return "trained further"
    if each.cut == search.chosen:
        return "chosen"
    return "" if each.val_correct >= search.required_val_correct else "outside the margin"


_ENDS = {SearchEnd.PATIENCE: "the last candidates missed it",
         SearchEnd.NOTHING_LEFT: "no further neuron could be cut",
         SearchEnd.DIVERGED: "the next candidate diverged"}
