"""The loop of a pack: its members learn what they learn alone, end on their own, and go on after an interruption."""

import dataclasses
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.evaluation import evaluate
from clnp_core.network import Network, empty_network
from clnp_core.pruning import prune
from clnp_core.values import Epoch
from tests.workers.training.test_loop import run, same_bits
from workers.data.loader import load_task
from workers.spec import TrialSpec
from workers.training.loop import DivergedError
from workers.training.packs.pack_loop import Outcome, train_pack
from workers.training.state import Trained

Trials = Callable[..., TrialSpec]


def packed(*trials: TrialSpec) -> list[TrialSpec]:
    return [dataclasses.replace(trial, number=place, pack=(len(trials), place)) for place, trial in enumerate(trials)]


def finish(steps: Generator[tuple[int, Any], None, dict[int, Outcome]]) -> tuple[dict[int, list[Epoch]], dict[int, Outcome]]:
    """The epochs of every trial, and their outcomes."""
    epochs: dict[int, list[Epoch]] = {}
    while True:
        try:
            number, epoch = next(steps)
        except StopIteration as stop:
            return epochs, stop.value
        epochs.setdefault(number, []).append(epoch)


def run_pack(pack: list[TrialSpec], base: Network | None = None) -> tuple[dict[int, list[Epoch]], dict[int, Outcome]]:
    stage = pack[0].stage
    return finish(train_pack(pack, base or empty_network(stage.architecture), load_task(stage.benchmark, stage.task)))


def trained(outcome: Outcome) -> Trained:
    assert isinstance(outcome, Trained)
    return outcome


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_members_learn_what_they_learn_alone(trial: Trials, optimizer: str, head: HeadKind) -> None:
    first = run(trial(head=head, epochs=2))[1].network
    base = prune(first, 1, tuple(torch.arange(len(owner), dtype=torch.float64) for owner in first.activated_by), (12.0, 8.0))
    pack = packed(*(trial(task=2, head=head, optimizer=optimizer, epochs=3, milestones=(2,), seed=seed, learning_rate=rate,
                          alpha=(alpha,) * 3) for seed, rate, alpha in [(1, 0.01, 0.0), (2, 0.02, 1e-3), (3, 0.005, 1e-4)]))
    epochs, outcomes = run_pack(pack, base)
    for member in pack:
        alone_epochs, alone = run(member, base)
        for mine, other in zip(epochs[member.number], alone_epochs, strict=True):
            assert mine.train_loss == pytest.approx(other.train_loss, rel=1e-3)
            assert mine.l1_penalty == pytest.approx(other.l1_penalty, rel=1e-3)
        found = trained(outcomes[member.number])
        assert abs(found.val_correct - alone.val_correct) <= 2 and found.best_epoch <= found.epochs_run == 3
        val = load_task(member.stage.benchmark, 2).val
        assert evaluate(found.network, val.inputs, val.labels, 2, 100).correct == found.val_correct


def test_the_same_pack_gives_the_same_bits_whoever_is_in_it(trial: Trials) -> None:
    """So a result may be taken over from another grid, and a lost network trained again."""
    pack = packed(*(trial(seed=seed, epochs=2) for seed in (1, 2, 3)))
    other = packed(trial(seed=9, epochs=2, learning_rate=0.1), trial(seed=2, epochs=2), trial(seed=8, epochs=2))
    one, again, with_others = (run_pack(trials)[1] for trials in (pack, pack, other))
    assert all(same_bits(trained(one[number]).network, trained(again[number]).network) for number in range(3))
    assert same_bits(trained(one[1]).network, trained(with_others[1]).network)
    assert pack[1].key() == other[1].key() != trial(seed=2, epochs=2).key()


def test_one_that_diverges_leaves_the_others_alone(trial: Trials) -> None:
    pack = packed(*(trial(optimizer="sgd", epochs=3, seed=seed, learning_rate=rate)
                    for seed, rate in [(1, 0.01), (2, 1e30), (3, 0.02)]))
    epochs, outcomes = run_pack(pack)
    assert isinstance(outcomes[1], DivergedError) and "the loss became" in outcomes[1].message
    assert sorted(epochs) == [0, 2] and [len(epochs[number]) for number in (0, 2)] == [3, 3]
    assert all(trained(outcomes[number]).val_correct > 100 for number in (0, 2))


def test_a_pack_ends_when_all_have_diverged(trial: Trials) -> None:
    epochs, outcomes = run_pack(packed(*(trial(optimizer="sgd", epochs=50, learning_rate=1e30, seed=seed) for seed in (1, 2))))
    assert all(isinstance(outcome, DivergedError) for outcome in outcomes.values()) and sum(map(len, epochs.values())) < 10


def test_each_member_stops_early_on_its_own(trial: Trials) -> None:
    pack = packed(*(trial(epochs=40, patience=2, seed=seed, learning_rate=rate) for seed, rate in [(1, 0.05), (2, 0.001)]))
    epochs, outcomes = run_pack(pack)
    for number in (0, 1):
        found = trained(outcomes[number])
        assert found.epochs_run == len(epochs[number]) == min(40, found.best_epoch + 2)
        counts = [epoch.val_correct for epoch in epochs[number]]
        assert found.best_epoch == counts.index(max(counts)) + 1
    assert len(epochs[0]) != len(epochs[1])


def test_seconds_are_shares(trial: Trials) -> None:
    epochs, outcomes = run_pack(packed(trial(seed=1), trial(seed=2)))
    assert [epoch.seconds for epoch in epochs[0]] == [epoch.seconds for epoch in epochs[1]]
    assert trained(outcomes[0]).train_seconds == trained(outcomes[1]).train_seconds >= sum(e.seconds for e in epochs[0])
