"""One trial: it learns, keeps its earliest best epoch, repeats bit for bit, and leaves frozen rows alone."""

import dataclasses
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.evaluation import evaluate
from clnp_core.forgetting import structure_faults
from clnp_core.network import FREE, Network, empty_network
from clnp_core.pruning import prune
from clnp_core.values import Epoch
from workers.data.loader import load_task
from workers.spec import TrialSpec
from workers.training.loop import DivergedError, train
from workers.training.state import Trained

Result = TypeVar("Result")


def finish(steps: Generator[Epoch, None, Result]) -> tuple[list[Epoch], Result]:
    """All epochs and the result."""
    epochs: list[Epoch] = []
    while True:
        try:
            epochs.append(next(steps))
        except StopIteration as stop:
            return epochs, stop.value


def run(trial: TrialSpec, base: Network | None = None) -> tuple[list[Epoch], Trained]:
    data = load_task(trial.stage.benchmark, trial.stage.task)
    return finish(train(trial, base or empty_network(trial.stage.architecture), data))


def same_bits(one: Network, other: Network) -> bool:
    left, right = one.to_tensors(), other.to_tensors()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns(trial: Callable[..., TrialSpec]) -> None:
    epochs, trained = run(trial(epochs=8))
    assert trained.val_correct / 359 > 0.85
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert [epoch.epoch for epoch in epochs] == list(range(1, 9))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_same_trial_gives_the_same_bits(trial: Callable[..., TrialSpec], optimizer: str) -> None:
    spec = trial(optimizer=optimizer, epochs=2)
    assert same_bits(run(spec)[1].network, run(spec)[1].network)
    assert not same_bits(run(spec)[1].network, run(dataclasses.replace(spec, seed=8))[1].network)


def test_bfloat16_learns_in_coarser_steps_and_keeps_float32_weights(trial: Callable[..., TrialSpec]) -> None:
    fine, coarse = run(trial(epochs=6)), run(trial(epochs=6, precision="bfloat16"))
    assert fine[0][0].train_loss != coarse[0][0].train_loss == pytest.approx(fine[0][0].train_loss, rel=0.05)
    assert abs(fine[1].val_correct - coarse[1].val_correct) < 25
    assert all(tensor.dtype != torch.bfloat16 for tensor in coarse[1].network.to_tensors().values())
    val = load_task(trial().stage.benchmark, 1).val
    assert evaluate(coarse[1].network, val.inputs, val.labels, 1, 100).correct == coarse[1].val_correct


def test_the_earliest_best_epoch_is_kept_and_its_count_is_canonical(trial: Callable[..., TrialSpec]) -> None:
    spec = trial(epochs=6, learning_rate=0.05)
    epochs, trained = run(spec)
    counts = [epoch.val_correct for epoch in epochs]
    assert trained.best_epoch == counts.index(max(counts)) + 1
    val = load_task(spec.stage.benchmark, 1).val
    assert evaluate(trained.network, val.inputs, val.labels, 1, 100).correct == trained.val_correct == max(counts)


def test_early_stopping_counts_epochs_without_a_better_one(trial: Callable[..., TrialSpec]) -> None:
    epochs, trained = run(trial(epochs=40, learning_rate=0.05, patience=2))
    assert trained.epochs_run == len(epochs) == trained.best_epoch + 2
    assert len(epochs) < 40


def test_milestones_lower_the_rate(trial: Callable[..., TrialSpec]) -> None:
    plain, lowered = run(trial(epochs=3))[0], run(trial(epochs=3, milestones=(1,)))[0]
    assert plain[0].train_loss == lowered[0].train_loss
    assert plain[1].train_loss != lowered[1].train_loss


def test_a_larger_alpha_leaves_smaller_weights(trial: Callable[..., TrialSpec]) -> None:
    def size(alpha: float) -> float:
        network = run(trial(alpha=(alpha,) * 3, epochs=3))[1].network
        return float(sum(rows.weight.abs().sum() for rows in network.hidden))
    assert size(1e-2) < 0.5 * size(0.0)


def test_an_infinite_loss_is_a_diverged_trial(trial: Callable[..., TrialSpec]) -> None:
    with pytest.raises(DivergedError):
        run(trial(learning_rate=1e30, epochs=5, optimizer="sgd"))


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_the_second_task_changes_nothing_of_the_first(trial: Callable[..., TrialSpec], head: HeadKind) -> None:
    first = run(trial(head=head, epochs=2))[1].network
    half = tuple(torch.arange(len(owner), dtype=torch.float64) for owner in first.activated_by)
    base = prune(first, 1, half, tuple(float(len(owner)) / 2 for owner in first.activated_by))
    second = run(trial(head=head, epochs=2, task=2, learning_rate=0.05, alpha=(0.1, 0.1, 0.1)), base)[1].network
    assert structure_faults(second, 2, {1: base}) == []
    assert all(int((owner == FREE).sum()) == 0 for owner in second.activated_by)
