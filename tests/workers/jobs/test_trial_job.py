"""What a stage gives to a worker, in one process: looking at a task, training, scanning, training again what was lost."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ArtifactError, DataError
from clnp_core.selection import ThresholdMode
from tests.messages import naming
from tests.workers.jobs.test_commit_job import commit
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.spec import StageSpec, TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network

Trials = Callable[..., TrialSpec]


def test_prepare_reports_the_task_and_the_environment(stage: Callable[..., StageSpec]) -> None:
    facts = trial_job.prepare(stage().benchmark, 1, 3)
    assert (facts.train_total, facts.val_total, facts.test_total, facts.input_shape,
            facts.classes) == (1079, 359, 359, (64,), 10)
    assert facts.environment["threads"] == 3
    assert facts.split_digest != trial_job.prepare(stage().benchmark, 2, 3).split_digest


def test_a_trial_stores_what_the_scan_needs(trial: Trials, storage: str) -> None:
    spec = trial()
    epochs, result = finish(trial_job.run_trial(spec, storage, Decimal(1)))
    network, contents = get_network(ArtifactStore(storage), result.artifact.digest)
    assert contents.metadata["key"] == spec.key()
    assert contents.tensors["activity.1"].dtype == torch.float64
    assert len(epochs) == result.epochs_run == 3
    assert network.architecture == spec.stage.architecture
    assert [point.threshold for point in result.curve] == sorted(point.threshold for point in result.curve)
    assert 2 <= len(result.curve) <= 20
    assert 0 <= result.free_within_margin <= result.hidden_total == 40


def test_the_same_trial_twice_is_one_artifact(trial: Trials, storage: str) -> None:
    digests = {finish(trial_job.run_trial(trial(), storage, Decimal(1)))[1].artifact.digest for _ in range(2)}
    assert len(digests) == 1


def test_the_margin_of_the_run_does_not_change_a_trial(trial: Trials, storage: str) -> None:
    one = finish(trial_job.run_trial(trial(), storage, Decimal(0)))[1]
    other = finish(trial_job.run_trial(trial(), storage, Decimal(10)))[1]
    assert one.artifact == other.artifact
    assert one.free_within_margin <= other.free_within_margin


def test_lost_and_damaged_networks_are_trained_again_to_the_same_bits(trial: Trials, storage: str) -> None:
    specs = [trial(number=number, seed=number) for number in range(3)]
    digests = [finish(trial_job.run_trial(spec, storage, Decimal(1)))[1].artifact.digest for spec in specs]
    store = ArtifactStore(storage)
    Path(store.shown(digests[0])).unlink()
    Path(store.shown(digests[2])).write_bytes(Path(store.shown(digests[2])).read_bytes()[:-1])
    assert trial_job.lost_artifacts(digests, storage) == {digests[0], digests[2]}
    for number in (0, 2):
        pack_job.restore_pack([specs[number]], {number: digests[number]}, storage)
    assert trial_job.lost_artifacts(digests, storage) == set()
    assert [store.get(digest).metadata["key"] for digest in digests] == [spec.key() for spec in specs]
    with pytest.raises(ArtifactError, match=naming("damaged")):
        pack_job.restore_pack([specs[0]], {0: "ab" * 32}, storage)


def test_a_task_that_does_not_fit_the_network(trial: Trials, storage: str) -> None:
    with pytest.raises(DataError, match=naming("task 1", "[64]", "[63]", 10)):
        finish(trial_job.run_trial(trial(inputs=63), storage, Decimal(1)))


def test_scanning_a_commit_is_refused(trial: Trials, storage: str) -> None:
    built = commit(trial(), storage, [])
    with pytest.raises(ArtifactError, match=naming("not a trained trial")):
        trial_job.scan(trial().stage, built.artifact.digest, storage, 1, ThresholdMode.SHARED)


def test_a_missing_artifact_is_named(trial: Trials, storage: str) -> None:
    _, result = finish(trial_job.run_trial(trial(), storage, Decimal(1)))
    path = Path(ArtifactStore(storage).shown(result.artifact.digest))
    Path(path).unlink()
    with pytest.raises(ArtifactError, match=str(path)):
        trial_job.scan(trial().stage, result.artifact.digest, storage, 1, ThresholdMode.SHARED)
