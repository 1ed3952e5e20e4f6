"""Both executors give the same trials and commits, whatever a run consists of."""

from pathlib import Path
from typing import Any

import pytest

from db.states import RunState
from orchestrator.config.config import Config
from tests.orchestrator.laboratory import Laboratory, small

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")

DRAWN: dict[str, Any] = {"alpha": {"low": 1e-6, "high": 1e-3}, "learning_rate": {"low": 1e-3, "high": 1e-1}, "samples": 4}
TUNING: dict[str, Any] = {"epochs": 1, "learning_rate": 0.001, "alpha": 0, "distillation": {"copies": 1}}
TEACHERS: dict[str, Any] = {"count": 2, "hidden": [48], "epochs": 3, "batch_size": 64, "learning_rate": 0.005}


def results(laboratory: Laboratory) -> list[Any]:
    """Of every trial what determines it and what came of it, and the digests of all commits."""
    trials = [(row.task, row.number, row.key, row.role, row.alpha, row.learning_rate, row.seed, row.state, row.val_correct,
               row.artifact_digest, row.verdict) for row in laboratory.trials("small")]
    return [*trials, laboratory.digests("small")]


@pytest.mark.parametrize("sections", [
    pytest.param({}, id="a grid"),
    pytest.param({"resources": {"trials_per_pack": 2}, "benchmark": {"tasks": 1}, "fine_tuning": TUNING, "teachers": TEACHERS},
                 id="packs, teachers and fine-tuning"),
    pytest.param({"sweep": {**DRAWN, "sampler": "tpe"}, "benchmark": {"tasks": 1}}, id="tpe"),
    pytest.param({"sweep": {**DRAWN, "sampler": "nsga2"}, "benchmark": {"tasks": 1}}, id="nsga2", marks=pytest.mark.whole),
    pytest.param({"method": "ewc", "baseline": {"strength": 50.0, "fisher_samples": 50}}, id="a baseline"),
])
def test_results_and_digests_do_not_depend_on_the_executor(tmp_path: Path, sections: dict[str, Any]) -> None:
    method = sections.get("method")
    config = small(**{key: value for key, value in sections.items() if key not in ("method", "baseline")})
    if method is not None:
        config = Config.parse({**config.resolved(), "method": method, "baseline": sections["baseline"]})
    found = []
    for executor in ("inline", "ray"):
        laboratory = Laboratory(tmp_path / executor, executor)
        laboratory.folder.mkdir()
        assert laboratory.launch(config).state is RunState.COMPLETED
        found.append(results(laboratory))
    assert found[0] == found[1] and found[0][-1]
