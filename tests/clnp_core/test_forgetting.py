"""The proof of zero forgetting accepts what the method does, and refuses one bit of anything else."""

from collections.abc import Callable, Sequence

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, Activation, Architecture, HeadKind
from clnp_core.errors import ForgettingError
from clnp_core.evaluation import canonical_logits
from clnp_core.forgetting import Proof, behaviour_faults, prove_zero_forgetting, structure_faults
from clnp_core.network import FREE, Head, Network, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork, widen
from clnp_core.pruning import prune
from tests.clnp_core.builders import (
    History,
    copied,
    drawn_scan,
    generator,
    same_bits,
    trained_task,
    with_activation,
    with_flipped_bit,
    with_tensor,
)
from tests.messages import naming, tells

DENORMAL = 1.401298464324817e-45
"""The smallest float32 above zero."""

Change = Callable[[Network], tuple[Network, str]]
"""What somebody does to a network of three tasks, and the fault that the proof must name."""


def neuron(network: Network, layer: int, *owners: int) -> int:
    """Some neuron of a hidden layer (0-based) that one of ``owners`` activated, or FREE."""
    return next(i for i, owner in enumerate(network.activated_by[layer].tolist()) if owner in owners)


def live(network: Network, name: str, row: int) -> tuple[int, int]:
    """The largest weight of a row."""
    return row, int(network.to_tensors()[name][row].abs().argmax())


def frozen_weight(network: Network) -> tuple[Network, str]:
    where = live(network, "hidden.2.weight", neuron(network, 1, 1))
    return with_flipped_bit(network, "hidden.2.weight", where), "1 weights frozen by task 1 in hidden layer 2 changed"


def frozen_weight_of_the_second_task(network: Network) -> tuple[Network, str]:
    where = live(network, "hidden.1.weight", neuron(network, 0, 2))
    return with_flipped_bit(network, "hidden.1.weight", where), "1 weights frozen by task 2 in hidden layer 1 changed"


def sign_of_a_zero(network: Network) -> tuple[Network, str]:
    """−0 = 0 for a float, and still it is another bit than what was published."""
    where = neuron(network, 1, 1), neuron(network, 0, 2)
    return with_flipped_bit(network, "hidden.2.weight", where, 31), "1 weights frozen by task 1 in hidden layer 2 changed"


def frozen_bias(network: Network) -> tuple[Network, str]:
    return (with_flipped_bit(network, "hidden.1.bias", (neuron(network, 0, 1),)),
            "1 biases frozen by task 1 in hidden layer 1 changed")


def interference_of_a_later_neuron(network: Network) -> tuple[Network, str]:
    where = neuron(network, 1, 1), neuron(network, 0, 3)
    return with_tensor(network, "hidden.2.weight", where, DENORMAL), "1 interference weights of hidden layer 2 are not zero"


def interference_of_a_free_neuron(network: Network) -> tuple[Network, str]:
    where = neuron(network, 1, 3), neuron(network, 0, FREE)
    return with_tensor(network, "hidden.2.weight", where, -DENORMAL), "1 interference weights of hidden layer 2 are not zero"


def old_head_column(network: Network) -> tuple[Network, str]:
    key = 1 if network.architecture.head is HeadKind.MULTI else 0
    where = 0, neuron(network, 1, 1)
    return (with_flipped_bit(network, f"head.{key}.weight", where),
            f"1 columns of head {key} frozen by task 1 changed")


def head_reads_a_free_neuron(network: Network) -> tuple[Network, str]:
    key = 1 if network.architecture.head is HeadKind.MULTI else 0
    where = 2, neuron(network, 1, FREE)
    return with_tensor(network, f"head.{key}.weight", where, DENORMAL), \
        f"1 weights of head {key} read neurons that it must not read"


def another_owner(network: Network) -> tuple[Network, str]:
    return (with_tensor(network, "hidden.2.activated_by", (neuron(network, 1, 1),), 2),
            "neurons frozen by task 1 in hidden layer 2 changed their owner")


def an_owner_less(network: Network) -> tuple[Network, str]:
    return (with_tensor(network, "hidden.1.activated_by", (neuron(network, 0, 2),), FREE),
            "neurons frozen by task 2 in hidden layer 1 changed their owner")


def a_forged_owner(network: Network) -> tuple[Network, str]:
    """A new neuron that claims to be an old task's, so that the old task would read it. No weight shows it."""
    return (with_tensor(network, "hidden.1.activated_by", (neuron(network, 0, 3),), 1),
            "1 neurons that were free after task 1 in hidden layer 1 are marked as older")


def an_owner_of_the_future(network: Network) -> tuple[Network, str]:
    return (with_tensor(network, "hidden.1.activated_by", (neuron(network, 0, 3),), 4),
            "a neuron is marked as activated by a task after 3")


def free_row(network: Network) -> tuple[Network, str]:
    return (with_tensor(network, "hidden.1.weight", (neuron(network, 0, FREE), 2), DENORMAL),
            "1 values of free neurons of hidden layer 1 are not zero")


def free_bias(network: Network) -> tuple[Network, str]:
    return (with_tensor(network, "hidden.2.bias", (neuron(network, 1, FREE),), DENORMAL),
            "1 values of free neurons of hidden layer 2 are not zero")


CHANGES = [frozen_weight, frozen_weight_of_the_second_task, sign_of_a_zero, frozen_bias, interference_of_a_later_neuron,
           interference_of_a_free_neuron, old_head_column, head_reads_a_free_neuron, another_owner, an_owner_less,
           a_forged_owner, an_owner_of_the_future, free_row, free_bias]
named = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


def refusal(network: Network, history: History) -> ForgettingError:
    with pytest.raises(ForgettingError) as refused:
        prove_zero_forgetting(network, history.last, history.earlier, history.test_inputs)
    return refused.value


def test_what_the_method_publishes_is_accepted(history: History) -> None:
    proof = prove_zero_forgetting(history.newest, 3, history.earlier, history.test_inputs)
    assert proof == Proof(task=3, tasks_compared=(1, 2), samples_compared=300, widened=False)
    assert prove_zero_forgetting(history.published[1], 1, {}, {}) == Proof(1, (), 0, False)


def test_the_trained_history_would_show_forgetting_if_there_were_any(history: History) -> None:
    """Guards the tests of this module: every kind of neuron is there, and tasks do lean on one another."""
    for owner in history.newest.activated_by:
        assert set(owner.tolist()) == {FREE, 1, 2, 3}
    third = history.newest.hidden[1].weight[history.newest.activated_by[1] == 3]
    assert bool(third[:, history.newest.activated_by[0] == 1].any())
    assert not same_bits(canonical_logits(history.published[1], history.test_inputs[1], 1),
                         canonical_logits(history.published[2], history.test_inputs[1], 2))


@named
def test_one_bit_is_refused_and_named(history: History, change: Change) -> None:
    changed, fault = change(history.newest)
    error = refusal(changed, history)
    assert tells(error, "task 3")
    assert fault in error.message
    assert tells(error)


@named
def test_the_structure_alone_names_it(history: History, change: Change) -> None:
    assert structure_faults(history.newest, 3, history.earlier) == []
    changed, fault = change(history.newest)
    assert fault in structure_faults(changed, 3, history.earlier)


def test_an_old_head_of_its_own_may_not_read_a_later_neuron(history: History) -> None:
    if history.newest.architecture.head is HeadKind.MULTI:
        changed = with_tensor(history.newest, "head.2.weight", (1, neuron(history.newest, 1, 3)), DENORMAL)
        assert "1 weights of head 2 read neurons that it must not read" in structure_faults(changed, 3, history.earlier)


def test_one_bit_of_an_old_head_bias_is_refused(history: History) -> None:
    if history.newest.architecture.head is HeadKind.MULTI:
        changed = with_flipped_bit(history.newest, "head.2.bias", (1,))
        assert "1 biases of head 2 frozen by task 2 changed" in structure_faults(changed, 3, history.earlier)


def test_a_head_that_is_gone_is_refused(history: History) -> None:
    newest = history.newest
    key = 2 if newest.architecture.head is HeadKind.MULTI else 0
    others = {other: head for other, head in newest.heads.items() if other != key}
    without = Network(newest.architecture, newest.hidden, others, newest.activated_by)
    assert f"head {key} of task 2 is missing" in structure_faults(without, 3, history.earlier)
    if newest.architecture.head is HeadKind.MULTI:
        bare = {**newest.heads, 2: Head(newest.heads[2].weight, None)}
        without = Network(newest.architecture, newest.hidden, bare, newest.activated_by)
        assert "head 2 of task 2 is missing" in structure_faults(without, 3, history.earlier)


def test_the_newest_task_may_have_any_rows_of_its_own(history: History) -> None:
    row = neuron(history.newest, 0, 3)
    changed = with_tensor(history.newest, "hidden.1.weight", (row, 0), 42.0)
    assert prove_zero_forgetting(changed, 3, history.earlier, history.test_inputs).tasks_compared == (1, 2)


@pytest.mark.parametrize("change", [frozen_weight, frozen_bias, old_head_column], ids=lambda change: change.__name__)
def test_the_behaviour_alone_sees_one_bit(history: History, change: Change) -> None:
    inputs = history.test_inputs[1]
    old = history.published[1]
    assert behaviour_faults(history.newest, 1, old, inputs) == []
    changed, _ = change(history.newest)
    expected, actual = canonical_logits(old, inputs, 1), canonical_logits(changed, inputs, 1)
    wrong = sum(not same_bits(one, other) for one, other in zip(expected, actual, strict=True))
    assert wrong > 0
    assert behaviour_faults(changed, 1, old, inputs) == [f"{wrong} of 150 test samples of task 1 have different logits"]


def test_the_behaviour_alone_sees_another_nonlinearity(history: History) -> None:
    """The tensors are the same to the bit: only running the network can tell."""

    newest = history.newest
    other = Network(with_activation(newest.architecture, Activation.TANH), newest.hidden, newest.heads, newest.activated_by)
    assert behaviour_faults(other, 1, history.published[1], history.test_inputs[1])
    assert behaviour_faults(other, 2, history.published[2], history.test_inputs[2]) == [
        "150 of 150 test samples of task 2 have different logits"]


def test_the_behaviour_is_blind_where_the_structure_sees(history: History) -> None:
    """Why there are two proofs: a denormal vanishes in the sum."""
    changed, fault = interference_of_a_later_neuron(history.newest)
    assert behaviour_faults(changed, 1, history.published[1], history.test_inputs[1]) == []
    assert fault in structure_faults(changed, 3, history.earlier)


def test_logits_that_are_not_numbers_on_both_sides_are_equal_bits(history: History) -> None:
    broken = with_tensor(history.published[1], "hidden.2.bias", (neuron(history.published[1], 1, 1),), float("nan"))
    assert behaviour_faults(copied(broken), 1, broken, history.test_inputs[1]) == []
    assert behaviour_faults(history.newest, 1, broken, history.test_inputs[1]) != []


def test_many_faults_are_counted_and_five_are_shown(history: History) -> None:
    changed = history.newest
    for change in (frozen_weight, frozen_bias, free_row, free_bias, an_owner_of_the_future, interference_of_a_later_neuron):
        changed = change(changed)[0]
    faults = structure_faults(changed, 3, history.earlier)
    for task in (1, 2):
        faults += behaviour_faults(changed, task, history.published[task], history.test_inputs[task])
    assert len(faults) > 6
    assert refusal(changed, history).message.endswith("; ".join(faults[:5]) + f"; and {len(faults) - 5} more")


def widened_history(history: History, widths: Sequence[int] = (29, 26)) -> tuple[Network, dict[int, Network]]:
    """A fourth task on a widened third commit, and the three old commits at their own widths."""
    return trained_task(widen(history.newest, widths), 4, seed=4), dict(history.published)


def test_a_commit_after_a_widening_is_accepted(history: History) -> None:
    new, earlier = widened_history(history)
    assert bool((new.activated_by[0][24:] == 4).any()) and bool((new.activated_by[1][20:] == 4).any())
    proof = prove_zero_forgetting(new, 4, earlier, history.test_inputs)
    assert proof == Proof(task=4, tasks_compared=(1, 2, 3), samples_compared=450, widened=True)


@pytest.mark.parametrize("change", [c for c in CHANGES if c is not an_owner_of_the_future], ids=lambda change: change.__name__)
def test_one_bit_is_refused_after_a_widening_too(history: History, change: Change) -> None:
    new, earlier = widened_history(history)
    changed, fault = change(new)
    with pytest.raises(ForgettingError) as refused:
        prove_zero_forgetting(changed, 4, earlier, history.test_inputs)
    assert fault in refused.value.message


@pytest.mark.parametrize("change", [frozen_weight, frozen_bias, old_head_column], ids=lambda change: change.__name__)
def test_after_a_widening_the_behaviour_compares_the_extracts_bit_for_bit(history: History, change: Change) -> None:
    new, _ = widened_history(history)
    for task in history.published:
        assert behaviour_faults(new, task, history.published[task], history.test_inputs[task]) == []
    changed, _ = change(new)
    assert behaviour_faults(changed, 1, history.published[1], history.test_inputs[1]) == [
        "the extracted sub-network of task 1 has different bits"]


def test_after_a_widening_the_dense_logits_are_compared_too(history: History) -> None:
    new, _ = widened_history(history)
    row = neuron(new, 1, 1)
    changed = with_tensor(new, "hidden.2.bias", (row,), 3.0)
    extracted, dense = behaviour_faults(changed, 1, history.published[1], history.test_inputs[1])
    assert extracted == "the extracted sub-network of task 1 has different bits"
    assert dense.startswith("logits of task 1 differ by more than 1e-05 of ")


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_a_widening_is_accepted_when_nothing_was_left_of_an_earlier_task(head: HeadKind) -> None:
    scan = drawn_scan(mlp(6, (5, 4), 3, head=head), tasks=1, seed=9)
    empty = prune(scan.network, 1, scan.activities, (1e9, 1e9))
    new = FreeNetwork(widen(empty, [6, 6]), generator(3)).assemble(2)
    assert prove_zero_forgetting(new, 2, {1: empty}, {1: scan.inputs}).widened


class TestEvidence:
    """A proof is refused when there is nothing to hold the new network against."""

    def test_a_missing_earlier_network(self) -> None:
        network = empty_network(mlp(4, (3,), 2))
        with pytest.raises(ForgettingError, match=naming("task 1")):
            prove_zero_forgetting(network, 3, {2: network}, {2: torch.zeros(1, 4)})

    @pytest.mark.parametrize("other", [mlp(4, (3,), 5), mlp(4, (4,), 2), mlp(4, (3, 3), 2),
                                       mlp(4, (3,), 2, activation=Activation.TANH)])
    def test_another_architecture(self, other: Architecture) -> None:
        new, old = empty_network(mlp(4, (3,), 2)), empty_network(other)
        with pytest.raises(ForgettingError, match=naming("task 1")):
            prove_zero_forgetting(new, 2, {1: old}, {1: torch.zeros(1, 4)})
