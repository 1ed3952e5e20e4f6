"""On a GPU: a training whose steps are recorded as graphs is the training that takes them one kernel after the other."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest
import torch

import workers.baselines.joint
import workers.training.loop
from clnp_core.architecture import HeadKind
from clnp_core.network import Network
from tests.workers.image_trials import images
from tests.workers.jobs.test_commit_job import TUNING, commit, teacher
from workers.jobs.baseline_job import run_whole_trial
from workers.jobs.trial_job import run_trial
from workers.methods import Method, MethodSpec
from workers.spec import DistillationSpec, Schedule, TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network
from workers.training.loop import result_of

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")]
Trials = Callable[..., TrialSpec]


def with_method(trial: TrialSpec, method: MethodSpec, base: str | None = None) -> TrialSpec:
    """The same trial under another method."""
    stage = dataclasses.replace(trial.stage, method=method, base_digest=base, task=1 if base is None else 2)
    return dataclasses.replace(trial, stage=stage, alpha=(0.0,) * len(trial.alpha))


VARIANTS: dict[str, Callable[[Trials], TrialSpec]] = {
    "adam": lambda trial: trial(epochs=6, milestones=(3,)),
    "cosine": lambda trial: trial(epochs=6, schedule=Schedule.COSINE),
    "adamw, tf32": lambda trial: trial(epochs=6, optimizer="adamw", precision="tf32"),
    "bfloat16": lambda trial: trial(epochs=6, precision="bfloat16"),
    "images, single-head": lambda trial: images(trial(epochs=6), HeadKind.SINGLE),
    "images, multi-head": lambda trial: images(trial(epochs=6), HeadKind.MULTI),
    "from scratch": lambda trial: with_method(trial(epochs=6), MethodSpec(Method.SCRATCH)),
    "joint": lambda trial: with_method(trial(epochs=6, task=2), MethodSpec(Method.JOINT, tasks=2), None),
}


def trained(spec: TrialSpec, storage: str) -> tuple[str, Network]:
    """Its artifact, and the network in it."""
    steps = run_trial(spec, storage, Decimal(1)) if spec.stage.method is None else run_whole_trial(spec, storage)
    digest = result_of(steps).artifact.digest
    return digest, get_network(ArtifactStore(storage), digest)[0]


@pytest.fixture
def without_graphs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on no step is recorded."""
    def forbid() -> None:
        for module in (workers.training.loop, workers.baselines.joint):
            monkeypatch.setattr(module, "takes_graphs", lambda optimizer: False)
    return forbid


@pytest.mark.parametrize("variant", VARIANTS)
def test_graphs_change_no_bit(variant: str, trial: Trials, storage: str, without_graphs: Callable[[], None]) -> None:
    recorded = trained(VARIANTS[variant](trial), storage)[0]
    assert trained(VARIANTS[variant](trial), storage)[0] == recorded, "it repeats"
    without_graphs()
    assert trained(VARIANTS[variant](trial), storage)[0] == recorded


@pytest.mark.parametrize("method", [MethodSpec(Method.EWC, 100.0), MethodSpec(Method.SI, 1.0)])
def test_what_holds_weights_is_recorded_too(method: MethodSpec, trial: Trials, storage: str,
                                            without_graphs: Callable[[], None]) -> None:
    first = with_method(trial(epochs=6, head=HeadKind.SHARED), method)
    base = trained(first, storage)[0]
    second = with_method(trial(epochs=6, head=HeadKind.SHARED), method, base)
    recorded = trained(second, storage)[0]
    free = trained(with_method(trial(epochs=6, head=HeadKind.SHARED), MethodSpec(Method.SEQUENTIAL), base), storage)[0]
    without_graphs()
    assert trained(first, storage)[0] == base
    assert trained(second, storage)[0] == recorded != free


@pytest.mark.parametrize("head", [HeadKind.SINGLE, HeadKind.MULTI])
def test_distillation_is_recorded_too(head: HeadKind, trial: Trials, storage: str, without_graphs: Callable[[], None]) -> None:
    """Mixed inputs and soft labels are looked up inside the graph."""
    spec = images(trial(epochs=4), head)
    taught = dataclasses.replace(TUNING, alpha=spec.alpha, distillation=DistillationSpec(2.0, 0.3, 0.5, 3, (
        teacher(spec, storage, hidden=None), teacher(spec, storage, seed=21, hidden=None))))
    recorded = commit(spec, storage, [], Decimal(6), taught).artifact
    assert commit(spec, storage, [], Decimal(6), taught).artifact == recorded, "it repeats"
    without_graphs()
    assert commit(spec, storage, [], Decimal(6), taught).artifact == recorded
