"""What fine-tuning made of a commit, in words."""

from typing import TYPE_CHECKING

from orchestrator.render.format import percent_or_nothing, plural, seconds_text, thresholds_text
from orchestrator.render.table import number, render

if TYPE_CHECKING:
    from db.rows import CommitRow


def tuning_text(commit: "CommitRow") -> str | None:
    """The prune + fine-tune rounds of a commit and where they ended; None where the config asked for none."""
    rounds = commit.fine_tuning
    if rounds is None:
        return None
    if not rounds:
        return "Fine-tuning had nothing to train: no neuron of the last hidden layer was left after pruning."
    columns = [number("round"), number("threshold"), number("free"), number("pruned val %"), number("tuned val %"),
               number("epoch"), number("time")]
    total = commit.val_total
    rows = [[str(done.round), thresholds_text(done.thresholds), f"{done.free_neurons:,}",
             percent_or_nothing(done.pruned_val_correct, total), percent_or_nothing(done.val_correct, total),
             f"{done.best_epoch} of {done.epochs_run}", seconds_text(done.seconds)] for done in rounds]
    return (f"Fine-tuning, {plural(len(rounds), 'round')}; epoch 0 stands for the pruned weights:\n\n"
            f"{render(columns, rows)}")
