"""The export of a recorded run: files that compute without this project what the committed network computes."""

import hashlib
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from tests.orchestrator.cli.conftest import Outcome, Recorded, environment, run, written
from tests.orchestrator.cli.test_own_tasks import block
from workers.data.loader import load_task, task_origin
from workers.data.provenance import Origin
from workers.spec import BenchmarkSpec

Clnp = Callable[..., Outcome]
SPEC = BenchmarkSpec("permuted-digits", 0, {}, None, "unit")


@pytest.fixture
def copy(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy of the recorded run that a test may spoil."""
    shutil.copytree(recorded.folder, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def exported(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Task 1 of ``tiny``, out of the network that has learnt task 2 as well: the folder, and what the command printed."""
    folder = tmp_path_factory.mktemp("exported") / "digits"
    outcome = run(recorded.folder, "export", "tiny", "--task", "1", "--from-commit", "2", "--output", str(folder))
    assert outcome.code == 0 and outcome.err == "", outcome
    return folder, outcome.out


def card_of(folder: Path) -> Any:
    return json.loads((folder / "model_card.json").read_text(encoding="utf-8"))


INSTALLED = [entry for entry in sys.path if Path(entry).name == "site-packages"]

STRANGER = """
import importlib.util, json, os, sys
sys.path += json.loads(sys.argv[1])
assert not any(importlib.util.find_spec(room) for room in ("clnp", "clnp_core", "workers", "db", "orchestrator"))
os.chdir(sys.argv[2])
inputs = __import__("numpy").load(sys.argv[3])
predictions = {}
for name, code in json.load(open("model_card.json"))["loading"].items():
    assert len(code.splitlines()) == 3
    known = {}
    exec(code, known)
    assert tuple(known["logits"].shape) == (1, 10)
    logits = known["model"].run(None, {"input": inputs})[0] if name == "onnxruntime" else \\
        known["model"](known["torch"].from_numpy(inputs)).detach().numpy()
    predictions[name] = logits.argmax(1).tolist()
print(json.dumps(predictions))
"""


def raw_test_samples(task: int) -> tuple[np.ndarray[Any, Any], list[int], Origin]:
    """The whole numbers of scikit-learn's digits that a user has, permuted, with their labels."""
    data, origin = load_task(SPEC, task), task_origin(SPEC, task)
    assert origin is not None
    return origin.raw(data.test.inputs).numpy(), data.test.labels.tolist(), origin


def test_both_files_work_where_this_project_is_not_installed(exported: tuple[Path, str], tmp_path: Path) -> None:
    """A process without site files, which are what makes an editable install importable, runs what the card says."""
    folder, _ = exported
    inputs, labels, _ = raw_test_samples(1)
    np.save(tmp_path / "inputs.npy", inputs)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", STRANGER, json.dumps(INSTALLED), str(folder),
                           str(tmp_path / "inputs.npy")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    predictions = json.loads(done.stdout)
    assert set(predictions) == {"torch", "onnxruntime"} and predictions["torch"] == predictions["onnxruntime"]
    correct = sum(found == label for found, label in zip(predictions["torch"], labels, strict=True))
    test = card_of(folder)["test"]
    assert (test["correct"], test["total"]) == (correct, len(labels)) and test["recorded_correct"] == correct > 100


def test_the_card_says_where_it_all_comes_from(exported: tuple[Path, str], on_tiny: Clnp) -> None:
    folder, _ = exported
    card, shown = card_of(folder), on_tiny("show", "tiny", "--json").document
    commits = shown["commits"]
    assert card["task"]["run"] == "tiny" and card["task"]["task"] == 1
    assert "must be known beforehand" in card["task"]["known_beforehand"]
    assert card["commit"]["digest"] == commits[0]["digest"] and card["commit"]["taken_from_digest"] == commits[1]["digest"]
    assert [(each["task"], each["digest"], each["parent_digest"]) for each in card["commit"]["lineage"]] == [
        (1, commits[0]["digest"], None), (2, commits[1]["digest"], commits[0]["digest"])]
    assert card["provenance"]["config"]["selection"]["margin_points"] == "2"
    assert card["provenance"]["exported_with"].keys() >= {"torch", "onnx", "onnxruntime", "onnxscript"}
    chosen = next(each for each in on_tiny("trials", "tiny", "--task", "1", "--format", "json").document
                  if each["verdict"] == "chosen")
    assert card["selection"]["trial"] == chosen["number"] and card["selection"]["trial_key"] == chosen["key"]
    assert card["selection"]["thresholds"] == chosen["thresholds"]


def test_the_card_says_what_the_input_is(exported: tuple[Path, str]) -> None:
    given, (inputs, _, origin) = card_of(exported[0])["input"], raw_test_samples(1)
    assert (given["shape"], given["dtype"], given["lowest"], given["highest"]) == ([64], "float32", 0.0, 16.0)
    assert inputs.min() == 0 and inputs.max() == 16
    assert given["pixels"] == list(origin.pixels or ()) and sorted(given["pixels"]) == list(range(64))
    assert given["scalings"] == [{"shift": [0.0], "scale": [16.0]}]
    assert given["read"] + given["unread"] == 64
    assert card_of(exported[0])["output"] == {
        "name": "logits", "classes": 10, "stands_for": list(range(10)), "constant": []}


def test_the_card_counts_and_measures(exported: tuple[Path, str]) -> None:
    folder, _ = exported
    card = card_of(folder)
    first, second = card["sub_network"]["layers"]
    assert card["full_network"] == {"layers": [24, 16], "parameters": 64 * 24 + 24 + 24 * 16 + 16 + 160,
                                    "multiply_adds": 64 * 24 + 24 * 16 + 160}
    assert card["sub_network"]["multiply_adds"] == 64 * first + first * second + second * 10
    assert first < 24 and second < 16
    for each in card["files"]:
        content = (folder / each["name"]).read_bytes()
        assert (each["file_bytes"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert each["file_bytes"] < each["full_network_bytes"]
    assert {(each["runtime"], each["batch"]) for each in card["latency"]["measured"]} == {
        (runtime, batch) for runtime in ("torch", "onnxruntime") for batch in (1, 256)}
    assert card["latency"]["threads"] == 1
    compared = card["verification"]["comparisons"]
    assert {(each["file"], each["after_task"], each["split"]) for each in compared} == {
        (file, task, split) for file in ("model.onnx", "model.pt2") for task in (1, 2) for split in ("validation", "test")}
    assert all(each["samples"] == 359 and each["flipped"] == 0 for each in compared)
    assert all(each["largest_difference"] <= each["tolerance"] < 0.01 for each in compared)


def test_what_is_printed_and_the_page_for_people(exported: tuple[Path, str]) -> None:
    folder, out = exported
    card = card_of(folder)
    lines = out.splitlines()
    assert lines[0].split() == ["task", "1", "of", "tiny", "sub-network", "full", "network", "share"]
    assert lines[2].split("  ")[0] == "layers" and "64 → 24 → 16 → 10" in lines[2]
    assert "compared with the networks committed after tasks 1 and 2 on 718 validation and test samples: all predictions" in out
    assert lines[-1].startswith(f"wrote {folder}: model.onnx (") and lines[-1].endswith("model_card.md, model_card.json")
    page = (folder / "model_card.md").read_text(encoding="utf-8")
    for text in (*card["loading"].values(), *(each["digest"] for each in card["commit"]["lineage"]),
                 *(each["sha256"] for each in card["files"]), card["data"]["split_digest"], card["verification"]["result"],
                 card["task"]["known_beforehand"]):
        assert text in page
    assert sorted(entry.name for entry in folder.iterdir()) == ["model.onnx", "model.pt2", "model_card.json", "model_card.md"]


def test_from_either_commit_and_at_any_time_the_same_bytes(exported: tuple[Path, str], on_tiny: Clnp, tmp_path: Path) -> None:
    """The sub-network of task 1 has not changed by task 2, and an export in another process writes the same file."""
    outcome = on_tiny("export", "tiny", "--task", "1", "--format", "torch", "--output", str(tmp_path / "again"), "--json")
    assert outcome.code == 0 and outcome.err == ""
    assert (tmp_path / "again" / "model.pt2").read_bytes() == (exported[0] / "model.pt2").read_bytes()
    assert outcome.document["card"] == card_of(tmp_path / "again") and outcome.document["folder"] == str(tmp_path / "again")
    assert list(outcome.document["card"]["loading"]) == ["torch"]
    assert not (tmp_path / "again" / "model.onnx").exists()


def test_without_the_extra(on_tiny: Clnp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for form in ((), ("--format", "onnx")):
        assert on_tiny("export", "tiny", "--task", "1", *form, "--output", str(tmp_path / "x")).refuses(2, "clnp[export]",
                                                                                                        "--format")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "code", "message", "hint"), [
    (["tine", "--task", "1"], 4, ("tine",), ("tiny",)),
    (["tiny", "--task", "7"], 4, ("tiny", "task 7"), ("1", "2")),
    (["tiny", "--task", "1", "--from-commit", "3"], 4, ("tiny", "task 3"), ("1", "2")),
    (["tiny", "--task", "2", "--from-commit", "1"], 2, ("task 1", "task 2"), ()),
    (["tiny"], 2, ("clnp export", "--task"), ("clnp export -h",))])
def test_what_is_not_there(arguments: list[str], code: int, message: tuple[str, ...], hint: tuple[str, ...],
                           on_tiny: Clnp) -> None:
    assert on_tiny("export", *arguments).refuses(code, *message, *hint)


def test_a_task_that_is_not_committed(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as held:
        held.begin()
        held.let_go()
    assert clnp("export", "demo", "--task", "1", folder=tmp_path).refuses(9, "task 1", "demo", "clnp status demo")


def _weights(folder: Path, task: int, clnp: Clnp) -> Path:
    digest = clnp("show", "tiny", "--json", folder=folder).document["commits"][task - 1]["digest"]
    return folder / ".clnp" / "artifacts" / digest[:2] / f"{digest}.safetensors"


def test_weights_that_are_missing_or_damaged_and_data_that_has_changed(copy: Path, clnp: Clnp) -> None:
    first, second = (_weights(copy, task, clnp) for task in (1, 2))
    content = bytearray(second.read_bytes())
    content[-1] ^= 1
    second.write_bytes(content)
    code, message, _ = clnp("export", "tiny", "--task", "1", "--from-commit", "2", folder=copy).error
    assert code == 6 and "is damaged" in message
    first.unlink()
    code, message, _ = clnp("export", "tiny", "--task", "1", folder=copy).error
    assert code == 6 and message.endswith("is missing")
    second.write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    with sqlite3.connect(copy / ".clnp" / "clnp.db") as connection:
        connection.execute("UPDATE clnp_stages SET split_digest = 'another' WHERE task = 2")
    connection.close()
    code, message, hint = clnp("export", "tiny", "--task", "2", folder=copy).error
    assert (code, message) == (3, "the data of task 2 of 'permuted-digits' has changed since the task was swept")
    assert hint.startswith("restore the old data or benchmark code")
    assert not list(copy.glob("*tiny-task*")), "nothing is left behind"


def test_a_folder_with_other_files_is_left_alone(copy: Path, clnp: Clnp) -> None:
    (copy / "tiny-task-1").mkdir()
    (copy / "tiny-task-1" / "thesis.tex").touch()
    assert clnp("export", "tiny", "--task", "1", folder=copy).refuses(2, copy / "tiny-task-1", "thesis.tex", "--output")


@pytest.mark.slow
def test_a_benchmark_of_ones_own_with_convolutions(tmp_path: Path) -> None:
    """The example of docs/own_tasks.md, as from a shell: inputs are what its `task()` gives."""
    (tmp_path / "stripes.py").write_text(block("python"), encoding="utf-8")
    (tmp_path / "stripes.yaml").write_text(block("yaml"), encoding="utf-8")
    assert run(tmp_path, "launch", "stripes.yaml").code == 0
    outcome = run(tmp_path, "export", "stripes", "--task", "1", "--from-commit", "2")
    assert outcome.code == 0 and outcome.err == "", outcome
    card = card_of(tmp_path / "stripes-task-1")
    assert (card["input"]["shape"], card["input"]["scalings"], card["input"]["pixels"]) == ([1, 12, 12], [], None)
    assert card["input"]["meaning"].startswith("Inputs are what task(1) of stripes:Stripes gives: the model scales nothing")
    assert card["input"]["lowest"] < 0 < 1 < card["input"]["highest"]
    assert card["output"]["stands_for"] is None


def test_a_real_run_is_mirrored_whole(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    mirrored = on_tiny("mirror", "tiny", "--to", url)
    assert mirrored.code == 0, mirrored
    assert [line.split() for line in mirrored.out.splitlines()[2:4]] == [["tiny", "task", "1", "2", "2"],
                                                                         ["tiny", "task", "2", "2", "2"]]
    assert mirrored.out.splitlines()[-1] == f"4 trials added; `optuna-dashboard {url}` shows them"
    for task in (1, 2):
        rows = on_tiny("trials", "tiny", "--task", str(task), "--json").document
        study = optuna.load_study(study_name=f"tiny task {task}", storage=url)
        assert study.user_attrs["chosen"] == next(row["number"] for row in rows if row["verdict"] == "chosen")
        for row, trial in zip(rows, study.trials, strict=True):
            assert trial.values[0] == row["val_accuracy"] and 0 <= trial.values[1] <= 1
            assert trial.params == {"alpha": row["alpha"][0], "learning_rate": row["learning_rate"]}
            assert trial.user_attrs["verdict"] == row["verdict"] and trial.user_attrs["key"] == row["key"]
            assert list(trial.intermediate_values) == [1, 2, 3]
            assert trial.intermediate_values[row["best_epoch"]] == row["val_accuracy"]


def test_mirroring_again_adds_nothing(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    first, again = (on_tiny("mirror", "tiny", "--to", url, *more, "--json").document for more in ((), ("--follow",)))
    assert [stage["trials_added"] for stage in first["stages"]] == [2, 2]
    assert again == {"run": "tiny", "mirror": url, "stages": [
        {"task": task, "study": f"tiny task {task}", "trials_added": 0, "trials": 2} for task in (1, 2)]}


def test_a_mistyped_name_makes_no_mirror(tmp_path: Path, on_tiny: Clnp) -> None:
    refused = on_tiny("mirror", "tine", "--to", f"sqlite:///{tmp_path / 'optuna.db'}")
    assert refused.refuses(4, "tine")
    assert not (tmp_path / "optuna.db").exists()


@pytest.mark.slow
def test_the_dashboard_shows_every_study(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    assert on_tiny("mirror", "tiny", "--to", url).code == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "dashboard.log").open("w") as log:
        dashboard = subprocess.Popen([Path(sys.executable).with_name("optuna-dashboard"), url, "--host=127.0.0.1",
                                      f"--port={port}"], env=environment(), stdout=log, stderr=log)
    try:
        studies = _get(port, "/api/studies", dashboard)["study_summaries"]
        assert [study["study_name"] for study in studies] == ["tiny task 1", "tiny task 2"]
        shown = _get(port, f"/api/studies/{studies[0]['study_id']}?after=0", dashboard)
        assert shown["directions"] == ["maximize", "maximize"]
        assert [trial["state"] for trial in shown["trials"]] == ["Complete", "Complete"]
        assert on_tiny("mirror", "tiny", "--to", url).code == 0, "an open dashboard is in nobody's way"
    finally:
        dashboard.terminate()
        dashboard.wait(timeout=60)


def _get(port: int, path: str, server: "subprocess.Popen[bytes]") -> Any:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                return json.load(answer)
        except OSError:
            assert server.poll() is None, "the dashboard has ended"
            time.sleep(0.2)
    raise AssertionError("the dashboard did not answer in a minute")
