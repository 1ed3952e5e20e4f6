"""The job of a pack: rows for every member, the networks stored, an interruption gone on with, what is lost trained again."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest

from clnp_core.architecture import HeadKind
from clnp_core.errors import ArtifactError
from clnp_core.selection import PrunedTrial, Selection, ThresholdMode, TrainedTrial, pick, select
from clnp_core.values import Epoch, FreeWindow, TrialResult
from tests.messages import naming
from tests.workers.image_trials import images
from tests.workers.training.packs.test_pack_loop import packed
from workers.jobs import pack_job, trial_job
from workers.jobs.inputs import activities_of
from workers.spec import Schedule, TrialSpec
from workers.storage.artifacts import ArtifactStore
from workers.storage.checkpoints import Checkpoints
from workers.training.loop import DivergedError
from workers.training.packs.pack_plan import pack_key

Trials = Callable[..., TrialSpec]
MARGIN, ALWAYS = Decimal(1), 1e-9


def results(pack: list[TrialSpec], storage: str, every: float | None = None) -> dict[int, TrialResult | DivergedError]:
    told = pack_job.run_pack(pack, storage, MARGIN, pack_job.checkpoint_of(pack, storage, every))
    return {number: news for number, news in told if not isinstance(news, Epoch)}


def digests(found: dict[int, TrialResult | DivergedError]) -> dict[int, str]:
    return {number: result.artifact.digest for number, result in found.items() if isinstance(result, TrialResult)}


def test_every_member_has_a_result_of_its_own(trial: Trials, storage: str) -> None:
    pack = packed(*(trial(seed=seed, optimizer="sgd", learning_rate=rate) for seed, rate in [(1, 0.01), (2, 1e30), (3, 0.02)]))
    found = results(pack, storage)
    assert list(found) == [0, 1, 2] and isinstance(found[1], DivergedError)
    for number, digest in digests(found).items():
        contents = ArtifactStore(storage).get(digest)
        assert contents.metadata["key"] == pack[number].key()
        assert len(activities_of(contents)) == 2
    one = found[0]
    assert isinstance(one, TrialResult) and one.curve and 0 < one.train_seconds < one.total_seconds


def test_only_what_is_wanted_is_told_and_stored(trial: Trials, storage: str) -> None:
    pack = packed(*(trial(seed=seed, epochs=2) for seed in (1, 2, 3)))
    whole = digests(results(pack, f"{storage}-whole"))
    told = list(pack_job.run_pack(pack, storage, MARGIN, wanted=[1]))
    assert [type(news) for _, news in told] == [Epoch, Epoch, TrialResult] and {number for number, _ in told} == {1}
    assert [digest for digest, _ in ArtifactStore(storage).stored()] == [whole[1]]


def test_a_pack_of_one_is_the_plain_loop(trial: Trials, storage: str) -> None:
    steps, told = trial_job.run_trial(trial(), storage, MARGIN), list(pack_job.run_pack([trial()], storage, MARGIN))
    alone = [dataclasses.replace(epoch, seconds=0.0) for epoch in steps]
    assert [dataclasses.replace(news, seconds=0.0) for _, news in told if isinstance(news, Epoch)] == alone
    assert isinstance(told[-1][1], TrialResult)
    diverging = trial(optimizer="sgd", learning_rate=1e30)
    [(number, diverged)] = pack_job.run_pack([dataclasses.replace(diverging, number=4)], storage, MARGIN)
    assert number == 4 and isinstance(diverged, DivergedError)


@pytest.mark.parametrize("kind", ["dense", "cosine", "window", "early stopping", "one diverges", "images and dropout"])
@pytest.mark.parametrize("told_before", [2, 5])
def test_an_interrupted_pack_goes_on_to_the_same_bits(trial: Trials, storage: str, kind: str, told_before: int,
                                                      tmp_path: object) -> None:
    made: dict[str, list[TrialSpec]] = {
        "dense": [trial(seed=seed, epochs=4, milestones=(2,)) for seed in (1, 2)],
        "cosine": [trial(seed=seed, epochs=4, learning_rate=0.01 * seed, schedule=Schedule.COSINE) for seed in (1, 2)],
        "window": [trial(seed=seed, epochs=4, free_window=FreeWindow((9, 6), 3)) for seed in (1, 2)],
        "early stopping": [trial(seed=1, epochs=12, patience=1, learning_rate=0.05), trial(seed=2, epochs=12, patience=1)],
        "one diverges": [trial(seed=seed, epochs=4, optimizer="sgd", learning_rate=rate)
                         for seed, rate in [(1, 0.01), (2, 1e30)]],
        "images and dropout": [dataclasses.replace(images(trial(epochs=3), HeadKind.MULTI), seed=seed) for seed in (1, 2)]}
    pack = packed(*made[kind])
    whole = list(pack_job.run_pack(pack, f"{tmp_path}/undisturbed", MARGIN))
    checkpoint = pack_job.checkpoint_of(pack, storage, ALWAYS)
    steps = pack_job.run_pack(pack, storage, MARGIN, checkpoint)
    for _ in range(min(told_before, sum(isinstance(news, Epoch) for _, news in whole) - 1)):
        next(steps)
    steps.close()
    assert [key for key, _ in Checkpoints(storage).stored()] == [pack_key([spec.key() for spec in pack])]
    checkpoint = pack_job.checkpoint_of(pack, storage, ALWAYS)
    again = list(pack_job.run_pack(pack, storage, MARGIN, checkpoint))
    assert checkpoint.news() and checkpoint.news() == (), "it says that it goes on"
    assert _without_seconds(again) == _without_seconds(whole)
    assert list(Checkpoints(storage).stored()) == []


def _without_seconds(told: list[tuple[int, object]]) -> list[object]:
    """By trial, because epochs that are told again come trial by trial."""
    found: list[object] = []
    for number, news in told:
        if isinstance(news, Epoch):
            found.append((number, dataclasses.replace(news, seconds=0.0)))
        elif isinstance(news, TrialResult):
            found.append((number, news.artifact.digest, news.val_correct, news.epochs_run, news.curve))
        else:
            found.append((number, str(news)))
    return found


def test_lost_members_are_trained_again_with_their_pack(trial: Trials, storage: str) -> None:
    pack = packed(*(trial(seed=seed) for seed in (1, 2, 3)))
    found = digests(results(pack, storage))
    store = ArtifactStore(storage)
    for number in (0, 2):
        store.remove(found[number])
    pack_job.restore_pack(pack, {2: found[2]}, storage)
    assert {digest for digest, _ in store.stored()} == {found[1], found[2]}, "and nothing that nobody asked for"
    with pytest.raises(ArtifactError, match=naming("trial 1")):
        pack_job.restore_pack(pack, {1: "ab" * 32}, storage)
    with pytest.raises(ArtifactError, match=naming("diverged")):
        diverging = packed(trial(seed=1), trial(seed=2, optimizer="adam", learning_rate=1e38))
        pack_job.restore_pack(diverging, {1: "ab" * 32}, storage)


def test_packs_decide_as_single_trials(trial: Trials, storage: str) -> None:
    """The rule of graceful forgetting on a grid of eight: the same trials within the margin, pruned alike, the same choice."""
    points = [(alpha, rate) for alpha in (1e-5, 3e-4) for rate in (0.0005, 0.002, 0.005, 0.02)]
    grid = [trial(number=number, seed=number, epochs=10, hidden=(60, 40), alpha=(alpha,) * 3, learning_rate=rate)
            for number, (alpha, rate) in enumerate(points)]
    alone = {spec.number: list(pack_job.run_pack([spec], storage, MARGIN))[-1][1] for spec in grid}
    chosen = [_selection(grid, found, storage) for found in (alone, results(packed(*grid), storage))]
    one, other = (selection.chosen for selection in chosen)
    assert chosen[0].pick.picked == chosen[1].pick.picked and 1 < len(chosen[0].pick.picked) < 8
    assert one.number == other.number and abs(one.free_neurons - other.free_neurons) <= 1
    assert one.thresholds == pytest.approx(other.thresholds, rel=0.02)


def _selection(grid: list[TrialSpec], found: dict[int, TrialResult | DivergedError], storage: str) -> Selection:
    trained = {number: result for number, result in found.items() if isinstance(result, TrialResult)}
    counts = [TrainedTrial(number, result.val_correct) for number, result in trained.items()]
    picked = pick(counts, 359, MARGIN)
    pruned = {}
    for number in picked.picked:
        scanned = trial_job.scan(grid[number].stage, trained[number].artifact.digest, storage, picked.required_val_correct,
                            ThresholdMode.SHARED)
        pruned[number] = PrunedTrial(number, scanned.thresholds, scanned.val_correct, scanned.free_neurons)
    return select(counts, [], pruned, 359, MARGIN)
