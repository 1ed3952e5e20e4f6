"""The whole method on convolutional networks: BatchNorm, pooling, flattening, dropout, a convolutional head."""

import dataclasses
from decimal import Decimal

import pytest
import torch
from torch import Tensor

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.capacity import path_neurons
from clnp_core.compact import extract
from clnp_core.errors import DepletedError, ForgettingError
from clnp_core.evaluation import canonical_logits, evaluate, hidden_activations
from clnp_core.forgetting import prove_zero_forgetting, structure_faults
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import FREE, Network
from clnp_core.partition import FreeNetwork, widen
from clnp_core.pruning import prune
from clnp_core.scores import mean_activity
from clnp_core.selection import ThresholdMode, required_correct
from clnp_core.threshold import find_thresholds, threshold_curve
from tests.clnp_core.brute import BATCH, brute_per_layer, brute_shared, correct_at, freed_at
from tests.clnp_core.builders import (
    CONVOLUTIONAL,
    DROPPING,
    FULLY_CONVOLUTIONAL,
    History,
    Scan,
    blobs,
    copied,
    drawn_network,
    generator,
    history_of,
    middle_threshold,
    same_bits,
    train,
    trained_scan,
    with_flipped_bit,
    with_tensor,
)
from tests.messages import naming

ALL = {"multi-head": CONVOLUTIONAL, "single convolutional head": FULLY_CONVOLUTIONAL, "dropout": DROPPING}
EACH = pytest.mark.parametrize("architecture", ALL.values(), ids=ALL.keys())


@pytest.fixture(scope="module", params=ALL.values(), ids=ALL.keys())
def history(request: pytest.FixtureRequest) -> History:
    """Three tasks, each trained for real: BatchNorm has learnt scales and shifts, and seen means and variances."""
    return history_of(request.param)


def images(architecture: Architecture, samples: int, seed: int) -> Tensor:
    return torch.randn(samples, *architecture.input_shape, generator=generator(seed))


class TestTraining:
    @EACH
    @pytest.mark.parametrize("tasks", [0, 1, 2])
    def test_the_free_rows_and_the_dense_network_compute_the_same(self, architecture: Architecture, tasks: int) -> None:
        base = drawn_network(architecture, tasks, seed=5)
        free, inputs = FreeNetwork(base, generator(6)), images(architecture, 31, 11)
        free.eval()
        frozen = frozen_activations(base, inputs)
        logits = free(inputs, frozen)
        assert torch.allclose(logits, canonical_logits(free.assemble(tasks + 1), inputs, tasks + 1), atol=1e-5)
        assert torch.allclose(logits, free(inputs, []), atol=1e-5)  # nothing precomputed: the same function
        assert bool((logits.std(dim=0) > 1e-4).all())

    @pytest.mark.parametrize("layers", [{0}, {1}, {2}, {0, 1, 2}, {3}, {0, 1, 2, 3}], ids=str)
    def test_full_layers_leave_the_rest_to_learn(self, layers: set[int]) -> None:
        base = drawn_network(CONVOLUTIONAL, 1, seed=2)
        base = dataclasses.replace(base, activated_by=tuple(
            torch.ones_like(owner) if layer in layers else owner for layer, owner in enumerate(base.activated_by)))
        inputs, labels = blobs(5, 40, CONVOLUTIONAL.input_shape)
        free = FreeNetwork(base, generator(6))
        train(free, base, inputs, labels, torch.optim.Adam(free.trainable(), lr=0.05), steps=3)
        dense = free.assemble(2)
        assert bool(dense.head(2).weight.any())
        for layer in layers:
            assert same_bits(dense.hidden[layer].weight, base.hidden[layer].weight)

    def test_a_full_last_layer_depletes_a_single_head(self) -> None:
        base = drawn_network(FULLY_CONVOLUTIONAL, 1, seed=2)
        full = dataclasses.replace(base, activated_by=(base.activated_by[0], torch.ones_like(base.activated_by[1])))
        with pytest.raises(DepletedError):
            FreeNetwork(full, generator(1))

    def test_parameters_are_the_free_rows_and_no_running_statistic(self) -> None:
        base = drawn_network(CONVOLUTIONAL, 2, seed=1)
        free = FreeNetwork(base, generator(1))
        expected = 0
        for layer, owner in enumerate(base.activated_by):
            own = 2 if CONVOLUTIONAL.layers[layer].batch_norm else 1
            expected += int((owner == FREE).sum()) * (CONVOLUTIONAL.fan_in(layer) + own)
        expected += 3 * CONVOLUTIONAL.hidden[-1] + 3
        assert sum(parameter.numel() for parameter in free.trainable()) == expected
        assert sorted(name for name, _ in free.named_buffers()) == ["mean_1", "mean_3", "variance_1", "variance_3"]

    def test_free_channels_see_the_batch_and_frozen_ones_what_they_have_seen(self) -> None:
        """In training mode BatchNorm of the free channels uses the batch; frozen ones give the bits of evaluation mode."""
        base = history_of(CONVOLUTIONAL, tasks=1).newest
        inputs = images(CONVOLUTIONAL, 64, seed=3) * 4 + 2
        free = FreeNetwork(base, generator(4))
        before = {name: values.clone() for name, values in free.named_buffers()}
        free(inputs, [])
        for name, values in free.named_buffers():
            assert not torch.equal(values, before[name])
        dense, owner = free.assemble(2), base.activated_by[1]
        for name, values in base.hidden[1].vectors.items():
            assert same_bits(dense.hidden[1].vectors[name][owner != FREE], values[owner != FREE])
        found = hidden_activations(dense, inputs)[1][:, owner != FREE]
        assert torch.allclose(found, hidden_activations(base, inputs)[1][:, owner != FREE], atol=1e-6)


class TestZeroForgetting:
    def test_batch_norm_has_learnt_something(self, history: History) -> None:
        """Otherwise the tests below would prove nothing about it."""
        for task, network in history.published.items():
            for layer, rows, owner in zip(network.architecture.layers, network.hidden, network.activated_by, strict=True):
                own = owner == task
                if layer.batch_norm and bool(own.any()):
                    for name, untrained in (("scale", 1.0), ("shift", 0.0), ("mean", 0.0), ("variance", 1.0)):
                        assert bool((rows.vectors[name][own] != untrained).all()), (task, name)

    def test_old_tasks_keep_their_bits_while_new_ones_train(self, history: History) -> None:
        for task, published in history.published.items():
            expected = canonical_logits(published, history.test_inputs[task], task, 64)
            for later in range(task + 1, history.last + 1):
                found = canonical_logits(history.published[later], history.test_inputs[task], task, 64)
                assert same_bits(found, expected)
            assert float(expected.std()) > 1e-3

    def test_the_proof_accepts_it(self, history: History) -> None:
        proof = prove_zero_forgetting(history.newest, 3, history.earlier, history.test_inputs, 64)
        assert proof.tasks_compared == (1, 2) and not proof.widened

    @pytest.mark.parametrize(("vector", "words"), [
        ("variance", ("1", "task 1", "layer 2")),
        ("mean", ("1", "task 1", "layer 2")),
        ("scale", ("1", "BatchNorm", "task 1", "layer 2")),
        ("shift", ("1", "BatchNorm", "task 1", "layer 2"))])
    def test_one_flipped_bit_of_batch_norm_is_refused(self, history: History, vector: str, words: tuple[str, ...]) -> None:
        neuron = int(torch.nonzero(history.newest.activated_by[1] == 1).flatten()[0])
        forged = with_flipped_bit(history.newest, f"hidden.2.{vector}", (neuron,))
        with pytest.raises(ForgettingError, match=naming(*words)):
            prove_zero_forgetting(forged, 3, history.earlier, history.test_inputs, 64)

    def test_a_doubled_running_variance_is_seen_in_the_logits_too(self, history: History) -> None:
        newest = copied(history.newest)
        newest.hidden[1].vectors["variance"][newest.activated_by[1] == 1] *= 2
        with pytest.raises(ForgettingError, match=naming(150, "task 1")):
            prove_zero_forgetting(newest, 3, history.earlier, history.test_inputs, 64)

    def test_one_bit_of_one_kernel_is_refused(self, history: History) -> None:
        neuron = int(torch.nonzero(history.newest.activated_by[0] == 1).flatten()[0])
        forged = with_flipped_bit(history.newest, "hidden.1.weight", (neuron, 1, 2, 0))
        assert "1 weights frozen by task 1 in hidden layer 1 changed" in structure_faults(forged, 3, history.earlier)

    def test_interference_through_a_kernel_or_a_flattened_map_is_refused(self, history: History) -> None:
        newest, architecture = history.newest, history.newest.architecture
        for layer in range(1, architecture.depth):
            old = int(torch.nonzero(newest.activated_by[layer] == 1).flatten()[0])
            late = int(torch.nonzero(newest.activated_by[layer - 1] != 1).flatten()[-1])
            column = late * architecture.columns_per_neuron[layer] + architecture.columns_per_neuron[layer] - 1
            index = (old, column) if architecture.window(layer) is None else (old, column, 0, 1)
            forged = with_tensor(newest, f"hidden.{layer + 1}.weight", index, 1e-30)
            assert f"1 interference weights of hidden layer {layer + 1} are not zero" in structure_faults(
                forged, 3, history.earlier)

    def test_a_free_channel_with_a_batch_norm_shift_is_refused(self, history: History) -> None:
        free = torch.nonzero(history.newest.activated_by[1] == FREE).flatten()
        if not len(free):
            pytest.fail("the history must leave something free")
        forged = with_tensor(history.newest, "hidden.2.shift", (int(free[0]),), 0.5)
        assert "1 values of free neurons of hidden layer 2 are not zero" in structure_faults(forged, 3, history.earlier)

    def test_widened_channels_change_nothing(self, history: History) -> None:
        """A wider map, a wider flattened map: the sub-networks keep their bits, the proof accepts the next task on top."""
        newest = history.newest
        wide = widen(newest, [width + 5 for width in newest.architecture.hidden])
        for task in history.published:
            assert same_tensors(extract(wide, task), extract(newest, task))
        free = FreeNetwork(wide, generator(1))
        inputs, labels = blobs(40, 60, newest.architecture.input_shape)
        train(free, wide, inputs, labels, torch.optim.Adam(free.trainable(), lr=0.02), steps=10)
        dense = free.assemble(4)
        activities = mean_activity(dense, inputs)
        pruned = prune(dense, 4, activities, middle_threshold(dense, 4, activities))
        proof = prove_zero_forgetting(pruned, 4, history.published, history.test_inputs, 64)
        assert proof.widened and proof.tasks_compared == (1, 2, 3)


def same_tensors(one: Network, other: Network) -> bool:
    left, right = one.to_tensors(), other.to_tensors()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class TestPruning:
    @EACH
    def test_activity_is_a_mean_over_samples_and_positions(self, architecture: Architecture) -> None:
        network = drawn_network(architecture, 1, seed=3, pruned_last=False)
        inputs = images(architecture, 50, seed=4)
        found = mean_activity(network, inputs, batch_size=16)
        for activity, values in zip(found, hidden_activations(network, inputs), strict=True):
            expected = values.double().abs().transpose(0, 1).flatten(1).mean(dim=1)
            assert activity.dtype == torch.float64
            assert torch.allclose(activity, expected, rtol=1e-6)

    @EACH
    def test_a_pruned_channel_is_silent_and_unheard(self, architecture: Architecture) -> None:
        network = drawn_network(architecture, 2, seed=6, pruned_last=False)
        inputs = images(architecture, 50, seed=4)
        activities = mean_activity(network, inputs)
        pruned = prune(network, 2, activities, middle_threshold(network, 2, activities))
        for layer, (values, owner, rows) in enumerate(
                zip(hidden_activations(pruned, inputs), pruned.activated_by, pruned.hidden, strict=True)):
            dead = owner == FREE
            assert bool(dead.any()) and not values[:, dead].any()
            assert not any(tensor[dead].any() for tensor in (rows.weight, *rows.vectors.values()))
            above = pruned.head(2).weight if layer + 1 == architecture.depth else pruned.hidden[layer + 1].weight
            columns = dead.repeat_interleave(architecture.columns_per_neuron[layer + 1])
            assert not above[:, columns].any() and bool(above[:, ~columns].any())

    @EACH
    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("margin", ["0", "4", "15", "60"])
    @pytest.mark.parametrize("mode", list(ThresholdMode))
    def test_the_threshold_is_that_of_brute_force(self, architecture: Architecture, seed: int, margin: str,
                                                  mode: ThresholdMode) -> None:
        scan = _scan(architecture, seed)
        best = evaluate(scan.network, scan.inputs, scan.labels, scan.task, BATCH).correct
        required = required_correct(best, len(scan.labels), Decimal(margin))
        brute = brute_shared if mode is ThresholdMode.SHARED else brute_per_layer
        found = find_thresholds(scan.network, scan.task, scan.activities, scan.inputs, scan.labels, required, mode, BATCH)
        assert found.thresholds == brute(scan, required)
        assert found.val_correct == correct_at(scan, found.thresholds) >= required
        assert found.free_neurons == freed_at(scan, found.thresholds)
        if margin == "4":
            assert found.confirmed < found.candidates_tried  # the screen has rejected something

    @EACH
    def test_the_curve_is_that_of_the_canonical_evaluation(self, architecture: Architecture) -> None:
        scan = _scan(architecture, 3)
        depth = architecture.depth
        curve = threshold_curve(scan.network, scan.task, scan.activities, scan.inputs, scan.labels, points=12)
        assert [point.threshold for point in curve] == sorted(point.threshold for point in curve)
        for point in curve:
            assert abs(point.val_correct - correct_at(scan, (point.threshold,) * depth)) <= 1
            assert point.free_neurons == freed_at(scan, (point.threshold,) * depth)

    def test_blocks_that_forget_answer_alike(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With no room for memory every block is computed from the inputs each time: the same θ*, the same curve."""
        from clnp_core import screening

        scan = _scan(CONVOLUTIONAL, 1)
        best = evaluate(scan.network, scan.inputs, scan.labels, scan.task, BATCH).correct
        required = required_correct(best, len(scan.labels), Decimal(10))
        arguments = (scan.network, scan.task, scan.activities, scan.inputs, scan.labels)
        usual = (find_thresholds(*arguments, required, ThresholdMode.PER_LAYER, BATCH), threshold_curve(*arguments, points=9))
        monkeypatch.setattr(screening, "BLOCK_BYTES", 1)
        monkeypatch.setattr(screening, "MEMORY_BYTES", 1)
        small = (find_thresholds(*arguments, required, ThresholdMode.PER_LAYER, BATCH), threshold_curve(*arguments, points=9))
        assert small[0].thresholds == usual[0].thresholds
        assert all(abs(one.val_correct - other.val_correct) <= 1 for one, other in zip(small[1], usual[1], strict=True))


_SCANS: dict[tuple[Architecture, int], Scan] = {}


def _scan(architecture: Architecture, seed: int) -> Scan:
    """Made once: brute force remembers what it has evaluated."""
    return _SCANS.setdefault((architecture, seed), trained_scan(architecture, seed))


class TestCapacity:
    def test_the_extract_computes_the_same(self, history: History) -> None:
        for task in history.published:
            inputs = history.test_inputs[task]
            small = extract(history.newest, task)
            assert small.architecture.hidden_total < history.newest.architecture.hidden_total
            assert torch.allclose(canonical_logits(small, inputs, task, 64),
                                  canonical_logits(history.newest, inputs, task, 64), atol=1e-4)

    def test_the_path_is_what_the_logits_depend_on(self, history: History) -> None:
        """Silencing a channel changes the logits of a task exactly where the channel is on its path and fires."""
        task, network = 1, history.newest
        inputs = history.test_inputs[task]
        expected = canonical_logits(network, inputs, task, 64)
        on_path = path_neurons(network, task)
        for layer, owner in enumerate(network.activated_by):
            for neuron in range(len(owner)):
                silenced = copied(network)
                silenced.activated_by[layer][neuron] = FREE  # forced to zero, whatever its weights
                if layer + 1 == network.architecture.depth and network.architecture.head is HeadKind.SINGLE:
                    continue  # it would leave the mask of the task as well
                same = same_bits(canonical_logits(silenced, inputs, task, 64), expected)
                if not on_path[layer][neuron]:
                    assert same, (layer, neuron)


class TestReopening:
    def test_only_the_task_moves(self, history: History) -> None:
        task, newest = 3, history.newest
        inputs, labels = blobs(3, 120, newest.architecture.input_shape)
        free = FreeNetwork(newest, generator(1), reopen=task)
        start = free.assemble(task)
        assert same_tensors(start, newest)
        optimizer = torch.optim.AdamW(free.trainable(), lr=0.01, weight_decay=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            frozen = frozen_activations(newest, inputs, reopen=task)
            torch.nn.functional.cross_entropy(free(inputs, frozen), labels).backward()
            optimizer.step()
        tuned = free.assemble(task)
        assert structure_faults(tuned, task, history.earlier) == []
        for rows, old, owner, now in zip(tuned.hidden, newest.hidden, newest.activated_by, tuned.activated_by, strict=True):
            own = owner == task
            assert torch.equal(owner, now)
            for name, values in old.vectors.items():
                assert same_bits(rows.vectors[name][~own], values[~own])
            assert same_bits(rows.weight[~own], old.weight[~own])
            assert not bool(own.any()) or not torch.equal(rows.weight[own], old.weight[own])
