"""A config is read in a process of its own, with all of its mistakes, and never as it was before."""

from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.jobs.config_subprocess import read_apart
from tests.messages import naming, tells


def test_it_is_the_config_that_this_process_would_have_read(values: dict[str, Any]) -> None:
    assert read_apart(values, "other", ["seed=3"]) == Config.parse({**values, "name": "other", "seed": 3})


def test_all_mistakes_come_at_once(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_apart({**values, "training": {"epoch": 1}}, overrides=["seed=x"])
    assert tells(caught.value, 3) and "--set seed" in caught.value.message


def test_a_module_that_ends_the_process_is_an_error_in_words(values: dict[str, Any], tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ending.py").write_text("import os\nprint('out of the way', flush=True)\nos._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    with pytest.raises(ConfigError, match=naming(3)):
        read_apart({**values, "network": {"name": "ending:network"}})
