"""Connections: what this machine cannot offer, and an existing cluster that gets code and the user's module shipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.driver.cluster import SHIPPED, _stage_code, connect
from tests.messages import naming
from tests.orchestrator.laboratory import Laboratory, small

ROOT = Path(__file__).resolve().parents[3]

OWN_BENCHMARK = '''import os
import torch
from clnp import Samples, TaskData

class Own:
    tasks = 2
    def __init__(self, seed): self.seed = seed
    def task(self, number):
        generator = torch.Generator().manual_seed(self.seed + number)
        def part(size):
            inputs = torch.rand(size, 6, generator=generator)
            return Samples(inputs, (inputs[:, number] > 0.5).to(torch.int64))
        return TaskData(part(200), part(100), part(100), 2)
'''


def test_what_is_shipped_suffices_for_a_module_that_imports_the_facade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_lab.py").write_text(OWN_BENCHMARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    _stage_code(shipped, "own_lab:Own")
    program = f"import sys; sys.path.insert(0, {str(shipped)!r}); import clnp, own_lab; print(clnp.__file__, own_lab.Own.tasks)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(shipped / "clnp" / "__init__.py"), "2"]


@pytest.mark.slow
def test_the_cluster_of_ray_address_gets_code_and_the_users_module(tmp_path: Path,
                                                                   cluster_elsewhere: dict[str, str]) -> None:
    (tmp_path / "my_lab.py").write_text(OWN_BENCHMARK)
    (tmp_path / "own.yaml").write_text(
        "name: own\nbenchmark: {name: 'my_lab:Own', tasks: 2}\nnetwork: {hidden: [8, 6]}\ntraining: {epochs: 2}\n"
        "sweep: {alpha: [1e-4], learning_rate: [0.01, 0.02]}\nselection: {margin_points: 5}\n")
    laboratory = Laboratory(tmp_path, "ray")
    environment = cluster_elsewhere | {"CLNP_DB_URL": laboratory.url, "CLNP_STORAGE": laboratory.storage,
                                       "PYTHONPATH": str(ROOT)}
    driver = subprocess.run([sys.executable, "-m", "orchestrator.cli", "launch", "own.yaml"], cwd=tmp_path,
                            env=environment, capture_output=True, text=True, timeout=300)
    assert driver.returncode == 0, driver.stderr
    assert len(laboratory.digests("own")) == 2


def test_a_launch_without_a_cluster_leaves_nothing_behind(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path, "ray")
    program = ("from clnp_core.errors import RunFailedError\nfrom orchestrator import api\n"
               "from tests.orchestrator.laboratory import small\n"
               f"try:\n    api.launch(small(), url={laboratory.url!r}, storage={laboratory.storage!r})\n"
               "except RunFailedError as error:\n    print('refused')")
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120,
                            env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1", "PYTHONPATH": str(ROOT)})
    assert answer.stdout.strip() == "refused", answer.stderr
    assert laboratory.read(lambda reads: reads.runs()) == []


@pytest.mark.usefixtures("ray_with_logical_gpus")
@pytest.mark.parametrize(("resources", "parallel"), [
    ({"cpus_per_trial": 1}, 2), ({"cpus_per_trial": 0.5}, 4), ({"cpus_per_trial": 0.25, "gpus_per_trial": 0.5}, 4),
    ({"cpus_per_trial": 0.1, "gpus_per_trial": 1}, 2), ({"cpus_per_trial": 0.1, "max_concurrent_trials": 3}, 3)])
def test_how_many_trials_fit(resources: dict[str, float], parallel: int) -> None:
    with connect(small(resources={"max_concurrent_trials": None} | resources)) as cluster:
        assert cluster.parallel_trials == parallel


@pytest.mark.usefixtures("ray_with_logical_gpus")
@pytest.mark.parametrize("package", SHIPPED)
def test_a_file_that_workers_of_a_connected_cluster_would_import_in_our_place_is_named(
        package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{package}.py").write_text("raise SystemError\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=naming(package)), \
            connect(small()):
        pass


def test_what_this_machine_can_never_offer_is_refused() -> None:
    program = ("from orchestrator.driver.cluster import connect\nfrom tests.orchestrator.laboratory import small\n"
               "from clnp_core.errors import ConfigError\n"
               "try:\n    connect(small(resources={'gpus_per_trial': 64})).__enter__()\n"
               "except ConfigError as error:\n    print(error)")
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120,
                            env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert answer.stdout.startswith("a trial requests 1 CPU and 64 GPUs, this machine has"), answer.stderr
    assert "lower resources.cpus_per_trial or gpus_per_trial, or name a cluster in RAY_ADDRESS" in answer.stdout
