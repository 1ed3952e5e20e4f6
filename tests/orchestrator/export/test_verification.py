"""When an exported file is accepted, and what is said about it."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from clnp_core.compact import extract
from clnp_core.errors import ForgettingError
from orchestrator.export.verification import (
    FEWEST,
    LOGIT_TOLERANCE,
    MOST,
    compare,
    logits_of,
    require_same_bits,
    sentence,
    timed,
)
from tests.clnp_core.builders import CONVOLUTIONAL, drawn_network, with_flipped_bit
from tests.messages import naming

EXPECTED = torch.tensor([[4.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 1.0, -3.0]])
LABELS = torch.tensor([0, 1, 1])


def off_by(row: int, column: int, difference: float) -> Tensor:
    actual = EXPECTED.clone()
    actual[row, column] += difference
    return actual


def test_equal_logits() -> None:
    found = compare("model.onnx", 2, "test", EXPECTED.clone(), EXPECTED, LABELS)
    assert (found.samples, found.correct, found.flipped, found.largest_difference) == (3, 2, 0, 0.0)
    assert (found.largest_logit, found.tolerance) == (4.0, 4 * LOGIT_TOLERANCE)
    assert found.undecided == 1, "two equal logits"


def test_a_difference_within_the_tolerance_is_told() -> None:
    found = compare("model.onnx", 2, "test", off_by(0, 0, 3e-4), EXPECTED, LABELS)
    assert found.largest_difference == pytest.approx(3e-4, rel=1e-2)
    assert found.relative_difference == found.largest_difference / 4


@pytest.mark.parametrize("difference", [5e-4, -5e-4, 1.0, math.nan, math.inf])
def test_a_difference_beyond_it_is_refused(difference: float) -> None:
    with pytest.raises(ForgettingError, match=naming("model.onnx", "task 2", "0.0004")):
        compare("model.onnx", 2, "test", off_by(1, 2, difference), EXPECTED, LABELS)


def test_only_an_undecided_sample_may_flip_and_it_is_named() -> None:
    """Rounding has decided the network's own answer, too; the label happens to be what the file says."""
    found = compare("model.onnx", 2, "test", off_by(2, 1, 1e-4), EXPECTED, LABELS)
    assert (found.flipped, found.flipped_samples, found.correct) == (1, (2,), 3)
    both = [dataclasses.replace(found, split="validation", flipped=0, relative_difference=2e-6), found]
    assert sentence(both) == (
        "model.onnx compared with the network committed after task 2 on 6 validation and test samples: 1 prediction differs, "
        f"of samples whose two largest logits are equal up to rounding, logits differ by {found.relative_difference:.1e} of "
        "the largest at most (tolerance 1e-04)")


def test_the_sentence_of_two_files_and_two_commits() -> None:
    comparisons = [compare(file, after, split, EXPECTED.clone(), EXPECTED, LABELS)
                   for file in ("model.onnx", "model.pt2") for after in (2, 5) for split in ("validation", "test")]
    assert sentence(comparisons).startswith(
        "model.onnx and model.pt2 compared with the networks committed after tasks 2 and 5 on 6 validation and test samples: "
        "all predictions are equal, ")


def test_a_task_of_which_nothing_is_left_has_no_logits_to_be_off_by() -> None:
    nothing = torch.zeros(4, 3)
    found = compare("model.pt2", 1, "test", nothing, nothing, torch.tensor([0, 0, 1, 2]))
    assert (found.correct, found.relative_difference, found.undecided) == (2, 0.0, 4)


def test_batches_of_three_sizes() -> None:
    sizes = []

    def call(batch: Tensor) -> Tensor:
        sizes.append(len(batch))
        return batch * 2

    inputs = torch.arange(600.0).reshape(300, 2)
    assert torch.equal(logits_of(call, inputs), inputs * 2)
    assert sizes == [1, 256, 43]
    sizes.clear()
    assert torch.equal(logits_of(call, inputs[:1]), inputs[:1] * 2)


def test_one_flipped_bit_of_a_sub_network_in_a_later_commit() -> None:
    later = drawn_network(CONVOLUTIONAL, 3, seed=2)
    own = extract(later, 1)
    require_same_bits(extract(later, 1), own, 1, 3)
    with pytest.raises(ForgettingError, match=naming("task 3", "task 1", "clnp verify")):
        require_same_bits(with_flipped_bit(own, "hidden.2.weight", (0, 0, 1, 1)), own, 1, 3)
    with pytest.raises(ForgettingError):
        require_same_bits(extract(later, 2), own, 1, 3)


def test_calls_take_turns_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    first, second = timed([lambda: called.append("a"), lambda: called.append("b")], budget_seconds=0.0)
    assert called == ["a", "b"] * (FEWEST + 1)
    for each in (first, second):
        assert each.repeats == FEWEST
        assert 0 < each.lower_quartile_ms <= each.median_ms <= each.upper_quartile_ms


def test_short_calls_end_with_the_most_repeats() -> None:
    assert timed([lambda: None], budget_seconds=1e9)[0].repeats == MOST
