"""Trials and commits of methods that do not divide the network, from job to job as a driver gives them."""

import dataclasses
from collections.abc import Callable

import pytest

from clnp_core.architecture import HeadKind
from workers.jobs.baseline_job import build_whole_commit, prepare_all, run_whole_trial
from workers.jobs.commit_job import BuiltCommit
from workers.jobs.trial_job import prepare
from workers.methods import Method, MethodSpec
from workers.spec import StageSpec, TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network
from workers.training.loop import result_of
from workers.training.resume import Checkpoint

Build = Callable[..., StageSpec]


def learn(stage: Build, storage: str, method: MethodSpec, tasks: int = 2, epochs: int = 6) -> list[BuiltCommit]:
    """A sequence of tasks, each trained and committed."""
    commits: list[BuiltCommit] = []
    splits: dict[int, str] = {}
    for task in range(1, tasks + 1):
        base = commits[-1].artifact.digest if commits and method.kind.goes_on else None
        whole = stage(task=task, base=base, head=HeadKind.SHARED, epochs=epochs, hidden=(60, 40))
        spec = dataclasses.replace(whole, method=method)
        splits[task] = prepare(spec.benchmark, task, 1).split_digest
        trained = result_of(run_whole_trial(TrialSpec(spec, 0, (0.0,) * 3, 0.003, 7), storage))
        earlier = [(number, commit.artifact.digest) for number, commit in enumerate(commits, start=1)]
        commits.append(build_whole_commit(spec, trained.artifact.digest, storage, earlier, splits))
    return commits


def forgotten(commits: list[BuiltCommit]) -> int:
    """Test samples of the first task that are lost in the end."""
    return commits[0].evaluations[0].test_correct - commits[-1].evaluations[0].test_correct


def test_holding_the_weights_forgets_less(stage: Build, storage: str) -> None:
    plain = learn(stage, storage, MethodSpec(Method.SEQUENTIAL))
    elastic = learn(stage, storage, MethodSpec(Method.EWC, 300.0))
    synaptic = learn(stage, storage, MethodSpec(Method.SI, 30.0))
    assert forgotten(plain) > 80
    assert forgotten(elastic) < 0.6 * forgotten(plain)
    assert forgotten(synaptic) < 0.8 * forgotten(plain)
    assert plain[1].evaluations[1].test_correct > 300
    assert plain[0].proof is None
    assert [layer.free_neurons for layer in plain[0].capacity] == [0, 0]


def test_no_strength_is_no_method(stage: Build, storage: str) -> None:
    plain = learn(stage, storage, MethodSpec(Method.SEQUENTIAL), epochs=2)
    elastic = learn(stage, storage, MethodSpec(Method.EWC, 0.0), epochs=2)
    assert [cell.logits_digest for cell in plain[1].evaluations] == [cell.logits_digest for cell in elastic[1].evaluations]


def test_networks_of_their_own_forget_nothing(stage: Build, storage: str) -> None:
    commits = learn(stage, storage, MethodSpec(Method.SCRATCH), epochs=2)
    assert commits[1].evaluations[0] == commits[0].evaluations[0]
    assert commits[0].artifact != commits[1].artifact


def test_what_holds_the_next_task_lies_beside_the_network(stage: Build, storage: str) -> None:
    [commit] = learn(stage, storage, MethodSpec(Method.EWC, 10.0), tasks=1, epochs=1)
    names = get_network(ArtifactStore(storage), commit.artifact.digest)[1].tensors
    assert any(name.startswith("anchor.precision.") for name in names)


def test_an_interrupted_trial_ends_in_the_same_bits(stage: Build, storage: str) -> None:
    """Synaptic intelligence remembers its whole training; what it remembers is in the checkpoint."""
    spec = dataclasses.replace(stage(head=HeadKind.SHARED, epochs=4), method=MethodSpec(Method.SI, 1.0))
    trial = TrialSpec(spec, 0, (0.0,) * 3, 0.01, 7)
    whole = result_of(run_whole_trial(trial, storage))
    interrupted = run_whole_trial(trial, storage, Checkpoint(storage, trial.key(), 1, 1e-9))
    for _ in range(2):
        next(interrupted)
    interrupted.close()
    again = Checkpoint(storage, trial.key(), 1, 1e-9)
    resumed = result_of(run_whole_trial(trial, storage, again))
    assert resumed.artifact == whole.artifact
    assert again.news(), "it went on from the checkpoint"


@pytest.mark.parametrize("head", [HeadKind.SINGLE, HeadKind.MULTI])
def test_joint_training_is_one_commit_for_all(stage: Build, storage: str, head: HeadKind) -> None:
    spec = dataclasses.replace(stage(task=2, head=head), method=MethodSpec(Method.JOINT, tasks=2))
    facts = prepare_all(spec.benchmark, 2, 1)
    trained = result_of(run_whole_trial(TrialSpec(spec, 0, (0.0,) * 3, 0.01, 7), storage))
    commit = build_whole_commit(spec, trained.artifact.digest, storage, (), {2: facts.split_digest})
    assert (trained.val_total, commit.val_total) == (facts.val_total, facts.val_total)
    assert commit.val_correct == trained.val_correct
    assert [cell.task for cell in commit.evaluations] == [1, 2]
