"""Parameters in use, held against counting the entries of real networks."""

import pytest
import torch

from clnp_core.analysis.model_size import UsedWidths, divided_parameters, whole_parameters
from clnp_core.architecture import Architecture, HeadKind, Layer, Pool, PoolKind, Window
from clnp_core.network import FREE, Network, empty_network
from clnp_core.partition import FreeNetwork
from clnp_core.pruning import keep

MLP = Architecture((6,), (Layer(8), Layer(5)), 3)
POOLED = Layer(6, Window(3, padding=1), batch_norm=True, pool=Pool(PoolKind.MAX, Window(2, 2)))
CONV = Architecture((2, 8, 8), (POOLED, Layer(7)), 4, HeadKind.MULTI, head_bias=True)
MAPS = Architecture((1, 6, 6), (Layer(5, Window(3)), Layer(4, Window(2))), 3, output=Window(2))


def learnt(architecture: Architecture, keeps: list[tuple[int, ...]]) -> tuple[Network, list[UsedWidths]]:
    """Tasks learnt one after the other, each keeping so many of the neurons that were free, all of its weights nonzero."""
    network, commits = empty_network(architecture), []
    for task, counts in enumerate(keeps, start=1):
        free = FreeNetwork(network, torch.Generator().manual_seed(task))
        with torch.no_grad():
            for parameter in free.parameters():
                parameter.fill_(1.0)
        trained = free.assemble(task)
        kept = []
        for owner, count in zip(trained.activated_by, counts, strict=True):
            mine = (owner == task).nonzero().flatten()[:count]
            stays = (owner != FREE) & (owner != task)
            stays[mine] = True
            kept.append(stays)
        network = keep(trained, task, kept)
        owners = network.activated_by
        commits.append(UsedWidths(architecture, tuple(int((owner != FREE).sum()) for owner in owners),
                                  tuple(int((owner == task).sum()) for owner in owners)))
    return network, commits


def nonzero_entries(network: Network) -> int:
    """Entries of weights, biases, scales and shifts that a task trained: all of these are 1 here, all others 0."""
    count = 0
    for rows in network.hidden:
        count += int((rows.weight != 0).sum())
        count += sum(int((values != 0).sum()) for name, values in rows.vectors.items() if name in ("bias", "scale", "shift"))
    for head in network.heads.values():
        count += int((head.weight != 0).sum()) + (0 if head.bias is None else int((head.bias != 0).sum()))
    return count


@pytest.mark.parametrize(("architecture", "keeps"), [
    (MLP, [(3, 2), (2, 1), (0, 2)]),
    (CONV, [(2, 3), (1, 2), (3, 0)]),
    (MAPS, [(2, 1), (1, 2)]),
], ids=["mlp", "convolution-multi-head", "convolutional-output"])
def test_every_entry_in_use_is_counted_once(architecture: Architecture, keeps: list[tuple[int, ...]]) -> None:
    network, commits = learnt(architecture, keeps)
    assert divided_parameters(commits) == nonzero_entries(network)


def test_a_full_network_of_one_task_has_all_its_parameters() -> None:
    for architecture in (MLP, CONV, MAPS):
        full = UsedWidths(architecture, architecture.hidden, architecture.hidden)
        assert divided_parameters([full]) == architecture.parameter_count() == whole_parameters(architecture, 1)


def test_networks_that_are_not_divided() -> None:
    assert whole_parameters(MLP, tasks=5) == MLP.parameter_count()
    assert whole_parameters(MLP, tasks=5, networks=5) == 5 * MLP.parameter_count()
    head = 4 * (7 + 1)
    assert whole_parameters(CONV, tasks=3) == CONV.parameter_count() + 2 * head
    assert whole_parameters(CONV, tasks=3, networks=3) == 3 * CONV.parameter_count()
