"""The best trade-off of one trial, against a canonical evaluation of every candidate."""

import itertools
from collections.abc import Callable
from decimal import Decimal

import pytest

from clnp_core.capacity import free_neurons
from clnp_core.errors import ArtifactError
from clnp_core.evaluation import evaluate
from clnp_core.pruning import prune
from clnp_core.selection import PrunedTrial, ThresholdMode, required_correct
from clnp_core.tradeoff import TradeOff
from tests.workers.training.test_loop import finish
from workers.data.loader import load_task
from workers.jobs import trial_job
from workers.spec import TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network

MARGIN = Decimal(5)


@pytest.mark.parametrize("mode", list(ThresholdMode))
@pytest.mark.parametrize("weight", ["0", "0.5", "3", "100000"])
def test_it_is_the_best_of_the_curve_and_the_exact_threshold(
        trial: Callable[..., TrialSpec], storage: str, mode: ThresholdMode, weight: str) -> None:
    spec = trial(number=3)
    stage, (_, result) = spec.stage, finish(trial_job.run_trial(spec, storage, MARGIN))
    digest, required = result.artifact.digest, required_correct(result.val_correct, result.val_total, MARGIN)
    judged_by = TradeOff(result.val_total, result.hidden_total, 5, Decimal(weight))
    curve = [(point.threshold, point.val_correct, point.free_neurons) for point in result.curve]
    found = trial_job.weigh(stage, 3, digest, storage, required, mode, curve, judged_by)

    network, contents = get_network(ArtifactStore(storage), digest)
    val, activities = load_task(stage.benchmark, 1).val, (contents.tensors["activity.1"], contents.tensors["activity.2"])
    exact = trial_job.scan(stage, digest, storage, required, mode).thresholds
    candidates = []
    for thresholds in itertools.chain([exact], ((threshold,) * 2 for threshold, _, _ in curve)):
        pruned = prune(network, 1, activities, thresholds)
        correct = evaluate(pruned, val.inputs, val.labels, 1, stage.evaluation_batch_size).correct
        candidates.append(PrunedTrial(3, thresholds, correct, free_neurons(pruned)))
    assert found == max((one for one in candidates if one.val_correct >= required), key=judged_by.rank)


def test_a_curve_that_promises_too_much_is_not_believed(trial: Callable[..., TrialSpec], storage: str) -> None:
    spec = trial()
    stage, (_, result) = spec.stage, finish(trial_job.run_trial(spec, storage, MARGIN))
    digest, required = result.artifact.digest, required_correct(result.val_correct, result.val_total, MARGIN)
    judged_by = TradeOff(result.val_total, result.hidden_total, 1, Decimal(1))
    everything = [(1e9, result.val_total, result.hidden_total)]  # nothing left, all correct
    exact = trial_job.scan(stage, digest, storage, required, ThresholdMode.SHARED)
    found = trial_job.weigh(stage, 0, digest, storage, required, ThresholdMode.SHARED, everything, judged_by)
    assert found == PrunedTrial(0, exact.thresholds, exact.val_correct, exact.free_neurons)


def test_a_trial_whose_weights_are_gone_cannot_be_weighed(trial: Callable[..., TrialSpec], storage: str) -> None:
    with pytest.raises(ArtifactError):
        trial_job.weigh(trial().stage, 0, "0" * 64, storage, 1, ThresholdMode.SHARED, [], TradeOff(1, 1, 1, Decimal(1)))
