"""The search for the sparsest network after fine-tuning: what is cut and committed, and that interruptions change nothing."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.evaluation import correct_predictions
from clnp_core.forgetting import structure_faults
from clnp_core.network import FREE
from clnp_core.selection import Score, ThresholdMode, required_correct
from clnp_core.values import CutSearch, SearchEnd
from tests.workers.image_trials import images
from tests.workers.jobs.test_commit_job import TUNING, network_of, splits, teacher
from tests.workers.training.test_loop import finish
from workers.data.loader import load_task
from workers.jobs import trial_job
from workers.jobs.commit_job import BuiltCommit, build_commit
from workers.spec import DistillationSpec, FineTuningSpec, SearchSpec, TrialSpec
from workers.storage.checkpoints import Checkpoints
from workers.training.loop import DivergedError
from workers.training.resume import Checkpoint, Interruptible

Trials = Callable[..., TrialSpec]

SPEC = SearchSpec(Score.TAYLOR, 6.0, 3, 2, 1, 0, "6", 0, False)
ALWAYS = 1e-9


def arguments(spec: TrialSpec, storage: str, search: SearchSpec = SPEC, earlier: tuple[tuple[int, str], ...] = (),
              teachers: tuple[str, ...] = (), **changes: object) -> tuple[object, ...]:
    """Those of a commit with a search, of a trial that is trained and pruned within 3 points."""
    _, result = finish(trial_job.run_trial(spec, storage, Decimal(3)))
    required = required_correct(result.val_correct, result.val_total, Decimal(3))
    found = trial_job.scan(spec.stage, result.artifact.digest, storage, required, ThresholdMode.SHARED)
    search = dataclasses.replace(search, reference_val_correct=search.reference_val_correct or result.val_correct)
    tuning = dataclasses.replace(TUNING, alpha=spec.alpha, epochs=4, required=required, search=search,
                                 distillation=DistillationSpec(2.0, 0.0, 0.5, 1, teachers) if teachers else None, **changes)
    return spec.stage, result.artifact.digest, found.thresholds, storage, list(earlier), splits(spec.stage), tuning


def commit(*given: object) -> tuple[BuiltCommit, CutSearch]:
    built = build_commit(*given)  # type: ignore[arg-type]
    assert built.search is not None
    return built, built.search


def unclocked(search: CutSearch) -> CutSearch:
    """Without its seconds."""
    return dataclasses.replace(search, seconds=0.0, candidates=tuple(
        dataclasses.replace(each, seconds=0.0) for each in search.candidates),
        final=None if search.final is None else dataclasses.replace(search.final, seconds=0.0))


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("kind", ["dense", "images"])
def test_the_sparsest_candidate_within_the_margin_is_committed(trial: Trials, storage: str, head: HeadKind, kind: str) -> None:
    earlier: list[tuple[int, str]] = []
    for task in (1, 2):
        spec = trial(hidden=(40, 30), head=head, epochs=6, task=task)
        spec = images(spec, head) if kind == "images" else spec
        spec = dataclasses.replace(spec, stage=dataclasses.replace(spec.stage, base_digest=earlier[-1][1] if earlier else None))
        step = 6.0 if kind == "dense" else 2.0
        built, search = commit(*arguments(spec, storage, dataclasses.replace(SPEC, step=step), tuple(earlier)))
        network, chosen = network_of(built, storage), search.candidates[search.chosen]
        assert search.within_margin and search.chosen > 0, "a cut beyond θ* wins"
        assert tuple(int((owner == task).sum()) for owner in network.activated_by) == chosen.neurons
        assert built.val_correct >= search.required_val_correct == required_correct(
            search.reference_val_correct, search.val_total, Decimal(6))
        assert all(each.val_correct < search.required_val_correct for each in search.candidates[search.chosen + 1:])
        totals = [sum(each.neurons) for each in search.candidates]
        assert totals == sorted(set(totals), reverse=True), "every cut makes it sparser"
        assert built.rounds is not None and built.rounds[0].val_correct == search.candidates[0].val_correct
        assert [layer.new_neurons for layer in built.capacity] == list(chosen.neurons)
        assert built.proof is not None and built.proof.tasks_compared == tuple(range(1, task))
        before = network_of_digest(earlier[-1][1], storage) if earlier else None
        assert structure_faults(network, task, {} if before is None else {1: before}) == []
        for rows, owner in zip(network.hidden, network.activated_by, strict=True):
            assert not rows.weight[owner == FREE].any()
        earlier.append((task, built.artifact.digest))


def network_of_digest(digest: str, storage: str) -> object:
    from workers.storage.artifacts import ArtifactStore, get_network

    return get_network(ArtifactStore(storage), digest)[0]


def test_it_ends_after_its_patience_and_the_candidates_say_why(trial: Trials, storage: str) -> None:
    _, search = commit(*arguments(trial(hidden=(40, 30), epochs=6), storage))
    assert search.end is SearchEnd.PATIENCE
    assert [each.val_correct < search.required_val_correct for each in search.candidates[-2:]] == [True, True]
    assert [each.cut for each in search.candidates] == list(range(len(search.candidates)))
    assert search.candidates[0].epochs_run == 4
    for each in search.candidates[1:]:
        missed = each.val_correct < search.required_val_correct
        assert each.epochs_run == 5 if missed else each.epochs_run in (3, 5), "a miss trains further"
        assert 0 <= each.best_epoch <= each.epochs_run and each.val_correct >= each.pruned_val_correct
    assert search.would_go_on(0) and not search.would_go_on(search.required_val_correct)
    assert search.sparsest(0) == search.candidates[-1]


def test_where_every_candidate_misses_the_first_is_committed(trial: Trials, storage: str) -> None:
    impossible = dataclasses.replace(SPEC, margin_points="0", reference_val_correct=359)
    built, search = commit(*arguments(trial(hidden=(40, 30), epochs=3), storage, impossible))
    assert (search.chosen, search.within_margin, len(search.candidates)) == (0, False, 2)
    assert built.val_correct == search.candidates[0].val_correct < 359
    assert [layer.used_neurons for layer in built.capacity] == list(search.candidates[0].neurons)


def test_it_can_go_down_to_one_neuron_a_layer(trial: Trials, storage: str) -> None:
    anything = dataclasses.replace(SPEC, margin_points="100", step=0.7)
    built, search = commit(*arguments(trial(hidden=(12, 10), epochs=2), storage, anything))
    assert search.end is SearchEnd.NOTHING_LEFT and search.candidates[-1].neurons == (1, 1)
    assert [layer.used_neurons for layer in built.capacity] == [1, 1]


def test_a_candidate_that_diverges_ends_it(trial: Trials, storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import workers.training.cut_search as module

    tune, calls = module.fine_tune, [0]

    def diverging(*given: object) -> object:
        calls[0] += 1
        if calls[0] == 3:
            raise DivergedError("the loss became nan in epoch 1", "")
        return tune(*given)  # type: ignore[arg-type]
    given = arguments(trial(hidden=(40, 30), epochs=6), storage, dataclasses.replace(SPEC, margin_points="100"))
    monkeypatch.setattr(module, "fine_tune", diverging)
    _, search = commit(*given)
    assert search.end is SearchEnd.DIVERGED and search.chosen == 1 == len(search.candidates) - 1


def test_further_training_of_the_chosen_one_never_makes_it_worse(trial: Trials, storage: str) -> None:
    given = arguments(trial(hidden=(40, 30), epochs=6), storage)
    plain, search = commit(*given)
    tuning = given[-1]
    assert isinstance(tuning, FineTuningSpec) and tuning.search is not None
    longer = dataclasses.replace(tuning, search=dataclasses.replace(tuning.search, final_epochs=8))
    built, further = commit(*given[:-1], longer)
    assert further.final is not None and further.final.epochs_run == 8
    assert unclocked(dataclasses.replace(further, final=None)) == unclocked(search)
    assert built.val_correct == further.final.val_correct >= plain.val_correct


def test_the_reference_is_the_best_that_is_known(trial: Trials, storage: str) -> None:
    spec = trial(hidden=(40, 30), epochs=4)
    taught = teacher(spec, storage, epochs=15), teacher(spec, storage, epochs=15, seed=21)
    with_teachers = dataclasses.replace(SPEC, with_teachers=True)
    _, search = commit(*arguments(spec, storage, with_teachers, teachers=taught))
    _, trials = commit(*arguments(spec, storage, SPEC, teachers=taught))
    assert (search.reference, trials.reference) == ("teachers", "trials")
    assert search.reference_val_correct > trials.reference_val_correct
    _, none_left = commit(*arguments(spec, storage, with_teachers))
    assert none_left.reference == "trials"


@pytest.mark.parametrize("score", Score)
def test_the_same_search_gives_the_same_bits(trial: Trials, storage: str, score: Score) -> None:
    spec = trial(hidden=(40, 30), epochs=4)
    given = arguments(spec, storage, dataclasses.replace(SPEC, score=score, final_epochs=2))
    first, second = commit(*given), commit(*given)
    assert first[0].artifact == second[0].artifact and unclocked(first[1]) == unclocked(second[1])


def test_counts_of_candidates_are_those_of_the_whole_network(trial: Trials, storage: str) -> None:
    built, search = commit(*arguments(trial(hidden=(40, 30), epochs=6), storage))
    val = load_task(trial().stage.benchmark, 1).val
    assert correct_predictions(network_of(built, storage), val.inputs, val.labels, 1, 100) == built.val_correct
    assert built.val_correct == search.candidates[search.chosen].val_correct


class Interrupted(Exception):
    """What ends a commit in a test."""


@pytest.mark.parametrize("kind", ["dense", "images, distilled"])
def test_interrupted_again_and_again_it_ends_in_the_same_bits(trial: Trials, storage: str, kind: str,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    spec = trial(hidden=(30, 24), epochs=4)
    search = dataclasses.replace(SPEC, final_epochs=2)
    if kind == "dense":
        given = arguments(spec, storage, search)
    else:
        spec = images(spec, HeadKind.SINGLE)
        given = arguments(spec, storage, dataclasses.replace(search, step=3.0),
                          teachers=(teacher(spec, storage, epochs=3, hidden=None),))
    whole, seen = commit(*given)
    save, end, writes = Checkpoint.maybe_save, Checkpoint.end, [0]

    def die_at_every_third(write: Callable[[Checkpoint, Interruptible], None]) -> Callable[[Checkpoint, Interruptible], None]:
        def dying(checkpoint: Checkpoint, standing: Interruptible) -> None:
            write(checkpoint, standing)
            writes[0] += 1
            if writes[0] % 3 == 0:
                raise Interrupted
        return dying
    monkeypatch.setattr(Checkpoint, "maybe_save", die_at_every_third(save))
    monkeypatch.setattr(Checkpoint, "end", die_at_every_third(end))
    deaths = 0
    while True:
        try:
            built, again = commit(*given, ALWAYS)
            break
        except Interrupted:
            deaths += 1
    assert deaths > 5
    assert built.artifact == whole.artifact and unclocked(again) == unclocked(seen)
    assert list(Checkpoints(storage).stored()) == [], "what they were for is safe"


def test_the_last_neuron_of_a_layer_stays_where_no_other_is_active(trial: Trials, storage: str) -> None:
    """Of the second task's first layer all may go: its rows read what the first task has learnt."""
    anything = dataclasses.replace(SPEC, margin_points="100", step=0.5)
    first, _ = commit(*arguments(trial(hidden=(30, 20), epochs=2), storage))
    spec = trial(hidden=(30, 20), epochs=2, task=2, base=first.artifact.digest)
    built, search = commit(*arguments(spec, storage, anything, ((1, first.artifact.digest),)))
    assert search.candidates[-1].neurons == (0, 1)
    network = network_of(built, storage)
    assert bool(torch.isfinite(network.hidden[0].weight).all())
