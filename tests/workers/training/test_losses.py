"""The losses that a training is given: what they are of, and on which samples."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.errors import DataError
from clnp_core.evaluation import canonical_logits
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import Network, empty_network
from clnp_core.pruning import prune
from tests.workers.training.test_loop import run
from workers.data.loader import load_task
from workers.data.samples import Samples
from workers.spec import DistillationSpec, TrialSpec
from workers.training.losses import CrossEntropy, DistillationLoss, MixedInputs, mean_logits

Trials = Callable[..., TrialSpec]

PLAIN = DistillationSpec(temperature=2.0, cross_entropy=0.0, mixing=0.0, copies=0)
MIXED = DistillationSpec(temperature=2.0, cross_entropy=0.0, mixing=0.5, copies=3)


def samples(n: int = 40, seed: int = 0) -> Samples:
    generator = torch.Generator().manual_seed(seed)
    return Samples(torch.rand(n, 64, generator=generator), torch.randint(10, (n,), generator=generator))


@pytest.fixture
def teacher(trial: Trials) -> Network:
    return run(trial(epochs=2))[1].network


class TestMixedInputs:
    def test_the_first_copy_is_clean_and_the_others_lie_between_two_samples(self) -> None:
        inputs = samples().inputs
        mixed = MixedInputs(inputs, 3, 0.5, seed=1)
        assert len(mixed) == 160
        assert torch.equal(mixed[:40], inputs) and torch.equal(mixed[torch.arange(40)], inputs)
        for place in range(40, 160):
            first = inputs[place % 40]
            shares = [share for other in inputs if (share := _share(mixed[place:place + 1][0], first, other)) is not None]
            assert any(0 <= share <= 0.5 for share in shares), place

    def test_it_is_decided_by_the_seed_and_read_in_any_order(self) -> None:
        inputs = samples().inputs
        one, other = MixedInputs(inputs, 2, 0.5, seed=1), MixedInputs(inputs, 2, 0.5, seed=1)
        places = torch.randperm(120)
        assert torch.equal(one[places], other[:][places])
        assert not torch.equal(one[:], MixedInputs(inputs, 2, 0.5, seed=2)[:])

    def test_images_are_mixed_pixel_by_pixel(self) -> None:
        inputs = samples().inputs.reshape(40, 1, 8, 8)
        flat = MixedInputs(inputs.flatten(1), 2, 0.5, seed=1)
        assert torch.equal(MixedInputs(inputs, 2, 0.5, seed=1)[50:70], flat[50:70].reshape(-1, 1, 8, 8))


def _share(mixed: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> float | None:
    """λ with (1 − λ)·first + λ·second = mixed; None where there is none."""
    way = second - first
    share = float(((mixed - first) @ way) / (way @ way)) if bool(way.any()) else 0.0
    return share if torch.allclose(first + share * way, mixed, atol=1e-5) else None


def test_cross_entropy_is_of_the_labels_of_the_training_set() -> None:
    own = samples()
    loss, batch, logits = CrossEntropy(own), torch.tensor([3, 1, 7]), torch.randn(3, 10)
    assert torch.equal(loss(logits, batch), functional.cross_entropy(logits, own.labels[batch]))
    assert loss.inputs is own.inputs
    order = loss.order(torch.Generator().manual_seed(5))
    assert torch.equal(order, torch.randperm(40, generator=torch.Generator().manual_seed(5)))


class TestDistillation:
    @pytest.mark.parametrize("spec", [PLAIN, MIXED])
    def test_it_is_the_divergence_of_softened_distributions(self, teacher: Network, spec: DistillationSpec) -> None:
        """T²·Σ p (log p − log q), by hand."""
        loss = DistillationLoss(samples(), spec, [teacher], 1, 3, 100)
        batch, logits = torch.tensor([0, 5, len(loss.inputs) - 1]), torch.randn(3, 10, dtype=torch.float64)
        p = (canonical_logits(teacher, loss.inputs[batch], 1).double() / 2).softmax(dim=1)
        q = (logits / 2).softmax(dim=1)
        assert float(loss(logits, batch)) == pytest.approx(4 * float((p * (p.log() - q.log())).sum(dim=1).mean()), rel=1e-5)

    def test_a_student_that_agrees_has_no_loss_and_no_gradient(self, teacher: Network) -> None:
        loss = DistillationLoss(samples(), MIXED, [teacher], 1, 3, 100)
        batch = torch.arange(20, 120)
        logits = canonical_logits(teacher, loss.inputs[batch], 1).requires_grad_()
        value = loss(logits, batch)
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-6) and logits.grad is not None
        assert float(logits.grad.abs().max()) < 1e-6

    def test_several_teachers_are_heard_by_the_mean_of_their_logits(self, teacher: Network, trial: Trials) -> None:
        other = run(trial(epochs=1, seed=9, hidden=(30, 12)))[1].network
        inputs = samples().inputs
        mean = mean_logits([teacher, other], inputs, 1, 100)
        assert torch.equal(mean, (canonical_logits(teacher, inputs, 1, 100) + canonical_logits(other, inputs, 1, 100)) / 2)
        both = DistillationLoss(samples(), PLAIN, [teacher, other], 1, 3, 100)
        batch = torch.arange(40)
        assert float(both(mean, batch)) == pytest.approx(0, abs=1e-6)
        assert float(DistillationLoss(samples(), PLAIN, [teacher], 1, 3, 100)(mean, batch)) > 1e-3

    def test_the_cross_entropy_counts_clean_samples_alone(self, teacher: Network) -> None:
        own = samples()
        shared = DistillationLoss(own, DistillationSpec(2.0, 0.25, 0.5, 3), [teacher], 1, 3, 100)
        alone = DistillationLoss(own, MIXED, [teacher], 1, 3, 100)
        batch, logits = torch.tensor([2, 4, 42, 150]), torch.randn(4, 10)
        entropies = functional.cross_entropy(logits[:2], own.labels[batch[:2]], reduction="sum") / 4
        assert torch.allclose(shared(logits, batch), 0.75 * alone(logits, batch) + 0.25 * entropies)

    def test_an_epoch_has_as_many_places_of_the_pool_as_there_are_training_samples(self, teacher: Network) -> None:
        loss = DistillationLoss(samples(), MIXED, [teacher], 1, 3, 100)
        order = loss.order(torch.Generator().manual_seed(0))
        assert len(order) == 40 == len(set(order.tolist())) and int(order.max()) >= 40
        plain = DistillationLoss(samples(), PLAIN, [teacher], 1, 3, 100)
        assert sorted(plain.order(torch.Generator().manual_seed(0)).tolist()) == list(range(40))

    def test_coarse_logits_are_compared_in_float32(self, teacher: Network) -> None:
        loss, batch = DistillationLoss(samples(), PLAIN, [teacher], 1, 3, 100), torch.arange(40)
        logits = torch.randn(40, 10, dtype=torch.bfloat16)
        assert torch.equal(loss(logits, batch), loss(logits.float(), batch)) and loss(logits, batch).dtype == torch.float32

    def test_inputs_that_are_no_floating_point_numbers_are_not_mixed(self, teacher: Network) -> None:
        whole = Samples(torch.ones(8, 64, dtype=torch.int64), torch.zeros(8, dtype=torch.int64))
        with pytest.raises(DataError, match="and mixing averages inputs") as refused:
            DistillationLoss(whole, MIXED, [teacher], 1, 3, 100)
        assert "set fine_tuning.distillation.mixing to 0" in refused.value.hint
        assert len(DistillationLoss(whole, PLAIN, [teacher], 1, 3, 100).inputs) == 8


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_frozen_activations_of_a_pool_are_those_of_its_samples(trial: Trials, head: HeadKind) -> None:
    """Whether they are computed from places or from all the samples that stand there."""
    first = run(trial(head=head, epochs=1))[1].network
    half = tuple(torch.arange(len(owner), dtype=torch.float64) for owner in first.activated_by)
    base = prune(first, 1, half, tuple(float(len(owner)) / 2 for owner in first.activated_by))
    mixed = MixedInputs(load_task(trial().stage.benchmark, 2).train.inputs, 2, 0.5, 1)
    for one, other in zip(frozen_activations(base, mixed), frozen_activations(base, mixed[:]), strict=True):
        assert len(one) == len(mixed) and torch.equal(one, other)
    nothing = frozen_activations(empty_network(base.architecture), mixed)
    assert all(layer.shape == (len(mixed), 0) for layer in nothing)
