"""What the output of a task reads."""

import pytest
import torch

from clnp_core.architecture import HeadKind
from clnp_core.errors import DepletedError
from clnp_core.heads import neurons_read_by, neurons_read_in_training, task_mask
from clnp_core.network import Network
from clnp_core.networks import mlp
from tests.clnp_core.builders import History, drawn_network
from tests.messages import tells

OWNERS = torch.tensor([0, 1, 2, 1, 3, 0], dtype=torch.int16)
MULTI = mlp(3, (6,), 2, head=HeadKind.MULTI)
SINGLE = mlp(3, (6,), 2, head=HeadKind.SINGLE)


@pytest.mark.parametrize(("task", "expected"), [(1, [0, 1, 0, 1, 0, 0]), (2, [0, 1, 1, 1, 0, 0]), (3, [0, 1, 1, 1, 1, 0])])
def test_a_head_of_its_own_reads_what_was_active_after_its_task(task: int, expected: list[int]) -> None:
    assert neurons_read_by(MULTI, OWNERS, task).tolist() == [bool(entry) for entry in expected]


@pytest.mark.parametrize(("task", "expected"), [(1, [0, 1, 0, 1, 0, 0]), (2, [0, 0, 1, 0, 0, 0]), (3, [0, 0, 0, 0, 1, 0])])
def test_a_shared_head_reads_only_what_the_task_itself_activated(task: int, expected: list[int]) -> None:
    assert neurons_read_by(SINGLE, OWNERS, task).tolist() == [bool(entry) for entry in expected]


def test_in_training_a_head_of_its_own_reads_all_and_a_shared_one_the_free() -> None:
    assert neurons_read_in_training(MULTI, OWNERS).tolist() == [True] * 6
    assert neurons_read_in_training(SINGLE, OWNERS).tolist() == [True, False, False, False, False, True]


def test_a_depleted_last_layer_stops_a_single_head_and_says_how_to_go_on() -> None:
    full = torch.tensor([1, 2, 1], dtype=torch.int16)
    with pytest.raises(DepletedError) as refused:
        neurons_read_in_training(SINGLE, full)
    assert tells(refused.value, "capacity.on_depletion")
    assert neurons_read_in_training(MULTI, full).tolist() == [True] * 3


def test_the_mask_of_a_shared_head_is_its_columns_as_numbers() -> None:
    network = drawn_network(mlp(3, (6, 8), 2, head=HeadKind.SINGLE), 2, seed=1)
    mask = task_mask(network, 2)
    assert mask is not None and mask.dtype == torch.float32
    assert mask.tolist() == [float(owner == 2) for owner in network.activated_by[-1].tolist()]
    assert task_mask(drawn_network(mlp(3, (6, 8), 2, head=HeadKind.MULTI), 2, seed=1), 2) is None


def test_columns_that_a_multi_head_must_not_read_are_zero_in_published_networks(history: History) -> None:
    newest: Network = history.newest
    for task in history.published:
        unread = ~neurons_read_by(newest.architecture, newest.activated_by[-1], task)
        if newest.architecture.head is HeadKind.MULTI:
            assert not newest.head(task).weight[:, unread].any()
            assert newest.head(task).weight[:, ~unread].any()
