"""Tasks by name: built in or the user's own, and checked before anything trains on them."""

from pathlib import Path

import pytest
import torch

from clnp_core.errors import ConfigError, DataError
from tests.messages import naming
from workers.data.benchmarks import BUILT_IN
from workers.data.loader import Samples, TaskData, check_alike, inputs_are_floats, load_benchmark, load_task, task_count
from workers.spec import BUILT_IN_BENCHMARKS, BenchmarkSpec


def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, name: str) -> BenchmarkSpec:
    """A benchmark of the user's in a module of its own."""
    (tmp_path / f"{name}.py").write_text(
        "import torch\nfrom workers.data.loader import Samples, TaskData\n"
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
        with pytest.raises(ConfigError, match=naming(5, "task 6", "benchmark.tasks")):
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
        with pytest.raises(ConfigError, match=naming(2, "task 3", "benchmark.tasks")):
            load_task(own(tmp_path, monkeypatch, "pass", "own_short"), 3)

    @pytest.mark.parametrize("classes", ["data.train.labels.numpy().max() * 0 + 3", "torch.tensor(3)",
                                         "data.train.labels.numpy().astype('uint8').max() * 0 + 3"])
    def test_a_number_of_numpy_or_torch_is_a_number_of_classes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                               classes: str) -> None:
        body = f"data = TaskData(data.train, data.val, data.test, {classes})"
        data = load_task(own(tmp_path, monkeypatch, body, f"own_classes_{abs(hash(classes))}"), 1)
        assert data.classes == 3 and type(data.classes) is int

    def test_a_number_of_numpy_is_a_number_of_tasks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = own(tmp_path, monkeypatch, "pass", "own_numpy_tasks")
        source = (tmp_path / "own_numpy_tasks.py").read_text()
        (tmp_path / "own_numpy_tasks.py").write_text("import numpy\n" + source.replace("tasks = 2", "tasks = numpy.int64(2)"))
        assert task_count(spec) == 2 and type(task_count(spec)) is int
        with pytest.raises(ConfigError, match=naming(2, "task 3")):
            load_task(spec, 3)

    def test_arrays_of_numpy_are_the_same_data_as_tensors(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = ("def array(p): return Samples(p.inputs.numpy(), p.labels.numpy().astype('int32'))\n        "
                "data = TaskData(array(data.train), array(data.val), array(data.test), 3)")
        arrays = load_task(own(tmp_path, monkeypatch, body, "own_arrays"), 1)
        tensors = load_task(own(tmp_path, monkeypatch, "pass", "own_tensors"), 1)
        assert arrays.split_digest() == tensors.split_digest()
        assert arrays.train.labels.dtype == torch.int64

    @pytest.mark.parametrize(("given", "are_floats"), [
        ("p.inputs", True), ("p.inputs.half()", True), ("p.inputs.numpy()", True), ("(p.inputs * 9).to(torch.uint8)", False),
        ("(p.inputs * 9).numpy().astype('int16')", False), ("p.inputs > 0.5", False)])
    def test_the_type_that_inputs_came_in_is_known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str,
                                                   are_floats: bool) -> None:
        body = (f"def other(p): return Samples({given}, p.labels)\n        "
                "data = TaskData(other(data.train), other(data.val), other(data.test), 3)")
        spec = own(tmp_path, monkeypatch, body, f"own_given_{abs(hash(given))}")
        assert load_task(spec, 1).train.inputs.dtype == torch.float32
        assert inputs_are_floats(spec, 1) is are_floats

    def test_what_it_sets_for_all_of_torch_ends_with_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = own(tmp_path, monkeypatch, "torch.set_grad_enabled(False); torch.set_num_threads(threads + 1)", "own_settings")
        source = (tmp_path / "own_settings.py").read_text()
        (tmp_path / "own_settings.py").write_text(source.replace(
            "class Two", "torch.set_default_dtype(torch.float64)\ntorch.set_default_device('meta')\n"
                         "torch.set_float32_matmul_precision('medium')\nthreads = torch.get_num_threads()\nclass Two"))
        threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
        assert load_task(spec, 1).train.inputs.dtype == torch.float32
        assert torch.is_grad_enabled() and torch.zeros(1).dtype == torch.float32 and torch.zeros(1).device.type == "cpu"
        assert torch.get_num_threads() == threads and torch.get_float32_matmul_precision() == precision

    def test_images_are_samples(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = ("def image(p): return Samples(p.inputs.reshape(-1, 1, 5, 1).expand(-1, 3, 5, 4), p.labels)\n        "
                "data = TaskData(image(data.train), image(data.val), image(data.test), 3)")
        data = load_task(own(tmp_path, monkeypatch, body, "own_images"), 1)
        assert data.train.inputs.shape == (6, 3, 5, 4)
        assert len(data.split_digest()) == 64

    @pytest.mark.parametrize(("body", "words"), [
        ("data.train.inputs[0, 0] = float('nan')", ("train", "NaN")),
        ("data.val.inputs[0, 0] = float('-inf')", ("val", "NaN")),
        ("data = TaskData(data.train, Samples(data.val.inputs[:, :4], data.val.labels), data.test, 3)", ("val", "[4]", "[5]")),
        ("data = TaskData(Samples(data.train.inputs.reshape(6, 1, 5), data.train.labels), data.val, data.test, 3)",
         ("train", "torch.float32", "[6, 1, 5]", "torch.int64", "[6]")),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs, data.test.labels.reshape(-1, 1)), 3)",
         ("test", "torch.float32", "[6, 5]", "torch.int64", "[6, 1]")),
        ("data = TaskData(Samples(data.train.inputs.tolist(), data.train.labels), data.val, data.test, 3)",
         ("train", "list", "clnp.Samples")),
        ("data = TaskData(data.train, None, data.test, 3)", ("val", "NoneType", "clnp.Samples")),
        ("data = TaskData(data.train, (data.val.inputs, data.val.labels), data.test, 3)", ("val", "tuple")),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs[:, :0], data.test.labels), 3)",
         ("test", "torch.float32", "[6, 0]")),
        ("data.val.labels[0] = 3", ("val", "3")),
        ("data = TaskData(data.train, data.val, Samples(data.test.inputs[:0], data.test.labels[:0]), 3)", ("test", "0")),
        ("data = TaskData(Samples(data.train.inputs.double(), data.train.labels), data.val, data.test, 3)", ("torch.float64",)),
    ])
    def test_bad_data_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str,
                                 words: tuple[str, ...]) -> None:
        name = f"own_bad_{abs(hash(body))}"
        with pytest.raises(DataError, match=naming(*words)):
            load_task(own(tmp_path, monkeypatch, body, name), 1)

    @pytest.mark.parametrize(("body", "words"), [
        ("return None", ("NoneType", "task 1")),
        ("raise ValueError('no such file')", ("task 1", "ValueError", "no such file")),
        ("raise SystemExit('licence not accepted')", ("task 1", "SystemExit", "licence not accepted")),
        ("import asyncio; raise asyncio.CancelledError", ("task 1", "CancelledError")),
        ("data = TaskData(data.train, data.val, data.test, 3.0)", ("task 1", "3.0")),
        ("data = TaskData(data.train, data.val, data.test, True)", ("task 1", "bool")),
        ("data = TaskData(data.train, data.val, data.test, None)", ("task 1", "NoneType")),
        ("data = TaskData(data.train, data.val, data.test, torch.tensor(True))", ("task 1", "Tensor")),
        ("data = TaskData(data.train, data.val, data.test, torch.tensor([3, 3]))", ("task 1", "Tensor")),
        ("pass; Two.tasks = 'two'", ()),
    ])
    def test_a_wrong_object_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str,
                                       words: tuple[str, ...]) -> None:
        name = f"own_wrong_{abs(hash(body))}"
        spec = own(tmp_path, monkeypatch, body, name)
        if "two" in body:
            source = (tmp_path / f"{name}.py").read_text()
            (tmp_path / f"{name}.py").write_text(source.replace("tasks = 2", "tasks = 'two'"))
        with pytest.raises(DataError, match=naming(*words)):
            load_task(spec, 1)

    def test_tasks_that_one_network_cannot_read_have_a_hint_each(self) -> None:
        check_alike("lab", 2, (torch.Size([5]), 3), ((5,), 3))
        with pytest.raises(DataError, match=naming("task 2", "lab", "[6]", "task 1", "[5]")):
            check_alike("lab", 2, ((6,), 4), ((5,), 3))
        with pytest.raises(DataError, match=naming("task 2", "lab", 4, "task 1", 3)):
            check_alike("lab", 2, ((5,), 4), ((5,), 3))

    def test_a_module_that_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match=naming("no_such_module")):
            load_benchmark(BenchmarkSpec("no_such_module:Tasks", 0, {}, None, "unit"))

    def test_an_exception_in_it_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = own(tmp_path, monkeypatch, "pass", "own_args")
        with pytest.raises(DataError, match=naming("TypeError")):
            load_benchmark(BenchmarkSpec(spec.name, 0, {"colour": 1}, None, "unit"))

    @pytest.mark.parametrize("said", ["raise SystemExit('not here')", "exit('not here')", "import sys; sys.exit('not here')"])
    def test_a_module_that_ends_the_process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
        name = f"own_end_{abs(hash(said))}"
        spec = own(tmp_path, monkeypatch, "pass", name)
        (tmp_path / f"{name}.py").write_text(said)
        with pytest.raises(DataError, match=naming("SystemExit")) as ended:
            load_benchmark(spec)
        assert said in "".join(ended.value.__notes__), "the traceback goes with it"

    def test_a_count_of_tasks_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = own(tmp_path, monkeypatch, "pass", "own_count")
        source = (tmp_path / "own_count.py").read_text()
        (tmp_path / "own_count.py").write_text(source.replace("tasks = 2", "tasks = property(lambda self: 1 / 0)"))
        with pytest.raises(DataError, match=naming("ZeroDivisionError")):
            load_task(spec, 1)

    def test_an_unknown_name(self) -> None:
        with pytest.raises(ConfigError, match=naming("digits")):
            load_benchmark(BenchmarkSpec("digits", 0, {}, None, "unit"))
