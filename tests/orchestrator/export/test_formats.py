"""Modules as files, read again: what they compute, that their bytes repeat, and what stands in them."""

import hashlib
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor
from torch.export import ExportedProgram

from clnp_core.architecture import Architecture
from clnp_core.compact import extract
from clnp_core.errors import ConfigError
from clnp_core.evaluation import canonical_logits
from clnp_core.network import Network
from clnp_core.to_torch import Scaled, plain_module
from orchestrator.export.formats import OPSET, ModelFormat, content, opened, program_of, require_packages
from tests.clnp_core.builders import CONVOLUTIONAL, FULLY_CONVOLUTIONAL, drawn_network, generator
from tests.messages import naming

ROOT = Path(__file__).resolve().parents[3]
ABOUT = {"clnp_task": "1", "clnp_commit": "ab12"}
SCALING = ([0.5, -0.25], [2.0, 4.0])


def network_of(architecture: Architecture) -> Network:
    return extract(drawn_network(architecture, 2, seed=4), 1)


def raw_and_scaled(architecture: Architecture, samples: int) -> tuple[Tensor, Tensor]:
    raw = torch.randn(samples, *architecture.input_shape, generator=generator(samples))
    return raw, Scaled(*SCALING)(raw)


@cache
def written(architecture: Architecture, form: ModelFormat) -> bytes:
    """A model of that network, once for all tests: writing one takes a second or two."""
    return content(program(architecture), form, ABOUT)


@cache
def program(architecture: Architecture) -> ExportedProgram:
    return program_of(plain_module(network_of(architecture), 1, [Scaled(*SCALING)]), architecture.input_shape)


@pytest.mark.parametrize("architecture", [CONVOLUTIONAL, FULLY_CONVOLUTIONAL], ids=["every layer", "a convolutional head"])
def test_both_files_compute_what_the_network_does_in_batches_of_any_size(architecture: Architecture) -> None:
    network = network_of(architecture)
    for form in ModelFormat:
        call = opened(written(architecture, form), form)
        for samples in (1, 2, 7):
            raw, inputs = raw_and_scaled(architecture, samples)
            expected = canonical_logits(network, inputs, 1)
            assert torch.allclose(call(raw), expected, rtol=0, atol=1e-5 * float(expected.abs().max())), form


SCRIPT = """
import hashlib
from tests.orchestrator.export.test_formats import CONVOLUTIONAL, ModelFormat, written
print(*(hashlib.sha256(written(CONVOLUTIONAL, form)).hexdigest() for form in ModelFormat))
"""


@pytest.mark.slow
def test_the_same_network_gives_the_same_bytes_in_another_process() -> None:
    here = [hashlib.sha256(written(CONVOLUTIONAL, form)).hexdigest() for form in ModelFormat]
    there = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, capture_output=True, text=True)
    assert there.stdout.split() == here


def test_what_stands_in_the_files(tmp_path: Path) -> None:
    for form in ModelFormat:
        for path in (ROOT, Path(torch.__file__).parent):
            assert str(path).encode() not in written(CONVOLUTIONAL, form), "where the code lies is nobody else's business"
    model = onnx.load_from_string(written(CONVOLUTIONAL, ModelFormat.ONNX))
    assert [each.version for each in model.opset_import if each.domain == ""] == [OPSET]
    assert {each.key: each.value for each in model.metadata_props} == ABOUT
    shapes = [[side.dim_param or side.dim_value for side in each.type.tensor_type.shape.dim]
              for each in (*model.graph.input, *model.graph.output)]
    assert [model.graph.input[0].name, model.graph.output[0].name] == ["input", "logits"]
    assert shapes == [["batch", 2, 8, 8], ["batch", 3]]
    (tmp_path / "model.pt2").write_bytes(written(CONVOLUTIONAL, ModelFormat.TORCH))
    inside = {"clnp_task.txt": "", "clnp_commit.txt": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=inside)
    assert inside == {"clnp_task.txt": "1", "clnp_commit.txt": "ab12"}


@pytest.mark.parametrize("absent", ["onnx", "onnxscript", "onnxruntime"])
def test_a_package_of_the_extra_that_is_missing(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, absent, None)  # Python's own way to say that there is no such module
    with pytest.raises(ImportError):
        importlib.import_module(absent)
    with pytest.raises(ConfigError, match=naming(absent, "clnp[export]", "--format")):
        require_packages(ModelFormat.ONNX)
    require_packages(ModelFormat.TORCH)
