"""Write a module to a file, and load the file as a callable: ``torch.export`` and ONNX.

Both are written from one exported program with a dynamic batch size. The same module gives the same bytes: what depends on the
machine (paths of the traced code) is removed.
"""

import importlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from clnp_core.errors import ConfigError

INPUT, OUTPUT = "input", "logits"
"""Names of the input and output of the ONNX model."""

OPSET = 18
"""The ONNX opset, supported by onnxruntime since 1.14."""

EXTRA = ("onnx", "onnxscript", "onnxruntime")
"""Packages of the extra ``clnp[export]``."""

Call = Callable[[Tensor], Tensor]
"""float32 [batch, *input shape] → float32 [batch, classes]."""


class ModelFormat(StrEnum):
    """The format of a model file."""

    ONNX = "onnx"
    TORCH = "torch"

    @property
    def file(self) -> str:
        """File name in the folder of an export."""
        return "model.onnx" if self is ModelFormat.ONNX else "model.pt2"

    @property
    def runtime(self) -> str:
        """The runtime that executes it."""
        return "onnxruntime" if self is ModelFormat.ONNX else "torch"


def require_packages(form: ModelFormat) -> None:
    """Check that a format can be written and verified here.

    Raises:
        ConfigError: a package of the extra is not installed.
    """
    for name in EXTRA if form is ModelFormat.ONNX else ():
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(f"the format onnx needs the package {name}, which is not installed",
                              "pip install 'clnp[export]'; or use --format torch, which needs no further package") from error


def program_of(module: nn.Module, input_shape: tuple[int, ...]) -> ExportedProgram:
    """Return the module as a program for any batch size, traced with zeros."""
    with _patient_with_exporters():
        program = torch.export.export(module, (torch.zeros(2, *input_shape),), dynamic_shapes=({0: Dim("batch")},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # contains paths of this machine
    return program


def content(program: ExportedProgram, form: ModelFormat, about: Mapping[str, str]) -> bytes:
    """Return the bytes of the file.

    Args:
        program: from :func:`program_of`.
        form: the format.
        about: metadata: properties of the ONNX model, or extra files of the program.
    """
    if form is ModelFormat.ONNX:
        return _onnx(program, about)
    written = io.BytesIO()
    torch.export.save(program, written, extra_files={f"{name}.txt": text for name, text in about.items()})
    return written.getvalue()


def opened(model: Path | bytes, form: ModelFormat, threads: int = 1) -> Call:
    """Load a file as a callable.

    Args:
        model: the file, or its bytes.
        form: its format.
        threads: threads of onnxruntime; torch uses those of this process.
    """
    if form is ModelFormat.ONNX:
        return _session(model, threads)
    with _patient_with_exporters():
        program = torch.export.load(io.BytesIO(model) if isinstance(model, bytes) else model)
    module = program.module()

    def call(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = module(inputs)
            return logits

    return call


def _onnx(program: ExportedProgram, about: Mapping[str, str]) -> bytes:
    import onnx

    with _patient_with_exporters():
        found = torch.onnx.export(program, dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
                                  external_data=False, verbose=False)
    if found is None:
        raise ConfigError("this version of torch cannot export to ONNX", "install the one that constraints.txt names")
    model = found.model_proto
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]  # details of the conversion, not needed to run it
    for value in (*graph.input, *graph.output, *graph.value_info):
        shape = value.type.tensor_type.shape
        if shape.dim and shape.dim[0].HasField("dim_param"):
            shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(model, dict(about))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _session(model: Path | bytes, threads: int) -> Call:
    onnxruntime: Any = importlib.import_module("onnxruntime")  # it has no annotations
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options,
                                           providers=["CPUExecutionProvider"])

    def call(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: inputs.numpy()})[0])

    return call


@contextmanager
def _patient_with_exporters() -> Iterator[None]:
    """Ignore a deprecation warning that torch's exporter causes in its own code."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        yield
