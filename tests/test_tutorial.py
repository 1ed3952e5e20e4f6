"""docs/tutorial.md works as it is typed, and shows what is printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestrator.cli.conftest import environment
from tests.tutorial import blocks

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"


def outline(text: str) -> str:
    """The first line without its numbers and its spacing: accuracies and times depend on the machine."""
    return " ".join(re.sub(r"[\d.,]+", "#", text.splitlines()[0]).split())


def type_the_page(folder: Path, *flags: str) -> list[str | None]:
    """What every block printed; None for one that was left out."""
    done = subprocess.run([sys.executable, "-m", "tests.tutorial", str(PAGE), *flags], cwd=folder, env=environment(),
                          text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    outputs: list[str | None] = json.loads(done.stdout.splitlines()[-1])
    return outputs


def check(outputs: list[str | None]) -> None:
    """Every output that the page shows has come, down to the digits where the page says so."""
    page = blocks(PAGE.read_text(encoding="utf-8"))
    assert len(page) == len(outputs) > 20
    for block, output in zip(page, outputs, strict=True):
        if output is None:
            assert block.slow
        elif block.exact:
            assert output == block.output, block.code
        else:
            assert bool(output) == bool(block.output), block.code
            assert not output or outline(output) == outline(str(block.output)), block.code


@pytest.mark.whole
def test_every_block_works_in_order(tmp_path: Path) -> None:
    check(type_the_page(tmp_path))


@pytest.mark.slow
def test_the_blocks_for_the_patient_work_too(tmp_path: Path) -> None:
    type_the_page(tmp_path, "--patient")
