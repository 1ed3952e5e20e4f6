"""What fine-tuning made of a commit, in words."""

import dataclasses
from datetime import UTC, datetime

import pytest

from clnp_core.values import CutCandidate, CutSearch, FineTuningRound, SearchEnd
from db.rows import CommitRow
from orchestrator.figures.curve_charts import search_figure
from orchestrator.render.run_summary import search_sentence, search_text, tuning_text
from tests.orchestrator.figures.rows import checked, data_of


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


SEARCH = CutSearch("teachers", 1984, 1979, 2000, (
    CutCandidate(0, (70, 30), 1930, 1982, 5, 20, 12.0), CutCandidate(1, (64, 28), 1900, 1980, 6, 6, 5.5),
    CutCandidate(2, (58, 26), 1880, 1975, 9, 12, 9.0)), SearchEnd.PATIENCE, 0, 1, True, None, 30.0)


def test_who_was_chosen_and_why() -> None:
    assert search_sentence(SEARCH) == (
        "search, 30.0 s: cut 1 of 2 is the sparsest within the margin: 92 neurons (64 / 28), 99.00 % on validation; the margin "
        "asks for 98.95 %, the best of the teachers has 99.20 %; the last candidates missed it")


def test_where_every_candidate_missed_it_says_what_was_committed() -> None:
    failed = dataclasses.replace(SEARCH, required_val_correct=1983, chosen=0, within_margin=False)
    assert "no candidate is within the margin, so the network that was pruned at θ* is committed, with 99.10 %" in (
        search_sentence(failed))


def test_a_line_for_every_candidate() -> None:
    final = CutCandidate(1, (64, 28), 1980, 1981, 3, 10, 8.0)
    lines = search_text(dataclasses.replace(SEARCH, final=final)).splitlines()
    assert [line.split()[:6] for line in lines[-4:]] == [
        ["0", "100", "70", "/", "30", "96.50"], ["1", "92", "64", "/", "28", "95.00"], ["2", "84", "58", "/", "26", "94.00"],
        ["1", "92", "64", "/", "28", "99.00"]]
    assert [line.rstrip().rpartition(" s")[2].strip() for line in lines[-4:]] == [
        "", "chosen", "outside the margin", "trained further"]


def test_the_curve_has_every_candidate_before_and_after_its_training() -> None:
    layers = checked(search_figure(SEARCH))["layer"]
    points = data_of(layers[2])
    assert {(row["neurons"], row["what"]): row["percent"] for row in points} == pytest.approx({
        (100, "before its training"): 96.5, (100, "after its training"): 99.1, (92, "before its training"): 95.0,
        (92, "after its training"): 99.0, (84, "before its training"): 94.0, (84, "after its training"): 98.75})
    assert [row["cut"] for row in points if row["committed"]] == [1]
