"""doctor: what it looks at, and what it ends with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.cli.conftest import Outcome, Recorded, written

Clnp = Callable[..., Outcome]


@pytest.fixture
def copy(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy of the recorded run that a test may spoil."""
    shutil.copytree(recorded.folder, tmp_path / "copy")
    return tmp_path / "copy"


def _findings(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    """By subject."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in outcome.document["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted((folder / ".clnp" / "artifacts").glob("??/*.safetensors"))


def test_all_is_well(on_tiny: Clnp) -> None:
    healthy = on_tiny("doctor")
    assert healthy.code == 0 and healthy.out.endswith("\n\nno problems found\n"), healthy
    findings = _findings(on_tiny("doctor", "--json"))
    assert list(findings) == ["python", "packages", "torch", "ray", "database", "storage", "data", "artifacts"]
    assert {each["level"] for each in findings.pop("data")} <= {"ok", "note"}
    assert {each["level"] for rest in findings.values() for each in rest} == {"ok"}
    assert findings["artifacts"][0]["text"].startswith("6 recorded artifacts in place, every size matches; ")


def test_disk_use_of_a_run(on_tiny: Clnp, recorded: Recorded) -> None:
    size = sum(file.stat().st_size for file in _files(recorded.folder))
    assert on_tiny("doctor", "--json").document["disk_use"] == [
        {"run": "tiny", "artifacts": 6, "artifact_bytes": size, "missing": 0}]


def test_one_run_byte_by_byte(copy: Path, clnp: Clnp) -> None:
    findings = _findings(clnp("doctor", "tiny", "--json", folder=copy))
    assert findings["environment"][0]["text"].startswith("same as the run's: cpu ")
    assert findings["artifacts"][0]["text"].startswith("6 recorded artifacts in place, every digest matches; ")
    file = _files(copy)[0]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert clnp("doctor", folder=copy).code == 0, "a flipped bit does not change a size"
    sick = clnp("doctor", "tiny", "--json", folder=copy)
    assert sick.code == 6 and sick.document["healthy"] is False
    assert _findings(sick)["artifacts"][0]["text"] == f"1 of 6 recorded artifacts damaged: {file.name[:12]}…"


def test_missing_and_truncated_weights(copy: Path, clnp: Clnp) -> None:
    gone, short, *_ = _files(copy)
    gone.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    sick = clnp("doctor", folder=copy)
    assert sick.code == 6 and sick.out.endswith("\n\n2 problems found\n")
    assert f"1 of 6 recorded artifacts missing: {gone.name[:12]}…; restore them from a backup, or " in sick.out
    assert f"1 of 6 recorded artifacts damaged: {short.name[:12]}…; " in sick.out
    assert clnp("doctor", "--json", folder=copy).document["disk_use"][0]["missing"] == 1


def test_files_that_no_row_speaks_of_are_a_note(copy: Path, clnp: Clnp) -> None:
    (copy / ".clnp" / "artifacts" / "ab").mkdir(exist_ok=True)
    (copy / ".clnp" / "artifacts" / "ab" / ".writing-x").write_bytes(b"1234")
    checked = clnp("doctor", "--json", folder=copy)
    assert checked.code == 0
    assert [(each["level"], each["text"]) for each in _findings(checked)["artifacts"]][1] == (
        "note", "1 file without a record, 4 B: .writing-x; of running trials, or left by a crash (`clnp gc` removes those)")


def test_a_fresh_machine_is_healthy(tmp_path: Path, clnp: Clnp) -> None:
    findings = _findings(clnp("doctor", "--json", folder=tmp_path))
    assert findings["database"][0]["text"] == f"sqlite:///{tmp_path}/.clnp/clnp.db is created by the first launch"
    assert findings["storage"][0]["text"].startswith(f"{tmp_path}/.clnp/artifacts is created by the first launch; ")
    assert not list(tmp_path.iterdir()), "looking makes nothing"


def test_a_database_that_is_named_and_not_there_is_a_problem(tmp_path: Path, clnp: Clnp,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/nowhere.db"
    assert clnp("--db", url, "doctor", folder=tmp_path).code == 5
    monkeypatch.setenv("CLNP_DB_URL", url)
    sick = clnp("doctor", "--json", folder=tmp_path)
    assert sick.code == 5 and _findings(sick)["database"][0]["text"] == f"there is no database at {url} yet"
    assert not list(tmp_path.iterdir()), "looking makes nothing"


def test_what_is_wrong_decides_the_exit_code(tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("these are no tables\n" * 100)
    sick = clnp("--db", f"sqlite:///{tmp_path}/notes.txt", "doctor", "--json", folder=tmp_path)
    assert sick.code == 5 and "is not a SQLite database" in _findings(sick)["database"][0]["text"]
    monkeypatch.setenv("CLNP_STORAGE", str(tmp_path / "notes.txt"))
    assert clnp("doctor", folder=tmp_path).code == 6
    monkeypatch.delenv("CLNP_STORAGE")
    monkeypatch.setenv("CLNP_DATA", str(tmp_path / "nowhere"))
    assert clnp("doctor", folder=tmp_path).code == 3


def test_a_run_of_another_environment_is_a_note(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.store.record_environment(run.lease, {"device": "cuda H200", "torch": "1.0", "code": "old", "threads": 1})
        run.let_go()
    finding = _findings(clnp("doctor", "demo", "--json", folder=tmp_path))["environment"][0]
    assert finding["level"] == "note" and finding["text"].startswith(
        "the run has cuda H200, code old, threads 1, torch 1.0, this machine ")
