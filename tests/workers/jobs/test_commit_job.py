"""The commit of a task, in one process: pruned, fine-tuned, published, re-read and proven."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.errors import ArtifactError, DataError, ForgettingError
from clnp_core.network import FREE, Network
from clnp_core.selection import ThresholdMode, required_correct
from tests.messages import naming
from tests.workers.image_trials import images
from tests.workers.training.test_loop import finish, same_bits
from workers.data.loader import load_task
from workers.jobs import trial_job
from workers.jobs.commit_job import BuiltCommit, build_commit, verify_commit
from workers.spec import DistillationSpec, FineTuningSpec, Schedule, StageSpec, TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network, put_network

Trials = Callable[..., TrialSpec]

TUNING = FineTuningSpec(rounds=1, epochs=8, learning_rate=0.003, alpha=(1e-5, 1e-5, 1e-5), seed=5, required=0,
                        mode=ThresholdMode.SHARED)


def splits(stage: StageSpec) -> dict[int, str]:
    """What a driver has recorded of the data of every task so far."""
    return {task: load_task(stage.benchmark, task).split_digest() for task in range(1, stage.task + 1)}


def commit(trial: TrialSpec, storage: str, earlier: list[tuple[int, str]],
           margin: Decimal = Decimal(3), tuning: FineTuningSpec | None = None) -> BuiltCommit:
    """Train, scan and commit one trial; fine-tuning within the margin of that trial."""
    _, result = finish(trial_job.run_trial(trial, storage, margin))
    required = required_correct(result.val_correct, result.val_total, margin)
    found = trial_job.scan(trial.stage, result.artifact.digest, storage, required, ThresholdMode.PER_LAYER)
    return build_commit(trial.stage, result.artifact.digest, found.thresholds, storage, earlier,
                        splits(trial.stage), tuning and dataclasses.replace(tuning, required=required))


@pytest.mark.parametrize("head", DIVIDED_HEADS)
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
            assert layer.used_neurons + layer.free_neurons == layer.total_neurons
            assert layer.reused_neurons <= layer.used_neurons - layer.new_neurons


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
    with pytest.raises(ForgettingError, match=naming(1, "task 1", "layer 1")):
        verify_commit(spec.stage, forged.digest, storage, [(1, first.artifact.digest)], splits(spec.stage))


def test_other_data_than_what_was_recorded_is_refused(trial: Trials, storage: str) -> None:
    built = commit(trial(), storage, [])
    with pytest.raises(DataError, match=naming("task 1", "permuted-digits")):
        verify_commit(trial().stage, built.artifact.digest, storage, [], {1: "ab" * 32})


def test_a_widened_stage_keeps_the_old_network(trial: Trials, storage: str) -> None:
    first = commit(trial(hidden=(30, 20)), storage, [])
    second = commit(trial(hidden=(30, 28), task=2, base=first.artifact.digest), storage, [(1, first.artifact.digest)])
    assert second.proof.widened
    assert second.capacity[1].total_neurons == 28
    network, _ = get_network(ArtifactStore(storage), second.artifact.digest)
    assert int((network.activated_by[1][20:] == 1).sum()) == 0
    assert int((network.activated_by[1] != FREE).sum()) == second.capacity[1].used_neurons


def network_of(built: BuiltCommit, storage: str) -> Network:
    return get_network(ArtifactStore(storage), built.artifact.digest)[0]


class TestFineTuning:
    """Paper §2.2 and §3.2: after a deep cut, what survived trains on; nothing else moves."""

    def test_without_it_the_commit_is_what_the_scan_promised(self, trial: Trials, storage: str) -> None:
        built = commit(trial(epochs=6), storage, [])
        _, result = finish(trial_job.run_trial(trial(epochs=6), storage, Decimal(3)))
        assert built.rounds is None and built.val_total == 359
        assert built.val_correct >= required_correct(result.val_correct, 359, Decimal(3))

    @pytest.mark.parametrize("head", DIVIDED_HEADS)
    def test_it_mends_a_deep_cut_and_adds_no_neuron(self, trial: Trials, storage: str, head: HeadKind) -> None:
        spec = trial(hidden=(60, 50), head=head, epochs=6)
        cut = commit(spec, storage, [], margin=Decimal(15))
        built = commit(spec, storage, [], margin=Decimal(15), tuning=TUNING)
        assert built.rounds is not None and len(built.rounds) == 1
        tuned = built.rounds[0]
        assert tuned.pruned_val_correct == cut.val_correct
        assert tuned.val_correct == built.val_correct > cut.val_correct
        assert 1 <= tuned.best_epoch <= tuned.epochs_run == 8
        assert [layer.used_neurons for layer in built.capacity] == [layer.used_neurons for layer in cut.capacity]
        before, after = network_of(cut, storage), network_of(built, storage)
        for rows, old, owner, was in zip(after.hidden, before.hidden, after.activated_by, before.activated_by, strict=True):
            assert torch.equal(owner, was)
            assert not rows.weight[owner == FREE].any() and not rows.bias[owner == FREE].any()
            assert not torch.equal(rows.weight[owner == 1], old.weight[owner == 1])
        assert not after.hidden[1].weight[:, after.activated_by[0] == FREE].any()

    def test_earlier_tasks_do_not_move(self, trial: Trials, storage: str) -> None:
        """The proof inside the commit compares them; here once more, by hand."""
        first = commit(trial(hidden=(60, 50)), storage, [], tuning=TUNING)
        second = commit(trial(hidden=(60, 50), task=2, base=first.artifact.digest), storage, [(1, first.artifact.digest)],
                        margin=Decimal(10), tuning=TUNING)
        assert second.proof.tasks_compared == (1,)
        old, new = network_of(first, storage), network_of(second, storage)
        assert any(bool((owner == 2).any()) for owner in new.activated_by)
        for layer, owner in enumerate(old.activated_by):
            assert torch.equal(new.hidden[layer].weight[owner == 1], old.hidden[layer].weight[owner == 1])

    def test_a_rate_that_mends_nothing_keeps_the_pruned_weights(self, trial: Trials, storage: str) -> None:
        spec = trial(hidden=(60, 50), epochs=6)
        cut = commit(spec, storage, [], margin=Decimal(5))
        built = commit(spec, storage, [], margin=Decimal(5), tuning=dataclasses.replace(TUNING, learning_rate=1e-12))
        assert built.rounds is not None and built.rounds[0].best_epoch == 0
        assert built.val_correct == cut.val_correct and built.artifact.digest == cut.artifact.digest

    def test_more_rounds_prune_more_and_stay_within_the_margin_before_they_train(self, trial: Trials, storage: str) -> None:
        spec, margin = trial(hidden=(60, 50), epochs=6), Decimal(8)
        _, result = finish(trial_job.run_trial(spec, storage, margin))
        required = required_correct(result.val_correct, result.val_total, margin)
        built = commit(spec, storage, [], margin=margin, tuning=dataclasses.replace(TUNING, rounds=3))
        assert built.rounds is not None and 2 <= len(built.rounds) <= 3
        assert [done.round for done in built.rounds] == list(range(1, len(built.rounds) + 1))
        free = [done.free_neurons for done in built.rounds]
        assert free == sorted(set(free))
        assert all(done.pruned_val_correct >= required and done.val_correct >= done.pruned_val_correct
                   for done in built.rounds)
        assert sum(layer.free_neurons for layer in built.capacity) == free[-1]

    def test_a_rate_that_falls_trains_other_weights_from_the_second_epoch_on(self, trial: Trials, storage: str) -> None:
        tunings = [dataclasses.replace(TUNING, epochs=epochs, schedule=schedule)
                   for epochs in (1, 4) for schedule in (Schedule.CONSTANT, Schedule.COSINE)]
        one, same, constant, cosine = (commit(trial(hidden=(60, 50), epochs=6), storage, [], margin=Decimal(15), tuning=tuning)
                                       for tuning in tunings)
        assert one.artifact == same.artifact and constant.artifact != cosine.artifact

    def test_the_trainings_own_schedule_is_not_that_of_fine_tuning(self, trial: Trials, storage: str) -> None:
        """Both trials are one epoch long, so their weights are the same."""
        specs = [trial(hidden=(60, 50), epochs=1, schedule=schedule) for schedule in (Schedule.CONSTANT, Schedule.COSINE)]
        built = [commit(spec, storage, [], margin=Decimal(15), tuning=TUNING) for spec in specs]
        assert same_bits(*(network_of(each, storage) for each in built))

    def test_the_same_commit_twice_is_one_artifact(self, trial: Trials, storage: str) -> None:
        tuning = dataclasses.replace(TUNING, rounds=2)
        digests = {commit(trial(), storage, [], margin=Decimal(8), tuning=tuning).artifact.digest for _ in range(2)}
        other = commit(trial(), storage, [], margin=Decimal(8), tuning=dataclasses.replace(tuning, seed=6))
        assert len(digests) == 1 and other.artifact.digest not in digests

    def test_with_nothing_left_there_is_nothing_to_tune(self, trial: Trials, storage: str) -> None:
        built = commit(trial(), storage, [], margin=Decimal(100), tuning=TUNING)
        assert built.rounds == ()
        assert [layer.used_neurons for layer in built.capacity] == [0, 0]


def teacher(spec: TrialSpec, storage: str, epochs: int = 12, seed: int = 20, hidden: tuple[int, ...] | None = (96, 64)) -> str:
    """The artifact of a wider network that has learnt the task of a trial alone, without L1."""
    stage = spec.stage
    wide = stage.architecture if hidden is None else stage.architecture.with_hidden(hidden)
    alone = dataclasses.replace(stage, architecture=wide, base_digest=None,
                                training=dataclasses.replace(stage.training, epochs=epochs))
    own = TrialSpec(alone, 0, (0.0,) * len(spec.alpha), 0.003, seed)
    return finish(trial_job.run_trial(own, storage, Decimal(0)))[1].artifact.digest


def distilled(*teachers: str, **changes: object) -> FineTuningSpec:
    return dataclasses.replace(TUNING, distillation=DistillationSpec(2.0, 0.0, 0.5, 3, teachers), **changes)


class TestDistillation:
    """Fine-tuning on the logits of teachers, for clean and mixed inputs."""

    @pytest.mark.parametrize("head", DIVIDED_HEADS)
    def test_it_wins_back_what_a_deep_cut_lost_and_moves_no_earlier_task(self, trial: Trials, storage: str,
                                                                         head: HeadKind) -> None:
        spec, earlier = trial(hidden=(60, 50), head=head, epochs=6), []
        for task in (1, 2):
            base = earlier[-1][1] if earlier else None
            own = trial(hidden=(60, 50), head=head, epochs=6, task=task, base=base)
            taught = distilled(teacher(own, storage), teacher(own, storage, seed=21), epochs=15)
            built = commit(own, storage, list(earlier), margin=Decimal(15), tuning=taught)
            assert built.rounds is not None and built.rounds[0].teachers == 2
            assert built.rounds[0].val_correct == built.val_correct > built.rounds[0].pruned_val_correct
            assert built.proof is not None and built.proof.tasks_compared == tuple(range(1, task))
            earlier.append((task, built.artifact.digest))
        plain = commit(spec, storage, [], margin=Decimal(15), tuning=TUNING)
        assert plain.rounds is not None and plain.rounds[0].teachers is None
        assert plain.artifact.digest != earlier[0][1]

    def test_without_a_teacher_left_it_is_plain_fine_tuning_and_says_so(self, trial: Trials, storage: str) -> None:
        spec = trial(hidden=(40, 30), epochs=4)
        plain = commit(spec, storage, [], margin=Decimal(8), tuning=TUNING)
        none_left = commit(spec, storage, [], margin=Decimal(8), tuning=distilled())
        assert none_left.rounds is not None and none_left.rounds[0].teachers == 0
        assert none_left.artifact.digest == plain.artifact.digest

    def test_the_same_commit_twice_is_one_artifact(self, trial: Trials, storage: str) -> None:
        spec = trial(hidden=(40, 30), epochs=4)
        taught = distilled(teacher(spec, storage), epochs=4)
        other = dataclasses.replace(taught, distillation=dataclasses.replace(taught.distillation, mixing=0.2))  # type: ignore[type-var]
        digests = [commit(spec, storage, [], Decimal(8), tuning).artifact.digest for tuning in (taught, taught, other)]
        assert digests[0] == digests[1] != digests[2]

    def test_all_rounds_learn_from_the_teachers(self, trial: Trials, storage: str) -> None:
        spec = trial(hidden=(60, 50), epochs=6)
        built = commit(spec, storage, [], Decimal(8), distilled(teacher(spec, storage), rounds=3, epochs=4))
        assert built.rounds is not None and len(built.rounds) >= 2
        assert [done.teachers for done in built.rounds] == [1] * len(built.rounds)

    @pytest.mark.parametrize("head", DIVIDED_HEADS)
    def test_images_batch_norm_and_dropout(self, trial: Trials, storage: str, head: HeadKind) -> None:
        spec = images(trial(epochs=6), head)
        taught = distilled(teacher(spec, storage, epochs=8, hidden=None), alpha=(1e-5,) * 4)
        first = commit(spec, storage, [], Decimal(6), taught)
        again = commit(spec, storage, [], Decimal(6), taught)
        assert first.rounds is not None and first.rounds[0].teachers == 1
        assert first.artifact.digest == again.artifact.digest

    def test_a_teacher_that_is_gone_is_an_error_that_names_it(self, trial: Trials, storage: str) -> None:
        with pytest.raises(ArtifactError, match="is missing"):
            commit(trial(), storage, [], Decimal(8), distilled("ab" * 32))
