"""The canonical evaluation: bits that depend on the written conditions and on nothing else."""

import hashlib

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, Activation, HeadKind
from clnp_core.evaluation import (
    canonical_batches,
    canonical_logits,
    correct_predictions,
    count_correct,
    evaluate,
    exact_float32,
    hidden_activations,
    logit_batches,
)
from clnp_core.heads import neurons_read_by
from clnp_core.layers import activate
from clnp_core.network import FREE, Network
from clnp_core.networks import mlp
from tests.clnp_core.builders import (
    History,
    copied,
    drawn_network,
    generator,
    network_of,
    same_bits,
    with_flipped_bit,
    with_tensor,
)

INPUTS = torch.randn(53, 6, generator=generator(9))
LABELS = torch.randint(3, (53,), generator=generator(10))


def network(head: HeadKind = HeadKind.SINGLE, activation: Activation = Activation.RELU) -> Network:
    return drawn_network(mlp(6, (9, 8), 3, activation, head, head is HeadKind.MULTI), 2, seed=7)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("task", [1, 2])
def test_logits_are_the_forward_pass_of_what_the_task_reads(head: HeadKind, task: int) -> None:
    net = network(head)
    values = INPUTS.double()
    for rows, owner in zip(net.hidden, net.activated_by, strict=True):
        values = activate(values @ rows.weight.double().t() + rows.bias.double(), Activation.RELU) * (owner != FREE)
    read = neurons_read_by(net.architecture, net.activated_by[-1], task)
    expected = values[:, read] @ net.head(task).weight[:, read].double().t()
    bias = net.head(task).bias
    expected = expected if bias is None else expected + bias.double()
    actual = canonical_logits(net, INPUTS, task, batch_size=20)
    assert actual.dtype == torch.float32
    assert torch.allclose(actual.double(), expected, atol=1e-5)


def test_batches_are_of_one_size_and_padded_with_zeros() -> None:
    batches = list(canonical_batches(INPUTS, 20))
    assert [(len(batch), real) for batch, real in batches] == [(20, 20), (20, 20), (20, 13)]
    assert torch.equal(torch.cat([batch[:real] for batch, real in batches]), INPUTS)
    assert not batches[-1][0][13:].any()
    assert [real for _, real in canonical_batches(INPUTS[:40], 20)] == [20, 20]


def test_padding_is_what_a_user_would_pad_by_hand() -> None:
    net = network()
    padded = torch.cat([INPUTS, torch.zeros(7, 6)])
    assert same_bits(canonical_logits(net, INPUTS, 2, 20), canonical_logits(net, padded, 2, 20)[:53])
    assert same_bits(canonical_logits(net, INPUTS[40:], 2, 20), canonical_logits(net, INPUTS, 2, 20)[40:])


def test_what_stands_in_free_rows_changes_no_bit() -> None:
    for head in DIVIDED_HEADS:
        net = network(head, Activation.SIGMOID)
        other = copied(net)
        for rows, owner in zip(other.hidden, other.activated_by, strict=True):
            assert bool((owner == FREE).any())
            rows.weight[owner == FREE] = torch.randn(rows.weight.shape[1], generator=generator(1))
            rows.bias[owner == FREE] = 5.0
        for task in (1, 2):
            assert same_bits(canonical_logits(net, INPUTS, task), canonical_logits(other, INPUTS, task))


def test_free_neurons_say_zero_under_every_nonlinearity() -> None:
    for activation in Activation:
        net = network(activation=activation)
        for values, owner in zip(hidden_activations(net, INPUTS), net.activated_by, strict=True):
            assert not values[:, owner == FREE].any()
            assert bool(values[:, owner != FREE].any())


def test_correct_predictions_are_counted_over_every_batch() -> None:
    net = network()
    expected = int((canonical_logits(net, INPUTS, 2, 20).argmax(dim=1) == LABELS).sum())
    result = evaluate(net, INPUTS, LABELS, 2, batch_size=20)
    assert 0 < expected < 53
    assert (result.correct, result.total) == (expected, 53)
    assert result.accuracy == expected / 53
    truth = canonical_logits(net, INPUTS, 2, 20).argmax(dim=1)
    assert evaluate(net, INPUTS, truth, 2, batch_size=20).correct == 53


def test_the_first_of_equal_logits_is_the_prediction() -> None:
    logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    assert count_correct(logits, torch.tensor([0, 1, 0])) == 3
    assert count_correct(logits, torch.tensor([1, 2, 2])) == 0


def test_not_a_number_never_counts() -> None:
    nan, inf = float("nan"), float("inf")
    logits = torch.tensor([[nan, 0.0], [0.0, nan], [5.0, nan], [inf, 0.0], [0.0, -inf]])
    assert count_correct(logits, torch.tensor([0, 1, 0, 0, 0])) == 2
    broken = with_tensor(network(HeadKind.MULTI), "head.2.bias", (0,), nan)
    for label in range(3):
        assert evaluate(broken, INPUTS, torch.full((53,), label), 2).correct == 0


def test_the_digest_is_of_the_bytes_of_the_logits() -> None:
    net = network()
    logits = canonical_logits(net, INPUTS, 2, 20)
    assert evaluate(net, INPUTS, LABELS, 2, 20).logits_digest == hashlib.sha256(logits.numpy().tobytes()).hexdigest()


def test_the_digest_changes_with_one_bit_and_not_with_the_labels() -> None:
    net = network(HeadKind.MULTI)
    digest = evaluate(net, INPUTS, LABELS, 2).logits_digest
    assert evaluate(net, INPUTS, 2 - LABELS, 2).logits_digest == digest
    assert evaluate(copied(net), INPUTS, LABELS, 2).logits_digest == digest
    assert evaluate(with_flipped_bit(net, "head.2.bias", (1,)), INPUTS, LABELS, 2).logits_digest != digest


def test_a_task_reads_its_own_part_of_the_network(history: History) -> None:
    inputs = history.test_inputs[1]
    digests = {evaluate(history.newest, inputs, torch.zeros(len(inputs), dtype=torch.int64), task).logits_digest
               for task in history.published}
    assert len(digests) == len(history.published)


def test_inputs_of_other_kinds_become_float32() -> None:
    pixels = torch.randint(0, 255, (9, 6), generator=generator(2), dtype=torch.uint8)
    assert same_bits(canonical_logits(network(), pixels, 1), canonical_logits(network(), pixels.float(), 1))


@pytest.mark.parametrize("chosen", ["highest", "high", "medium"])
def test_exact_products_inside_and_the_choice_of_the_process_outside(chosen: str) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(chosen)
        with exact_float32():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == chosen
        with pytest.raises(ZeroDivisionError), exact_float32():
            _ = 1 / 0
        assert torch.get_float32_matmul_precision() == chosen
    finally:
        torch.set_float32_matmul_precision(before)


def test_autocast_of_the_process_changes_no_bit() -> None:
    net = network()
    expected = evaluate(net, INPUTS, LABELS, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert evaluate(net, INPUTS, LABELS, 2) == expected
        assert torch.is_autocast_enabled("cpu")


def test_a_consumer_between_two_batches_keeps_its_own_modes() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        batches = logit_batches(network(), INPUTS, 2, batch_size=20)
        next(batches)
        assert torch.is_grad_enabled()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_network_written_by_hand() -> None:
    net = network_of([(torch.tensor([[1.0, -1.0], [0.0, 2.0]]), torch.tensor([0.0, -1.0]), [1, 1])],
                     {1: torch.tensor([[1.0, 0.0], [0.0, 1.0]])})
    logits = canonical_logits(net, torch.tensor([[3.0, 1.0], [0.0, 2.0]]), 1)
    assert logits.tolist() == [[2.0, 1.0], [0.0, 3.0]]


def test_counting_alone_counts_the_same() -> None:
    labels = canonical_logits(network(), INPUTS, 2).argmax(dim=1)
    labels[::3] += 1
    for batch_size in (7, 20, 1000):
        counted = evaluate(network(), INPUTS, labels, 2, batch_size).correct
        assert correct_predictions(network(), INPUTS, labels, 2, batch_size) == counted < len(INPUTS)
    assert correct_predictions(network(), INPUTS[:0], labels[:0], 2) == 0
