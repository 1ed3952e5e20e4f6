"""docker-compose.yml: valid by the Compose specification's own schema, and what no schema can say."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from sqlalchemy import make_url

from db.engine import open_database
from db.sql import READING_ROLE, run_sql
from tests.db.conftest import server

__all__ = ["server"]

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = {"ray-head", "ray-worker", "ray-gpu-worker", "driver"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SCHEMA = get_builtin_schema("vendor.compose-spec")
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def holders(setting: str) -> set[str]:
    """The services that are given a setting, by name or inside another one."""
    return {name for name, service in SERVICES.items()
            if any(setting in f"{key}={value}" for key, value in service.get("environment", {}).items())}


def test_the_file_is_valid_by_the_schema_of_the_specification() -> None:
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(("service", "broken"), [
    ("driver", {"restarts": "no"}), ("ray-worker", {"depends_on": {"ray-head": {"condition": "healthy"}}}),
    ("postgres", {"healthcheck": {"tests": []}}), ("ray-gpu-worker", {"deploy": {"resources": {"reserve": {}}}})])
def test_the_schema_finds_a_mistake(service: str, broken: dict[str, Any]) -> None:
    spoilt = {**COMPOSE, "services": {**SERVICES, service: {**SERVICES[service], **broken}}}
    assert not VALIDATOR.is_valid(spoilt)


def test_images_are_pinned_and_all_but_the_database_are_ours() -> None:
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert base and re.search(r":\d+\.\d+\.\d+-", base[1])
    assert {service["image"] for name, service in SERVICES.items() if name != "postgres"} == {f"clnp:{VERSION}"}
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", SERVICES["postgres"]["image"])


def test_secrets_come_from_the_environment_and_are_required() -> None:
    for secret in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"):
        uses = re.findall(rf"\$\{{{secret}(.*?)\}}", TEXT)
        assert uses and all(use.startswith(":?") for use in uses)


def test_a_service_holds_no_secret_that_it_does_not_need() -> None:
    assert holders("CLNP_DB_URL") == {"driver", "mirror"}
    assert holders("POSTGRES_PASSWORD") == {"postgres", "driver", "mirror"}
    assert holders("RAY_AUTH_TOKEN") == holders("RAY_AUTH_MODE=token") == NODES


def test_every_node_of_the_cluster_shares_token_artifacts_and_data() -> None:
    for name in NODES:
        assert {"RAY_AUTH_TOKEN", "CLNP_STORAGE", "CLNP_DATA"} <= set(SERVICES[name]["environment"])
        assert "artifacts:/artifacts" in SERVICES[name]["volumes"]


def test_who_waits_for_a_service_waits_until_it_is_healthy() -> None:
    waits = {name: service["depends_on"] for name, service in SERVICES.items() if "depends_on" in service}
    assert {name: set(needs) for name, needs in waits.items()} == {
        "ray-worker": {"ray-head"}, "ray-gpu-worker": {"ray-head"}, "driver": {"postgres", "ray-head"}, "mirror": {"postgres"}}
    for needs in waits.values():
        for name, condition in needs.items():
            assert condition == {"condition": "service_healthy"} and "healthcheck" in SERVICES[name]


def test_what_serves_has_a_health_check_and_is_served_to_this_machine_alone() -> None:
    for name in ("postgres", "ray-head", "dashboard"):
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(SERVICES[name]["healthcheck"])
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_what_stays_up_is_started_again_and_a_raylet_that_ends_ends_its_container() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == ("no" if name in ("driver", "mirror") else "unless-stopped")
    for name in ("ray-head", "ray-worker", "ray-gpu-worker"):
        assert "--block" in SERVICES[name]["entrypoint"]


def test_named_volumes_are_declared_and_every_one_is_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if re.fullmatch(r"\w+", name)} == set(COMPOSE["volumes"])
    assert SERVICES["mirror"]["volumes"] == SERVICES["dashboard"]["volumes"] == ["mirror:/mirror"]


def test_the_user_of_the_database_is_no_superuser(server: tuple[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that makes it, run against a real server."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    address = make_url(server[0])
    (config,) = SERVICES["postgres"]["configs"]
    script = COMPOSE["configs"][config["source"]]["content"].replace("$$", "$")
    assert config["target"].startswith("/docker-entrypoint-initdb.d/") and config["target"].endswith(".sh")
    made = subprocess.run(["sh", "-e"], input=script, text=True, capture_output=True, check=False, timeout=60, env={
        **os.environ, "PGHOST": str(address.query["host"]), "POSTGRES_PASSWORD": "it's"})
    assert made.returncode == 0, made.stderr
    own = address.set(username="clnp", password="it's", database="clnp").render_as_string(hide_password=False)
    open_database(own, create=True).dispose()
    assert run_sql("SELECT rolsuper FROM pg_roles WHERE rolname = session_user", own).rows == ((False,),)
    assert run_sql("SELECT current_user, count(*) FROM clnp_v_runs", own).rows == ((READING_ROLE, 0),)
    passwords = run_sql("SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL", address.set(database="clnp")).rows
    assert passwords == (("clnp",),)
    assert "POSTGRES_USER" not in SERVICES["postgres"]["environment"]


def test_only_what_everybody_needs_starts_by_itself() -> None:
    assert {name: service.get("profiles") for name, service in SERVICES.items()} == {
        "postgres": None, "ray-head": None, "ray-worker": None, "ray-gpu-worker": ["gpu"], "driver": ["driver"],
        "mirror": ["driver"], "dashboard": ["dashboard"]}


def test_a_gpu_worker_reserves_as_many_gpus_as_it_offers() -> None:
    worker = SERVICES["ray-gpu-worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "${GPUS_PER_WORKER:-1}", "capabilities": ["gpu"]}
    assert f"--num-gpus={device['count']}" in worker["entrypoint"]
    for name in ("ray-head", "ray-worker"):
        assert "--num-gpus=0" in SERVICES[name]["entrypoint"]


def test_the_dashboard_reads_what_the_mirror_writes() -> None:
    assert SERVICES["mirror"]["entrypoint"][-1] == SERVICES["dashboard"]["entrypoint"][-1] == "sqlite:////mirror/optuna.db"


def test_the_image_has_what_the_dashboard_and_a_bucket_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    installed = re.search(r"pip install -c constraints\.txt '\.\[([\w,]+)\]'", recipe)
    assert installed and set(installed[1].split(",")) == set(project["optional-dependencies"]) - {"dev"}
