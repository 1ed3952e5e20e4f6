"""What fine-tuning made of a commit, in words."""

from datetime import UTC, datetime

import pytest

from clnp_core.values import FineTuningRound
from db.rows import CommitRow
from orchestrator.render.run_summary import tuning_text


def commit(rounds: tuple[FineTuningRound, ...] | None) -> CommitRow:
    return CommitRow(1, "ab" * 32, None, 1000, {}, 2.0, datetime.now(UTC), 198, 200, rounds)


def test_no_word_where_nothing_was_asked_for() -> None:
    assert tuning_text(commit(None)) is None


def test_nothing_left_to_train() -> None:
    assert tuning_text(commit(())) == ("Fine-tuning was skipped: no neuron of the last hidden layer was left after "
                                       "pruning.")


def test_every_round_with_both_accuracies() -> None:
    rounds = (FineTuningRound(1, (0.25, None), 190, 40, 3, 5, 197, 4.21),
              FineTuningRound(2, (0.5, 0.5), 191, 44, 0, 5, 198, 3.0))
    assert tuning_text(commit(rounds)) == "\n".join([
        "Fine-tuning, 2 rounds; epoch 0 means the pruned weights:",
        "",
        "round    threshold  free  pruned val %  tuned val %   epoch   time",
        "-----  -----------  ----  ------------  -----------  ------  -----",
        "    1  0.25 / none    40         95.00        98.50  3 of 5  4.2 s",
        "    2          0.5    44         95.50        99.00  0 of 5  3.0 s"])


@pytest.mark.parametrize(("teachers", "said"), [
    (2, "Fine-tuning distilled from 2 teachers, 1 round; epoch 0"),
    (1, "Fine-tuning distilled from 1 teacher, 1 round; epoch 0"),
    (0, "Fine-tuning without the teachers that were asked for, 1 round; epoch 0"),
    (None, "Fine-tuning, 1 round; epoch 0")])
def test_whom_it_learnt_from(teachers: int | None, said: str) -> None:
    assert (tuning_text(commit((FineTuningRound(1, (0.25,), 190, 40, 3, 5, 197, 4.21, teachers),))) or "").startswith(said)
