"""docs/own_tasks.md is an example that runs: the files on the page are launched, and its errors are the real ones."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clnp_core.errors import ClnpError
from db.states import RunState
from orchestrator.config.config import load
from tests.orchestrator.cli.conftest import Outcome, run
from tests.orchestrator.laboratory import Laboratory
from workers.data.loader import load_benchmark, load_task
from workers.spec import BenchmarkSpec

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "own_tasks.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one code block of a language on the page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


TRANSCRIPTS = re.findall(r"^```console\n\$ clnp (.+?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's two files."""
    (tmp_path / "stripes.py").write_text(block("python"), encoding="utf-8")
    (tmp_path / "stripes.yaml").write_text(block("yaml"), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_example_runs(folder: Path) -> None:
    """As from a shell, in a process of its own, with a Ray of its own."""
    outcome = run(folder, "launch", "stripes.yaml")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Run stripes is completed: 2 of 2 tasks committed.\n")
    laboratory = Laboratory(folder / ".clnp")
    recorded = laboratory.read(lambda reads: reads.run("stripes"))
    assert recorded.state is RunState.COMPLETED
    cells = laboratory.read(lambda reads: reads.accuracy_matrix("stripes"))
    assert min(cell.test_accuracy for cell in cells) > 0.9
    shown = re.search(r"^```\n(Run stripes.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert layout(shown[1]) == layout(outcome.out)[:len(layout(shown[1]))]


def layout(report: str) -> list[str]:
    """A report without its numbers, which differ from machine to machine."""
    return [re.sub(r"[-\d. ]+", " ", line) for line in report.splitlines()]


@pytest.mark.parametrize(("command", "output"), TRANSCRIPTS)
def test_the_page_shows_what_is_really_printed(command: str, output: str, folder: Path, clnp: Callable[..., Outcome],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "stripes", raising=False)
    outcome = clnp(*shlex.split(command), folder=folder)
    assert outcome.out + outcome.err == output
    assert not (folder / ".clnp").exists()


def test_there_is_a_dry_run_and_there_are_errors() -> None:
    assert len(TRANSCRIPTS) >= 4
    assert all("--dry-run" in command for command, _ in TRANSCRIPTS)


LABELS = "return Samples(stripes.unsqueeze(1), labels)"


@pytest.mark.parametrize(("old", "new", "row"), [
    ("generator = torch", "1 / 0; generator = torch", "failed at task 1: ZeroDivisionError: division by zero"),
    (LABELS, LABELS.replace(".unsqueeze(1)", ""),
     "task 1, train: inputs are torch.float32 [300, 12, 12], labels torch.int64 [300]"),
    (LABELS, LABELS.replace("stripes.unsqueeze(1)", "stripes.flatten(1).double()"),
     "task 1, train: inputs are torch.float64 [300, 144], and torch.float32 cannot hold all their values"),
    (LABELS, LABELS.replace("squeeze(1)", "squeeze(1).requires_grad_()"), "task 1, train: inputs require a gradient"),
    ("classes=3", "classes=3.0", "task 1: classes is a float, 3.0"),
    (LABELS, LABELS.replace("labels", "labels + 1"), "task 1, train: labels range from 1 to 3, but the task has 3 classes"),
    (LABELS, LABELS.replace("stripes.", "(stripes / 0)."), "task 1, train: an input is NaN or infinite"),
    ("return TaskData(train, val, test,", "return TaskData(train, val, Samples(test.inputs[..., 1:], test.labels),",
     "task 1, test: samples are [1, 12, 11], training samples [1, 12, 12]"),
    ("return TaskData(train, val, test, classes=3)", "return train, val, test", "returned a tuple for task 1")])
def test_every_row_of_the_table_of_errors_is_a_real_message(old: str, new: str, row: str, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"| `{row}` |" in PAGE and block("python").count(old) == 1
    name = f"stripes_with_{abs(hash(new))}"
    (tmp_path / f"{name}.py").write_text(block("python").replace(old, new), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ClnpError) as caught:
        load_task(BenchmarkSpec(f"{name}:Stripes", 0, {}, None, "unit"), 1)
    assert caught.value.message.endswith(row)


def test_every_row_is_tested() -> None:
    assert len(re.findall(r"^\| `(?:task \d|failed|returned)", PAGE, re.MULTILINE)) == 11


@pytest.mark.parametrize(("old", "new", "row"), [
    ("torch.arange(12), torch.arange(12)", "torch.arange(10 + 2 * width), torch.arange(10 + 2 * width)",
     "task 2 of 'stripes:Stripes' has samples of shape [1, 14, 14], but task 1 has [1, 12, 12]"),
    ("classes=3", "classes=2 + number", "task 2 of 'stripes:Stripes' has 4 classes, but task 1 has 3")])
def test_rows_about_two_tasks_are_what_a_dry_run_says(old: str, new: str, row: str, folder: Path, clnp: Callable[..., Outcome],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"| `{row}` |" in PAGE and block("python").count(old) == 1
    (folder / "stripes.py").write_text(block("python").replace(old, new), encoding="utf-8")
    monkeypatch.delitem(sys.modules, "stripes", raising=False)
    seed = abs(hash(new)) % 2**31  # a process keeps what it has loaded, by name and seed
    code, message, _ = clnp("launch", "stripes.yaml", "--dry-run", "--set", f"seed={seed}", folder=folder).error
    assert (code, message) == (3, row)


def test_the_data_is_the_same_again_and_differs_between_tasks_and_seeds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "stripes", raising=False)
    params = load(folder / "stripes.yaml").benchmark.params

    def digest(seed: int, number: int) -> str:
        return load_benchmark(BenchmarkSpec("stripes:Stripes", seed, params, None, "unit")).task(number).split_digest()

    assert digest(0, 1) == digest(0, 1)
    assert len({digest(seed, number) for seed in (0, 1, 2**63 - 1) for number in (1, 2, 3, 4)}) == 12


def test_the_readme_links_to_the_page() -> None:
    assert "(docs/own_tasks.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
