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


MACHINE = (
    (r"(?m)^ +task \d+: \d+ of \d+ trials ended.*\n", ""),  # how often a sweep is looked at
    (r"\b[0-9a-f]{12}\b", "#"),
    (r"(?m) on \w+$", " on #"),
    (r"(?m)^(verdict  ).*", r"\1#"),
    (r"sparser one exists|outside margin|chosen(?=\s*(\n|[\d.]+$))|NaN|\byes\b|\bno\b", "#"),
    (r"-{3,}", "#"),
    (r"[\d.,:]*\d|(?<= )-(?= )", "#"),
    (r"[ ]+", " "))
"""What accuracies, choices, times and names of machines make of an output, and what stands for it."""


def outline(text: str) -> list[str]:
    """An output without what depends on the machine: its words, and how many rows its tables have. Sentences below a table, which
    follow from the choices in it, are left out."""
    for pattern, instead in MACHINE:
        text = re.sub(pattern, instead, text)
    return [line.strip() for part in text.split("\n\n")[:2] for line in part.splitlines()]


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


def test_every_block_works_in_order(tmp_path: Path) -> None:
    check(type_the_page(tmp_path))


@pytest.mark.slow
def test_the_blocks_for_the_patient_work_too(tmp_path: Path) -> None:
    outputs = type_the_page(tmp_path, "--patient")
    assert None not in outputs
    check(outputs)
