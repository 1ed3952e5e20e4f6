"""Every benchmark starts as its first lines say, from any folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py")
                 if f"python benchmarks/{path.name}" in path.read_text(encoding="utf-8"))
MISSING = {"peer_baselines.py": "avalanche"}
"""What has to be installed first, as the script's first lines say."""


def test_every_file_is_started_or_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    for path in FOLDER.glob("*.py"):
        assert path.name in SCRIPTS or f"from benchmarks.{path.stem} import" in text, path


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_explains_itself_from_any_folder(tmp_path: Path, script: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run([sys.executable, str(FOLDER / script), "--help"], cwd=tmp_path, env=environment, capture_output=True,
                           text=True, check=False)
    if script in MISSING and ended.stderr.rstrip().endswith(f"No module named '{MISSING[script]}'"):
        pytest.skip(f"{MISSING[script]} is not installed")
    assert ended.returncode == 0 and ended.stdout.startswith(f"usage: {script} [-h]"), ended.stderr
