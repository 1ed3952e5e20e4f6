"""Temporary folders: private, gone with their block, and with their owner's death."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.driver.scratch import PREFIX, remove_abandoned, scratch

ROOT = Path(__file__).resolve().parents[3]
DIES = "import os\nfrom orchestrator.driver.scratch import scratch\nimport sys\nwith scratch(sys.argv[1]):\n    os._exit(1)"


def test_it_is_private_and_goes_with_the_block(tmp_path: Path) -> None:
    with scratch(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "below").mkdir()
        (folder / "below" / "file").write_text("x")
        (folder / "link").symlink_to(tmp_path)
        assert remove_abandoned(tmp_path) == [], "its owner lives"
        assert (folder / "below" / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_an_error_may_leave_it_until_the_next_one(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch(tmp_path, lambda error: isinstance(error, KeyError)) as left:
        raise KeyError
    assert left.is_dir()
    with scratch(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    with pytest.raises(ValueError), scratch(tmp_path, lambda error: isinstance(error, KeyError)):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_owner_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").write_text("a file of this name")
    (tmp_path / f"{PREFIX}foreign").mkdir()
    ended = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                           check=False)
    assert ended.returncode == 1
    abandoned = {path for path in tmp_path.iterdir()} - {tmp_path / f"{PREFIX}file", tmp_path / f"{PREFIX}foreign"}
    assert len(abandoned) == 1
    (tmp_path / f"{PREFIX}link").symlink_to(next(iter(abandoned)))
    assert remove_abandoned(tmp_path) == list(abandoned)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}file", f"{PREFIX}foreign", f"{PREFIX}link"]
