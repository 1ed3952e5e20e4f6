"""The four jobs of a stage, in one process: from raw data to a committed, proven network."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import torch

from clnp_core.architecture import HeadKind
from clnp_core.errors import ArtifactError, DataError, ForgettingError
from clnp_core.network import FREE
from clnp_core.selection import ThresholdMode, required_correct
from tests.workers.test_training import finish
from workers import jobs
from workers.artifacts import ArtifactStore, get_network, put_network
from workers.spec import StageSpec, TrialSpec
from workers.tasks import load_task

Trials = Callable[..., TrialSpec]


def splits(stage: StageSpec) -> dict[int, str]:
    """What a driver has recorded of the data of every task so far."""
    return {task: load_task(stage.benchmark, task).split_digest() for task in range(1, stage.task + 1)}


def commit(trial: TrialSpec, storage: str, earlier: list[tuple[int, str]],
           margin: Decimal = Decimal(3)) -> jobs.BuiltCommit:
    """Train, scan and commit one trial."""
    _, result = finish(jobs.run_trial(trial, storage, margin))
    required = required_correct(result.val_correct, result.val_total, margin)
    found = jobs.scan(trial.stage, result.artifact.digest, storage, required, ThresholdMode.PER_LAYER)
    return jobs.build_commit(trial.stage, result.artifact.digest, found.thresholds, storage, earlier,
                             splits(trial.stage))


def test_prepare_reports_the_task_and_the_environment(stage: Callable[..., StageSpec]) -> None:
    facts = jobs.prepare(stage().benchmark, 1, 3)
    assert (facts.train_total, facts.val_total, facts.test_total, facts.inputs, facts.classes) == (1079, 359, 359, 64, 10)
    assert facts.environment["threads"] == 3
    assert facts.split_digest != jobs.prepare(stage().benchmark, 2, 3).split_digest


def test_a_trial_stores_what_the_scan_needs(trial: Trials, storage: str) -> None:
    spec = trial()
    epochs, result = finish(jobs.run_trial(spec, storage, Decimal(1)))
    network, contents = get_network(ArtifactStore(storage), result.artifact.digest)
    assert contents.metadata["key"] == spec.key()
    assert contents.tensors["activity.1"].dtype == torch.float64
    assert len(epochs) == result.epochs_run == 3
    assert network.architecture == spec.stage.architecture
    assert [point.threshold for point in result.curve] == sorted(point.threshold for point in result.curve)
    assert 2 <= len(result.curve) <= 20
    assert 0 <= result.free_within_margin <= result.hidden_total == 40


def test_the_same_trial_twice_is_one_artifact(trial: Trials, storage: str) -> None:
    digests = {finish(jobs.run_trial(trial(), storage, Decimal(1)))[1].artifact.digest for _ in range(2)}
    assert len(digests) == 1


def test_the_margin_of_the_run_does_not_change_a_trial(trial: Trials, storage: str) -> None:
    one = finish(jobs.run_trial(trial(), storage, Decimal(0)))[1]
    other = finish(jobs.run_trial(trial(), storage, Decimal(10)))[1]
    assert one.artifact == other.artifact
    assert one.free_within_margin <= other.free_within_margin


@pytest.mark.parametrize("head", list(HeadKind))
def test_a_sequence_of_commits_forgets_nothing(trial: Trials, storage: str, head: HeadKind) -> None:
    earlier: list[tuple[int, str]] = []
    first_logits: dict[int, str] = {}
    for task in (1, 2, 3):
        base = earlier[-1][1] if earlier else None
        built = commit(trial(task=task, base=base, head=head, hidden=(80, 80), epochs=6), storage, list(earlier),
                       margin=Decimal(8))
        earlier.append((task, built.artifact.digest))
        assert built.proof.tasks_compared == tuple(range(1, task))
        assert [cell.task for cell in built.evaluations] == list(range(1, task + 1))
        for cell in built.evaluations:
            assert first_logits.setdefault(cell.task, cell.logits_digest) == cell.logits_digest
        for layer in built.capacity:
            assert layer.used + layer.free == layer.total
            assert layer.reused <= layer.used - layer.new


def test_a_commit_stands_on_its_parent(trial: Trials, storage: str) -> None:
    first = commit(trial(hidden=(40, 30)), storage, [])
    second = commit(trial(hidden=(40, 30), task=2, base=first.artifact.digest), storage, [(1, first.artifact.digest)])
    _, contents = get_network(ArtifactStore(storage), second.artifact.digest)
    assert contents.metadata["parent"] == first.artifact.digest


def test_a_published_commit_that_forgets_is_refused(trial: Trials, storage: str) -> None:
    """One last bit of one frozen weight, in an otherwise perfect artifact with a correct digest of its own."""
    first = commit(trial(hidden=(40, 30)), storage, [])
    spec = trial(hidden=(40, 30), task=2, base=first.artifact.digest)
    second = commit(spec, storage, [(1, first.artifact.digest)])
    store = ArtifactStore(storage)
    network, _ = get_network(store, second.artifact.digest)
    frozen = int(torch.nonzero(network.activated_by[0] == 1).flatten()[0])
    weight = network.hidden[0].weight.clone()
    weight.view(torch.int32)[frozen, 20] ^= 1
    rows = dataclasses.replace(network.hidden[0], weight=weight)
    forged = put_network(store, dataclasses.replace(network, hidden=(rows, *network.hidden[1:])), "commit", task=2)
    with pytest.raises(ForgettingError, match="1 weights frozen by task 1 in hidden layer 1 changed"):
        jobs.verify_commit(spec.stage, forged.digest, storage, [(1, first.artifact.digest)], splits(spec.stage))


def test_other_data_than_what_was_recorded_is_refused(trial: Trials, storage: str) -> None:
    built = commit(trial(), storage, [])
    with pytest.raises(DataError, match="the data of task 1 of 'permuted-digits' is not what it was"):
        jobs.verify_commit(trial().stage, built.artifact.digest, storage, [], {1: "ab" * 32})


def test_lost_and_damaged_networks_are_trained_again_to_the_same_bits(trial: Trials, storage: str) -> None:
    specs = [trial(number=number, seed=number) for number in range(3)]
    digests = [finish(jobs.run_trial(spec, storage, Decimal(1)))[1].artifact.digest for spec in specs]
    store = ArtifactStore(storage)
    store.path(digests[0]).unlink()
    store.path(digests[2]).write_bytes(store.path(digests[2]).read_bytes()[:-1])
    assert jobs.restore_trials(list(zip(specs, digests, strict=True)), storage) == (0, 2)
    assert [store.get(digest).metadata["key"] for digest in digests] == [spec.key() for spec in specs]
    with pytest.raises(ArtifactError, match="is missing, and training trial 0 again gave"):
        jobs.restore_trials([(specs[0], "ab" * 32)], storage)


def test_a_widened_stage_keeps_the_old_network(trial: Trials, storage: str) -> None:
    first = commit(trial(hidden=(30, 20)), storage, [])
    second = commit(trial(hidden=(30, 28), task=2, base=first.artifact.digest), storage, [(1, first.artifact.digest)])
    assert second.proof.widened
    assert second.capacity[1].total == 28
    network, _ = get_network(ArtifactStore(storage), second.artifact.digest)
    assert int((network.activated_by[1][20:] == 1).sum()) == 0
    assert int((network.activated_by[1] != FREE).sum()) == second.capacity[1].used


def test_a_task_that_does_not_fit_the_network(trial: Trials, storage: str) -> None:
    with pytest.raises(DataError, match="task 1 has 64 inputs and 10 classes, the network 63 and 10"):
        finish(jobs.run_trial(trial(inputs=63), storage, Decimal(1)))


def test_scanning_a_commit_is_refused(trial: Trials, storage: str) -> None:
    built = commit(trial(), storage, [])
    with pytest.raises(ArtifactError, match="holds no trained trial"):
        jobs.scan(trial().stage, built.artifact.digest, storage, 1, ThresholdMode.SHARED)


def test_a_missing_artifact_is_named(trial: Trials, storage: str) -> None:
    _, result = finish(jobs.run_trial(trial(), storage, Decimal(1)))
    path = ArtifactStore(storage).path(result.artifact.digest)
    Path(path).unlink()
    with pytest.raises(ArtifactError, match=str(path)):
        jobs.scan(trial().stage, result.artifact.digest, storage, 1, ThresholdMode.SHARED)
