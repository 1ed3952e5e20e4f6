"""What installs and deploys the project holds together: pins, entry point, containers."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(text) for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])]
PINS = {canonicalize_name(pin.name): pin for pin in (
    Requirement(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#"))}
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_has_a_pin_inside_its_range(requirement: Requirement) -> None:
    (pin,) = PINS[canonicalize_name(requirement.name)].specifier
    assert pin.operator == "==" and requirement.specifier.contains(pin.version)


def test_pins_are_exact_portable_and_without_addresses() -> None:
    for pin in PINS.values():
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "+" not in specifier.version and pin.url is None


def test_the_command_of_the_readme_is_installed() -> None:
    assert PROJECT["scripts"] == {"clnp": "orchestrator.cli.main:main"}


@pytest.mark.parametrize("script", [".ci/run"])
def test_shell_scripts_parse(script: str) -> None:
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


def test_make_explains_itself_and_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    shown = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets
    missing = [name for name in targets[1].split() if name not in ("help", "install") and f"make {name} " not in shown]
    assert not missing
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    refused = subprocess.run(["make", "--silent", "install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
                             cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert refused.stderr.splitlines()[:2] == [
        f"error: {old} is missing or older than Python 3.11: Python 3.9.2",
        "install Python 3.11 or newer, or name one: make install PYTHON=python3.11"]
    assert not (tmp_path / "venv").exists()


class TestCompose:
    def test_images_are_pinned_to_a_patch_release(self) -> None:
        images = [service["image"] for service in COMPOSE["services"].values()]
        base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        assert base
        assert all(re.search(r":\d+\.\d+", image) for image in (*images, base[1]))
        assert f"clnp:{PROJECT['version']}" in images

    def test_secrets_come_from_the_environment_and_are_required(self) -> None:
        for secret in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"):
            uses = re.findall(rf"\$\{{{secret}(.*?)\}}", COMPOSE_TEXT)
            assert uses and all(use.startswith(":?") for use in uses)

    def test_only_the_driver_can_write_to_the_database(self) -> None:
        holders = {name for name, service in COMPOSE["services"].items() if "CLNP_DB_URL" in service["environment"]}
        assert holders == {"driver"}

    def test_every_node_of_the_cluster_shares_token_artifacts_and_data(self) -> None:
        for name in ("ray-head", "ray-worker", "driver"):
            service = COMPOSE["services"][name]
            assert {"RAY_AUTH_TOKEN", "CLNP_STORAGE", "CLNP_DATA"} <= set(service["environment"])
            assert "artifacts:/artifacts" in service["volumes"]

    def test_the_driver_waits_for_what_it_needs(self) -> None:
        services = COMPOSE["services"]
        assert services["driver"]["depends_on"] == {
            name: {"condition": "service_healthy"} for name in ("postgres", "ray-head")}
        assert all("healthcheck" in services[name] for name in services["driver"]["depends_on"])

    def test_the_image_gets_all_that_the_build_copies(self) -> None:
        allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
        copies = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {source for line in copies for source in line.split()} == set(allowed)




def test_no_page_holds_a_placeholder() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        assert "@@" not in page.read_text(encoding="utf-8"), page
