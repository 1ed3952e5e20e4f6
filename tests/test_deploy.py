"""deploy/: each file as far as it can be tried without the system that it is for; the Slurm script with a real Ray."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED_RAY = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)


def environment(*folders: Path, **variables: str) -> dict[str, str]:
    """An environment for a script: commands in these folders first, no settings of this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLNP_", "RAY_", "SLURM_"))}
    path = ":".join([*map(str, folders), str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), **variables}


def command(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)


class TestRayJob:
    @pytest.fixture
    def documents(self) -> list[dict[str, Any]]:
        return list(yaml.safe_load_all((DEPLOY / "kuberay-rayjob.yaml").read_text(encoding="utf-8")))

    @pytest.fixture
    def pods(self, documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        cluster = documents[1]["spec"]["rayClusterSpec"]
        groups = {"head": cluster["headGroupSpec"], **{group["groupName"]: group for group in cluster["workerGroupSpecs"]}}
        return {name: group["template"]["spec"] for name, group in groups.items()}

    def test_a_claim_and_a_job_that_ends_with_its_cluster(self, documents: list[dict[str, Any]]) -> None:
        claim, job = documents
        assert (claim["kind"], claim["spec"]["accessModes"]) == ("PersistentVolumeClaim", ["ReadWriteMany"])
        assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
        assert job["spec"]["shutdownAfterJobFinishes"] and job["spec"]["backoffLimit"] > 0
        program, config, run = job["spec"]["entrypoint"].split()
        assert (ROOT / config.removeprefix("/app/")).is_file() and re.fullmatch(r"[a-z-]+", run)
        assert f"COPY deploy/drive.sh /usr/local/bin/{program}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")

    def test_the_cluster_is_of_the_pinned_ray_and_shares_a_token(self, documents: list[dict[str, Any]]) -> None:
        cluster = documents[1]["spec"]["rayClusterSpec"]
        assert PINNED_RAY is not None and cluster["rayVersion"] == PINNED_RAY[1]
        assert cluster["authOptions"] == {"mode": "token"}
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0", "no trial beside the driver's password"

    def test_the_password_is_in_a_secret_and_on_the_head_alone(self, pods: dict[str, dict[str, Any]]) -> None:
        text = (DEPLOY / "kuberay-rayjob.yaml").read_text(encoding="utf-8")
        for name, pod in pods.items():
            (container,) = pod["containers"]
            variables = {entry["name"]: entry for entry in container.get("env", [])}
            assert ("CLNP_DB_URL" in variables) == (name == "head")
            if name == "head":
                assert variables["CLNP_DB_URL"] == {
                    "name": "CLNP_DB_URL", "valueFrom": {"secretKeyRef": {"name": "clnp", "key": "CLNP_DB_URL"}}}
        assert re.findall(r"postgresql\S+", text) == ["postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE"]

    def test_every_node_has_the_image_the_storage_and_limits(self, pods: dict[str, dict[str, Any]]) -> None:
        assert set(pods) == {"head", "cpu", "gpu"}
        for pod in pods.values():
            (container,), (volume,) = pod["containers"], pod["volumes"]
            assert container["image"] == f"clnp:{PROJECT['version']}"
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            assert volume["persistentVolumeClaim"] == {"claimName": "clnp"}
            assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/clnp"}]
        (gpu,) = pods["gpu"]["containers"]
        assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"


class TestClusterLauncher:
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text(encoding="utf-8"))
        return config

    def test_it_is_valid_by_rays_own_schema_and_ray_fills_it_out(self, config: dict[str, Any]) -> None:
        from ray.autoscaler._private.util import prepare_config, validate_config

        schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text(encoding="utf-8"))
        jsonschema.validate(config, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**config, "min_worker": 2}, schema)
        prepared = prepare_config(config)
        validate_config(prepared)
        assert prepared["max_workers"] == 2

    def test_it_holds_no_secret_and_every_node_gets_the_token(self, config: dict[str, Any]) -> None:
        assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
        assert "PASSWORD" not in yaml.safe_dump(config) and "CLNP_DB_URL" not in yaml.safe_dump(config)
        starts = [line for key in ("head_start_ray_commands", "worker_start_ray_commands") for line in config[key]
                  if "ray start" in line]
        assert len(starts) == 2 and all(line.startswith("RAY_AUTH_MODE=token ") for line in starts)
        assert "--num-cpus=0" in starts[0]


NO_DATABASE = "echo 'error: there is no database at sqlite:////x/clnp.db yet' >&2; exit 5"
NO_RUNS = "echo 'error: postgresql://ada:***@h/clnp holds no runs yet' >&2; exit 5"
AWAY = "echo 'error: the PostgreSQL server of h cannot be reached' >&2; exit 5"


class TestDrive:
    """deploy/drive.sh, with a clnp that only tells how it was called."""

    def drive(self, folder: Path, clnp: str, *arguments: str) -> tuple[int, list[str]]:
        folder.mkdir(exist_ok=True)
        command(folder / "bin", "clnp", f'echo "$*" >> "{folder}/calls"\n{clnp}')
        command(folder / "bin", "sleep", "exit 0")
        done = subprocess.run([DEPLOY / "drive.sh", *arguments], cwd=folder, env=environment(folder / "bin"), timeout=60)
        return done.returncode, (folder / "calls").read_text().splitlines()

    def test_a_run_that_is_not_there_is_launched(self, tmp_path: Path) -> None:
        code, calls = self.drive(tmp_path, '[ "$1" != status ] || exit 4', "a.yaml", "mine", "--set", "seed=3")
        assert (code, calls) == (0, ["status mine", "launch a.yaml --name mine --set seed=3"])

    def test_a_run_that_is_there_is_resumed(self, tmp_path: Path) -> None:
        assert self.drive(tmp_path, "exit 0", "a.yaml", "mine") == (0, ["status mine", "resume mine"])

    @pytest.mark.parametrize("code", [10, 130])
    def test_other_ends_are_passed_on(self, tmp_path: Path, code: int) -> None:
        assert self.drive(tmp_path, f'[ "$1" = status ] || exit {code}', "a.yaml", "mine") == (
            code, ["status mine", "resume mine"])

    def test_it_waits_for_the_lease_of_a_dead_driver(self, tmp_path: Path) -> None:
        clnp = f'[ "$1" = status ] || [ $(wc -l < "{tmp_path}/calls") -ge 6 ] || exit 8'
        assert self.drive(tmp_path, clnp, "a.yaml", "mine") == (0, ["status mine", "resume mine"] * 3)

    def test_it_gives_up_on_a_driver_that_lives(self, tmp_path: Path) -> None:
        assert self.drive(tmp_path, '[ "$1" = status ] || exit 8', "a.yaml", "mine") == (8, ["status mine", "resume mine"] * 12)

    @pytest.mark.parametrize("refusal", [NO_DATABASE, NO_RUNS])
    def test_the_first_launch_makes_the_database(self, tmp_path: Path, refusal: str) -> None:
        clnp = f'[ "$1" != status ] || {{ {refusal}; }}'
        assert self.drive(tmp_path, clnp, "a.yaml", "mine") == (0, ["status mine", "launch a.yaml --name mine"])
        assert self.drive(tmp_path / "2", f"{clnp}; exit 5", "a.yaml", "mine") == (
            5, ["status mine", "launch a.yaml --name mine"]), "a driver has waited for its database itself"

    def test_clnp_says_so_itself(self, tmp_path: Path) -> None:
        command(tmp_path / "bin", "clnp", f'[ "$1" = launch ] || exec "{sys.executable}" -m orchestrator.cli "$@"\n'
                f'echo "$*" >> "{tmp_path}/calls"')
        for url in (f"sqlite:///{tmp_path}/nowhere.db", f"sqlite:///{tmp_path}/empty.db"):
            (tmp_path / "empty.db").touch()
            subprocess.run([DEPLOY / "drive.sh", "a.yaml", "mine"], cwd=tmp_path, timeout=60, check=True,
                           env=environment(tmp_path / "bin", CLNP_DB_URL=url))
        assert (tmp_path / "calls").read_text() == "launch a.yaml --name mine\n" * 2

    def test_a_database_that_is_away_is_asked_again_and_nothing_is_launched(self, tmp_path: Path) -> None:
        clnp = f'[ "$1" = resume ] || [ $(wc -l < "{tmp_path}/calls") -ge 3 ] || {{ {AWAY}; }}'
        assert self.drive(tmp_path, clnp, "a.yaml", "mine") == (0, ["status mine"] * 3 + ["resume mine"])
        assert self.drive(tmp_path / "2", AWAY, "a.yaml", "mine") == (5, ["status mine"] * 12)

    def test_another_refusal_is_passed_on(self, tmp_path: Path) -> None:
        assert self.drive(tmp_path, "exit 2", "a.yaml", "mine") == (2, ["status mine"])

    @pytest.mark.parametrize("during", ["status", "sleep"])
    def test_whoever_asked_to_stop_gets_no_driver(self, tmp_path: Path, during: str) -> None:
        calls, slow = tmp_path / "calls", f"touch {tmp_path}/begun; exec /bin/sleep 30"
        command(tmp_path / "bin", "clnp", f'echo "$1" >> "{calls}"\n[ "$1" != status ] || {{ [ {during} != status ] || '
                f"{{ {slow}; }}; exit 0; }}\nexit 8")
        command(tmp_path / "bin", "sleep", slow)
        script = subprocess.Popen([DEPLOY / "drive.sh", "a.yaml", "mine"], cwd=tmp_path, env=environment(tmp_path / "bin"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        time.sleep(0.2)
        script.send_signal(signal.SIGTERM)
        assert script.wait(timeout=10) == 130
        assert calls.read_text().split() == (["status"] if during == "status" else ["status", "resume"])

    def test_a_signal_reaches_the_driver_which_ends_in_its_own_time(self, tmp_path: Path) -> None:
        command(tmp_path / "bin", "clnp", '[ "$1" != status ] || exit 0\n'
                f"trap 'sleep 1; touch {tmp_path}/clean; exit 130' TERM\ntouch {tmp_path}/begun\n"
                "while :; do sleep 0.1; done")
        script = subprocess.Popen([DEPLOY / "drive.sh", "a.yaml", "mine"], cwd=tmp_path, env=environment(tmp_path / "bin"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        script.send_signal(signal.SIGTERM)
        assert script.wait(timeout=60) == 130 and (tmp_path / "clean").exists()


class TestSlurm:
    """deploy/slurm.sh as Slurm would run it, where two raylets of this machine are the nodes."""

    CONFIG = ("name: digits\nbenchmark: {name: permuted-digits, tasks: 2}\nnetwork: {hidden: [24, 16]}\n"
              "training: {batch_size: 64, epochs: 3}\nsweep: {alpha: [1e-4], learning_rate: [0.003, 0.01]}\n"
              "selection: {margin_points: 2}\n")

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[Path]:
        log = f'echo "$(basename "$0") $*" >> "{tmp_path}/calls"\n'
        command(tmp_path / "bin", "srun", f"{log}"
                f'while [[ $1 == --* ]]; do shift; done\n[ -z "${{CLNP_DB_URL:-}}" ] || touch "{tmp_path}/leaked"\nexec "$@"')
        command(tmp_path / "bin", "scontrol", f"{log}[ \"$1 $2\" != 'show hostnames' ] || printf 'node1\\nnode2\\n'")
        command(tmp_path / "bin", "clnp", f'exec "{sys.executable}" -m orchestrator.cli "$@"')
        (tmp_path / "deploy").symlink_to(DEPLOY)
        (tmp_path / "digits.yaml").write_text(self.CONFIG)
        yield tmp_path

    def submit(self, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
        slurm = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_PER_TASK": "1",
                 "SLURM_SUBMIT_DIR": str(folder), "CLNP_DB_URL": f"sqlite:///{folder}/clnp.db",
                 "CLNP_STORAGE": str(folder / "artifacts")}
        return subprocess.Popen([DEPLOY / "slurm.sh", *arguments], cwd=folder, env=environment(folder / "bin", **slurm),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_it_says_how_it_is_used(self, folder: Path) -> None:
        job = self.submit(folder, "digits.yaml")
        _, err = job.communicate(timeout=60)
        assert job.returncode != 0 and "usage: sbatch slurm.sh CONFIG RUN" in err

    @pytest.mark.slow
    def test_a_job_whose_time_is_over_stops_queues_itself_again_and_goes_on(self, folder: Path) -> None:
        job = self.submit(folder, "digits.yaml", "mine")
        lines = []
        for line in job.stderr or ():
            lines.append(line)
            if line.startswith("  2/2 "):  # all trials of task 1 are recorded
                job.send_signal(signal.SIGUSR1)
                break
        out, err = job.communicate(timeout=600)
        assert job.returncode == 0, "".join(lines) + err
        assert "Ray runs on 2 of 2 nodes" in out
        calls = (folder / "calls").read_text().splitlines()
        assert [call.split()[0:2] for call in calls if call.startswith("scontrol")] == [
            ["scontrol", "show"], ["scontrol", "requeue"]]
        steps = [re.findall(r"--nodelist=(\w+) ray start (--\w+)", call) for call in calls if call.startswith("srun")]
        assert steps == [[("node1", "--head")], [("node2", "--address")]]

        job = self.submit(folder, "digits.yaml", "mine")
        out, err = job.communicate(timeout=600)
        assert job.returncode == 0, err
        assert "recorded, not retrained" in err and "Run mine is completed: 2 of 2 tasks committed." in out
        assert len([call for call in (folder / "calls").read_text().splitlines() if "requeue" in call]) == 1
        assert not (folder / "leaked").exists(), "no worker may see the address of the database"
