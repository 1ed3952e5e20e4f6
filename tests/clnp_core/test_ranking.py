"""What thresholds keep, as beginnings of lists."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clnp_core.networks import mlp
from clnp_core.pruning import survivors
from clnp_core.ranking import Ranking
from tests.clnp_core.builders import drawn_scan

OWNERS = [torch.tensor([1, 2, 0, 2], dtype=torch.int16), torch.tensor([2, 1], dtype=torch.int16)]
ACTIVITIES = [torch.tensor([9.0, 0.25, 8.0, 0.5]).double(), torch.tensor([0.5, 7.0]).double()]


def test_neurons_of_earlier_tasks_come_first_and_free_ones_never() -> None:
    first, second = Ranking(OWNERS, 2, ACTIVITIES).order
    assert first.tolist() == [0, 3, 1]
    assert second.tolist() == [1, 0]


def test_candidates_are_the_task_s_own_activities_and_zero() -> None:
    assert Ranking(OWNERS, 2, ACTIVITIES).candidates(range(2)) == [0.5, 0.25, 0.0]
    assert Ranking(OWNERS, 2, ACTIVITIES).candidates([1]) == [0.5, 0.0]
    assert Ranking(OWNERS, 3, ACTIVITIES).candidates(range(2)) == [0.0]


def test_equal_activities_are_one_candidate_and_go_together() -> None:
    ranking = Ranking([torch.ones(4, dtype=torch.int16)], 1, [torch.tensor([1.0, 2.0, 2.0, 3.0]).double()])
    assert ranking.candidates([0]) == [3.0, 2.0, 1.0, 0.0]
    assert [ranking.lengths((theta,)) for theta in (3.0, 2.0, 1.0, 0.0)] == [(0,), (1,), (3,), (4,)]


def test_none_prunes_nothing_of_its_layer() -> None:
    ranking = Ranking(OWNERS, 2, ACTIVITIES)
    assert ranking.lengths((None, 100.0)) == (3, 1)
    assert ranking.free((3, 1)) == 2


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), tasks=st.sampled_from([1, 2, 3]), share=st.floats(0, 1))
def test_the_beginning_of_the_list_is_what_survives(seed: int, tasks: int, share: float) -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3), tasks, seed, samples=20)
    ranking = Ranking(scan.network.activated_by, tasks, scan.activities)
    values = ranking.candidates(range(2))
    for theta in (values[int(share * (len(values) - 1))], share):
        kept = survivors(scan.network, tasks, scan.activities, (theta, theta))
        lengths = ranking.lengths((theta, theta))
        assert [set(order[:length].tolist()) for order, length in zip(ranking.order, lengths, strict=True)] == \
            [set(torch.nonzero(stays).flatten().tolist()) for stays in kept]
        assert ranking.free(lengths) == sum(int((~stays).sum()) for stays in kept)


def test_as_many_activities_as_layers() -> None:
    with pytest.raises(ValueError, match="zip"):
        Ranking(OWNERS, 2, ACTIVITIES[:1])
