"""Groups recorded, driven by real drivers on one cluster, stopped and resumed."""

import json
import signal
from pathlib import Path

import pytest
import yaml

from clnp_core.errors import ConfigError, StateError
from db.states import RunState
from orchestrator import api
from orchestrator.driver.launch import free_name
from orchestrator.groups.groups import GroupEnding, resume_group
from orchestrator.groups.runner import PlainGroupProgress
from orchestrator.runs.location import Place
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import TINY, run, start
from tests.orchestrator.groups.conftest import place_in, write_group
from tests.orchestrator.laboratory import SMALL, Heard

ONE_TASK = {**SMALL, "name": "pair", "benchmark": {"name": "permuted-digits", "tasks": 1}, "seeds": [0, 7]}


def test_names_that_are_free(place: Place) -> None:
    with place.reads() as reads:
        assert free_name(reads, "other") == "other"
        assert free_name(reads, "tiny") == "tiny-2", "a group has it"
        assert free_name(reads, "tiny", ["-seed-9"]) == "tiny-2"
        assert free_name(reads, "tin", ["y-seed-0"]) == "tin-2", "a run of a group has it"
        assert free_name(reads, "n" * 100, ["-seed-9"]) == "n" * 93


def test_the_worst_exit_code_counts() -> None:
    assert GroupEnding("lab", {}).exit_code == 0
    assert GroupEnding("lab", {"a": 0, "b": 10, "c": 8}).exit_code == 10
    assert GroupEnding("lab", {"a": 130, "b": 10}).exit_code == 130


def test_a_complete_group_starts_nothing(tmp_path: Path) -> None:
    place, heard = place_in(tmp_path), Heard()
    write_group(place, {0: 2, 1: 2})
    assert resume_group(place, "tiny", PlainGroupProgress(heard)).exit_codes == {}
    assert heard.of("notice") == ["group tiny is complete: there is nothing left to do"]


def test_runs_that_are_over_are_named(place: Place) -> None:
    heard = Heard()
    api.run("tiny-seed-2", url=place.url).cancel()
    assert resume_group(place, "tiny", PlainGroupProgress(heard)).exit_codes == {}
    assert heard.of("notice") == ["run tiny-seed-2 is cancelled and cannot be resumed; `clnp show tiny-seed-2` says why"]


def test_a_background_start_refuses_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        api.start(ONE_TASK)
    assert tells(caught.value, "clnp launch", "seed")
    assert not (tmp_path / ".clnp" / "clnp.db").exists()


@pytest.mark.slow
def test_launched_from_python_on_a_cluster_that_is_connected(tmp_path: Path, ray_with_logical_gpus: None) -> None:
    where = {"url": f"sqlite:///{tmp_path}/clnp.db", "storage": str(tmp_path / "artifacts")}
    heard = Heard()
    group = api.launch(ONE_TASK, progress=heard, **where)
    assert isinstance(group, api.Group) and group.name == "pair"
    assert heard.of("notice")[0] == "group pair: 2 runs, seeds 0, 7, side by side on the connected cluster"
    assert [run.state for run in group.runs] == [RunState.COMPLETED] * 2, heard.of("notice")
    assert [run.row.config["seed"] for run in group.runs] == [0, 7]
    assert all("seeds" not in run.row.config and run.row.group == "pair" for run in group.runs)
    assert group.standing.mean is not None and group.standing.deviation is not None
    assert group.evaluations()["run"].tolist() == ["pair-seed-0", "pair-seed-7"]
    alone = api.launch({**ONE_TASK, "name": "alone", "seed": 7, "seeds": None}, **where)
    commits = [run.commits()["digest"].tolist() for run in (group.runs[1], alone)]
    assert commits[0] == commits[1], "a run of a group is what it would have been alone"
    with pytest.raises(StateError, match=naming("pair")):
        api.launch(ONE_TASK, name="pair", **where)


@pytest.mark.slow
def test_launched_stopped_and_resumed_by_commands(tmp_path: Path) -> None:
    """With a Ray of its own each time. The second run cannot be stopped early: it may have ended when the signal comes."""
    slow = {**TINY, "name": "pair", "benchmark": {"name": "permuted-digits", "tasks": 1}, "seeds": [0, 1],
            "training": {"batch_size": 64, "epochs": 20_000}}
    (tmp_path / "pair.yaml").write_text(yaml.safe_dump(slow))
    launched = start(tmp_path, "launch", "pair.yaml", "--progress", "json")
    assert launched.stderr is not None
    told = []
    for line in launched.stderr:
        told.append(json.loads(line))
        if told[-1]["event"] == "trial started":
            break
    launched.send_signal(signal.SIGINT)
    out, err = launched.communicate(timeout=300)
    assert launched.returncode == 130, err
    told += map(json.loads, err.splitlines())
    for event, text in zip(told, ("reading pair.yaml", "starting Ray on this machine"), strict=False):
        assert event | {"at": ""} == {"at": "", "run": None, "task": None, "trial": None, "event": "step", "text": text}
    assert not [line for line in told if "is stopped: 0 of" in line.get("text", "")], "they were never driven before"
    assert {line["run"] for line in told} == {None, "pair-seed-0", "pair-seed-1"}
    assert out.startswith("Group pair: 0 of 2 runs completed.\n") and out.endswith("`clnp resume pair` continues 2 runs.\n")
    assert run(tmp_path, "cancel", "pair-seed-1").code == 0
    resumed = start(tmp_path, "resume", "pair")
    assert resumed.stderr is not None
    lines = []
    for line in resumed.stderr:
        lines.append(line)
        if "sweeping" in line and "is stopped" not in line:
            break
    assert lines[0] == "looking up pair …\n"
    assert lines[1] == "run pair-seed-1 is cancelled and cannot be resumed; `clnp show pair-seed-1` says why\n"
    assert lines[2] == "starting Ray on this machine …\n"
    assert lines[3] == "group pair: resuming 1 of 2 runs, seed 0, side by side on this machine\n"
    assert run(tmp_path, "stop", "pair").out.startswith("asked 1 driver to stop, of pair-seed-0; ")
    out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, "whoever asked for the stop was not at this keyboard"
    assert "pair-seed-0 | stopping cleanly (clnp stop)\n" in err
