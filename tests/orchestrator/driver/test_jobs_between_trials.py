"""The jobs between trials on real Ray workers: one that hangs is ended once, one whose worker dies is started again."""

import time
from pathlib import Path

import pytest

from clnp_core.errors import RunFailedError
from db.states import RunState
from tests.messages import tells
from tests.orchestrator.driver.test_tuner import config
from tests.orchestrator.laboratory import Laboratory
from workers.ray.remote_jobs import fetch, submit

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")


@pytest.mark.whole
def test_a_job_that_hangs_is_ended_and_not_tried_again_by_itself(tmp_path: Path) -> None:
    (tmp_path / "hang-job").touch()
    laboratory, began = Laboratory(tmp_path, "ray"), time.monotonic()
    with pytest.raises(RunFailedError) as caught:
        laboratory.launch(config(tmp_path, resources={"job_time_limit_seconds": 10}))
    assert tells(caught.value, 10, "resources.job_time_limit_seconds")
    assert time.monotonic() - began < 90
    assert len((tmp_path / "hung").read_text().splitlines()) == 1
    row = laboratory.read(lambda reads: reads.run("small"))
    assert row.state is RunState.FAILED
    (tmp_path / "hang-job").unlink()
    assert laboratory.resume("small").state is RunState.COMPLETED


@pytest.mark.parametrize("limit", [None, pytest.param(120, marks=pytest.mark.whole)])
def test_a_job_whose_worker_is_killed_is_started_again(tmp_path: Path, limit: float | None) -> None:
    (tmp_path / "die-job").touch()
    laboratory = Laboratory(tmp_path, "ray")
    assert laboratory.launch(config(tmp_path, resources={"job_time_limit_seconds": limit})).state is RunState.COMPLETED
    assert not (tmp_path / "die-job").exists()


def _raises(message: str) -> None:
    raise RuntimeError(message)


@pytest.mark.parametrize(("message", "expected"), [
    ("it broke\nCompile with `TORCH_USE_CUDA_DSA`\n", ("RuntimeError", "it broke")),
    ("CUDA error: out of memory\nmore", ("CUDA error: out of memory", "resources.gpus_per_trial")),
])
def test_what_a_job_raises_is_told_in_its_own_first_words(message: str, expected: tuple[str, ...]) -> None:
    with pytest.raises(RunFailedError) as caught:
        fetch(submit(_raises, message, cpus=0, gpus=0), lambda: False)
    assert tells(caught.value, *expected)
