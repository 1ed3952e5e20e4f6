"""Tasks by name: built in or the user's own, and checked before anything trains on them."""

from pathlib import Path

import pytest

from clnp_core.errors import ConfigError, DataError
from workers.sequences import BUILT_IN
from workers.spec import BUILT_IN_BENCHMARKS, BenchmarkSpec
from workers.tasks import Samples, TaskData, load_benchmark, load_task, task_count


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


class TestBuiltIn:
    def test_the_names_are_those_that_a_configuration_knows(self) -> None:
        assert list(BUILT_IN) == list(BUILT_IN_BENCHMARKS)

    @pytest.mark.parametrize("name", ["permuted-digits", "split-digits"])
    def test_what_is_known_of_one_without_its_data_is_true(self, name: str) -> None:
        spec = BenchmarkSpec(name, 0, {}, None, "unit")
        data = load_task(spec, 1)
        known = BUILT_IN_BENCHMARKS[name]
        assert (data.train.inputs.shape[1:], data.classes, task_count(spec)) == known[:3]

    def test_more_tasks_than_it_has(self) -> None:
        with pytest.raises(ConfigError, match=r"has 5 tasks, task 6 was asked for\nset benchmark.tasks to at most 5"):
            load_task(BenchmarkSpec("split-digits", 0, {}, None, "unit"), 6)

    def test_a_task_is_kept(self) -> None:
        spec = BenchmarkSpec("split-digits", 0, {}, None, "unit")
        assert load_task(spec, 2) is load_task(BenchmarkSpec("split-digits", 0, {}, None, "unit"), 2)


class TestYourOwn:
    def test_it_is_called_with_seed_and_params(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = load_task(own(tmp_path, monkeypatch, "pass", "own_good"), 2)
        assert isinstance(data, TaskData) and isinstance(data.train, Samples)
        assert len(data.train) == 6

    def test_more_tasks_than_it_has(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigError, match=r"has 2 tasks, task 3 was asked for\nset benchmark.tasks to at most 2"):
            load_task(own(tmp_path, monkeypatch, "pass", "own_short"), 3)

    def test_images_are_samples(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = ("def image(p): return Samples(p.inputs.reshape(-1, 1, 5, 1).expand(-1, 3, 5, 4), p.labels)\n        "
                "data = TaskData(image(data.train), image(data.val), image(data.test), 3)")
        data = load_task(own(tmp_path, monkeypatch, body, "own_images"), 1)
        assert data.train.inputs.shape == (6, 3, 5, 4)
        assert len(data.split_digest()) == 64

    @pytest.mark.parametrize(("body", "words"), [
        ("data.train.inputs[0, 0] = float('nan')", "train: some input is NaN or infinite"),
        ("data.val.inputs[0, 0] = float('-inf')", "val: some input is NaN or infinite"),
        ("data = TaskData(data.train, Samples(data.val.inputs[:, :4], data.val.labels), data.test, 3)",
         r"val: samples are \[4\], training samples \[5\]\nall splits of a task must have samples of the same shape"),
        ("data = TaskData(Samples(data.train.inputs.reshape(6, 1, 5), data.train.labels), data.val, data.test, 3)",
         r"train: inputs are torch.float32 \[6, 1, 5\], labels torch.int64 \[6\]\ninputs must be finite float32 "
         r"\[samples, values\] or \[samples, channels, height, width\], labels int64 \[samples\] in 0 … classes − 1"),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs, data.test.labels.reshape(-1, 1)), 3)",
         r"test: inputs are torch.float32 \[6, 5\], labels torch.int64 \[6, 1\]"),
        ("data = TaskData(Samples(data.train.inputs.numpy(), data.train.labels), data.val, data.test, 3)",
         "train: inputs are a ndarray, labels a Tensor\neach split is a workers.tasks.Samples of two torch tensors; "
         "torch.from_numpy makes one of an array"),
        ("data = TaskData(data.train, None, data.test, 3)", "val: inputs are a NoneType, labels a NoneType"),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs[:, :0], data.test.labels), 3)",
         r"test: inputs are torch.float32 \[6, 0\]"),
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
