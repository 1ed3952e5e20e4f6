"""The path integral: to first order it is the fall of the loss."""

import torch

from clnp_core.architecture import HeadKind
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from workers.baselines.penalty import Anchor, shared_parameters
from workers.baselines.si import DAMPING, PathIntegral


def trained(steps: int, rate: float) -> tuple[FreeNetwork, PathIntegral, float]:
    """A network after some steps of gradient descent, and by how much its loss fell."""
    free = FreeNetwork(empty_network(mlp(6, (5, 4), 3, head=HeadKind.SHARED)), torch.Generator().manual_seed(1))
    draw = torch.Generator().manual_seed(2)
    inputs, labels = torch.randn(30, 6, generator=draw), torch.randint(3, (30,), generator=draw)
    path, optimizer, losses = PathIntegral(free), torch.optim.SGD(free.trainable(), rate), list[float]()
    path.attend(optimizer)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(free(inputs, ()), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return free, path, losses[0] - float(torch.nn.functional.cross_entropy(free(inputs, ()), labels).detach())


def test_it_adds_up_to_the_fall_of_the_loss() -> None:
    free, _, fall = trained(200, 0.05)
    total = sum(float(free.get_buffer(f"path_{index}").sum()) for index in range(len(shared_parameters(free))))
    assert fall > 0.01
    assert abs(total - fall) < 0.02 * fall


def test_what_moved_the_loss_is_held_where_it_ended() -> None:
    free, path, _ = trained(50, 0.05)
    path.keep()
    anchor = path.consolidated(Anchor.none())
    for name, weight in shared_parameters(free).items():
        assert (anchor.precision[name] >= 0).all()
        assert float(anchor.precision[name].max()) <= 2 / DAMPING
        torch.testing.assert_close(anchor.target[name], anchor.precision[name] * weight.detach())
    more = path.consolidated(anchor)
    for name in anchor.precision:
        torch.testing.assert_close(more.precision[name], 2 * anchor.precision[name])


def test_what_came_after_the_weights_that_are_kept_does_not_count() -> None:
    free, path, _ = trained(50, 0.05)
    path.keep()
    at_best, kept = path.consolidated(Anchor.none()), {name: weight.clone() for name, weight in free.state_dict().items()}
    for index in range(len(shared_parameters(free))):
        free.get_buffer(f"path_{index}").add_(1.0)  # the steps of later epochs
    with torch.no_grad():
        for name, weight in shared_parameters(free).items():
            weight.copy_(kept[name])
    again = path.consolidated(Anchor.none())
    for name, values in at_best.precision.items():
        assert torch.equal(again.precision[name], values)


def test_it_lies_where_a_checkpoint_finds_it() -> None:
    free, _, _ = trained(3, 0.05)
    assert any(name.startswith("path_") and values.abs().sum() > 0 for name, values in free.state_dict().items())
