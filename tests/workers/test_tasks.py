"""Data: the same in every process, split without overlap, and checked before anything trains on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ConfigError, DataError
from workers.spec import BenchmarkSpec
from workers.tasks import Samples, TaskData, data_folder, load_benchmark, load_task


def digits(seed: int = 0, fraction: float | None = None, normalize: str = "unit") -> BenchmarkSpec:
    return BenchmarkSpec("permuted-digits", seed, {}, fraction, normalize)


class TestPermutedDigits:
    def test_every_sample_is_in_exactly_one_split(self) -> None:
        data = load_task(digits(), 1)
        assert (len(data.train), len(data.val), len(data.test)) == (1079, 359, 359)
        rows = torch.cat([data.train.inputs, data.val.inputs, data.test.inputs])
        whole = load_benchmark(digits()).task(1)
        assert len(torch.unique(rows, dim=0)) == len(torch.unique(
            torch.cat([whole.train.inputs, whole.val.inputs, whole.test.inputs]), dim=0))
        assert len(rows) == 1797

    def test_tasks_are_permutations_of_one_another_and_share_their_splits(self) -> None:
        first, second = load_task(digits(), 1), load_task(digits(), 2)
        assert torch.equal(first.train.labels, second.train.labels)
        assert not torch.equal(first.train.inputs, second.train.inputs)
        assert torch.equal(first.train.inputs.sort(dim=1).values, second.train.inputs.sort(dim=1).values)

    def test_the_first_task_is_permuted_too(self) -> None:
        images = load_task(digits(), 1).train.inputs.mean(dim=0).reshape(8, 8)
        assert not bool((images[:, 0] < 0.05).all()), "the left margin of unpermuted digits is almost empty"

    def test_the_seed_decides(self) -> None:
        assert load_task(digits(seed=0), 1).split_digest() != load_task(digits(seed=1), 1).split_digest()

    def test_another_process_sees_the_same_data(self) -> None:
        program = ("from workers.spec import BenchmarkSpec\nfrom workers.tasks import load_task\n"
                   "print(load_task(BenchmarkSpec('permuted-digits', 0, {}, None, 'unit'), 3).split_digest())")
        there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                               env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "3"})
        assert there.stdout.strip() == load_task(digits(), 3).split_digest()

    def test_validation_fraction(self) -> None:
        data = load_task(digits(fraction=0.1), 1)
        assert (len(data.val), len(data.train)) == (144, 1294)

    def test_standard_normalisation_is_over_the_training_samples(self) -> None:
        data = load_task(digits(normalize="standard"), 1)
        assert abs(float(data.train.inputs.mean())) < 1e-5
        assert abs(float(data.train.inputs.std()) - 1) < 1e-5
        unit = load_task(digits(), 1)
        assert float(unit.train.inputs.min()) >= 0
        assert float(unit.train.inputs.max()) <= 1


class TestMnist:
    def test_a_missing_file_is_one_clear_error_with_the_folder(self, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLNP_DATA", str(tmp_path / "nowhere"))
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # whatever the machine, no download succeeds
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        with pytest.raises(DataError) as caught:
            load_benchmark(BenchmarkSpec("permuted-mnist", 0, {}, None, "unit"))
        assert str(tmp_path / "nowhere" / "MNIST" / "raw") in caught.value.message
        assert caught.value.hint == ("set CLNP_DATA to the folder that holds MNIST/raw, "
                                     "or connect this machine to the internet")

    @pytest.mark.skipif(not (data_folder() / "MNIST" / "raw").is_dir(), reason="CLNP_DATA does not hold MNIST")
    def test_the_real_set(self) -> None:
        data = load_task(BenchmarkSpec("permuted-mnist", 0, {}, None, "unit"), 1)
        assert (len(data.train), len(data.val), len(data.test)) == (50_000, 10_000, 10_000)
        assert data.train.inputs.shape[1] == 784
        assert torch.bincount(data.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, name: str) -> BenchmarkSpec:
    """A benchmark of the user's in a module of its own."""
    (tmp_path / f"{name}.py").write_text(
        "import torch\nfrom workers.tasks import Samples, TaskData\n"
        "class Two:\n    tasks = 2\n"
        "    def __init__(self, seed, size=8): self.seed, self.size = seed, size\n"
        "    def task(self, number):\n"
        "        g = torch.Generator().manual_seed(self.seed + number)\n"
        "        def part(): return Samples(torch.rand(self.size, 5, generator=g),\n"
        "                                   torch.randint(0, 3, (self.size,), generator=g))\n"
        f"        data = TaskData(part(), part(), part(), 3)\n        {body}\n        return data\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return BenchmarkSpec(f"{name}:Two", 0, {"size": 6}, None, "unit")


class TestYourOwn:
    def test_it_is_called_with_seed_and_params(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = load_task(own(tmp_path, monkeypatch, "pass", "own_good"), 2)
        assert isinstance(data, TaskData) and isinstance(data.train, Samples)
        assert len(data.train) == 6

    def test_more_tasks_than_it_has(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigError, match=r"has 2 tasks, task 3 was asked for\nset benchmark.tasks to at most 2"):
            load_task(own(tmp_path, monkeypatch, "pass", "own_short"), 3)

    @pytest.mark.parametrize(("body", "words"), [
        ("data.train.inputs[0, 0] = float('nan')", "train: some input is NaN or infinite"),
        ("data.val.labels[0] = 3", "val: labels run from [01] to 3, the task has 3 classes"),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs[:0], data.test.labels[:0]), 3)",
         "test: 0 inputs and 0 labels"),
        ("data = TaskData(Samples(data.train.inputs.double(), data.train.labels), data.val, data.test, 3)",
         "inputs are torch.float64"),
    ])
    def test_bad_data_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str) -> None:
        name = f"own_bad_{abs(hash(body))}"
        with pytest.raises(DataError, match=words):
            load_task(own(tmp_path, monkeypatch, body, name), 1)

    @pytest.mark.parametrize(("body", "words"), [
        ("return None", "gave a NoneType for task 1"),
        ("raise ValueError('no such file')", "failed at task 1: ValueError: no such file"),
        ("data = TaskData(data.train, data.val, data.test, 3.0)", "gave a TaskData for task 1"),
        ("pass; Two.tasks = 'two'", "labels|'two'"),
    ])
    def test_a_wrong_object_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str) -> None:
        name = f"own_wrong_{abs(hash(body))}"
        spec = own(tmp_path, monkeypatch, body, name)
        if "two" in body:
            source = (tmp_path / f"{name}.py").read_text()
            (tmp_path / f"{name}.py").write_text(source.replace("tasks = 2", "tasks = 'two'"))
        with pytest.raises(DataError, match=words):
            load_task(spec, 1)

    def test_a_module_that_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match="cannot be imported: No module named 'no_such_module'"):
            load_benchmark(BenchmarkSpec("no_such_module:Tasks", 0, {}, None, "unit"))

    def test_an_exception_in_it_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = own(tmp_path, monkeypatch, "pass", "own_args")
        with pytest.raises(DataError, match="failed to load: TypeError"):
            load_benchmark(BenchmarkSpec(spec.name, 0, {"colour": 1}, None, "unit"))

    def test_an_unknown_name(self) -> None:
        with pytest.raises(ConfigError, match="there is no benchmark 'digits'"):
            load_benchmark(BenchmarkSpec("digits", 0, {}, None, "unit"))
