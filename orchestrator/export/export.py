"""Export one task: extract, write, reload, compare with the committed network, measure latency, publish.

    from orchestrator.export.export import export_task
    from orchestrator.runs.location import Place
    exported = export_task(Place.of(), "demo", 3, "digits-3")
    print(exported.card.verification.result)
"""

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from clnp_core.compact import extract
from clnp_core.errors import ConfigError
from clnp_core.evaluation import canonical_logits
from clnp_core.network import Network
from clnp_core.to_torch import Scaled, plain_module
from orchestrator.export.card import Card, FileFacts, LatencyFacts, MeasuredLatency
from orchestrator.export.card_text import card_text
from orchestrator.export.export_dir import CARD, CARD_TEXT, checked, whole
from orchestrator.export.formats import (
    OPSET,
    Call,
    ModelFormat,
    content,
    opened,
    program_of,
    require_packages,
)
from orchestrator.export.model_info import about, card_of
from orchestrator.export.source import Material, Recorded, material, recorded
from orchestrator.export.verification import BATCHES, FileComparison, compare, logits_of, require_same_bits, timed
from orchestrator.runs.location import Place
from orchestrator.runs.run_names import folder_named_after

THREADS = 1
"""Number of threads of the measurements, which all runtimes support."""

BUDGET_SECONDS = 1.0
"""Time limit for the rounds of one measurement, beyond the minimum number of rounds."""


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: its folder, and its card."""

    folder: Path
    card: Card


def export_task(place: Place, run: str, task: int, output: str | Path | None = None, *,
                formats: Sequence[ModelFormat] = tuple(ModelFormat), from_commit: int | None = None) -> Export:
    """Write the sub-network of one task as small dense models, with a card, into a folder.

    The folder is created after all files have been reloaded from disk and agree with the committed network on all validation
    and test samples of the task; otherwise nothing is created, and an earlier export of the same task stays.

    Args:
        place: database and artifact store.
        run: its name.
        task: counted from 1; committed.
        output: the folder; None uses ``RUN-task-K`` in the working folder. An earlier export of the same task is replaced as a
            whole.
        formats: formats of the models.
        from_commit: export from the commit of this task, the same or a later one; None uses the task's own. The files are
            compared with both.

    Raises:
        ConfigError: the folder cannot be used, a format needs a package that is missing, or ``from_commit`` is too early.
        NotFoundError: no such run or task.
        StateError: the task is not committed.
        ArtifactError: its weights are missing or damaged.
        DataError: its data is missing, damaged, or has changed.
        ForgettingError: a file does not agree with the committed network.
    """
    if not formats:
        raise ConfigError("an export needs at least one format", "use torch, onnx or both")
    for form in formats:
        require_packages(form)
    with place.reads() as reads:
        found = recorded(reads, run, task, from_commit)
    target = checked(output if output is not None else folder_named_after(run, f"-task-{task}"), run, task)
    source = material(found, place)
    small = extract(source.taken_from, task)
    if found.taken_from.digest != found.commit.digest:
        require_same_bits(small, extract(source.own, task), task, found.taken_from.task)
    programs = [_program(network, task, source) for network in (small, source.taken_from)]
    with whole(target, run, task) as write, _torch_threads(found.config.resources.threads_per_trial):
        files = {form: write(form.file, content(programs[0], form, about(found))) for form in formats}
        comparisons = _compared(found, source, {form: opened(file, form) for form, file in files.items()})
        whole_models = {form: content(programs[1], form, about(found)) for form in formats}
        latency = _latency(files, whole_models, _raw(source, source.data.test.inputs))
        card = card_of(found, source, small, [_facts(form, file, len(whole_models[form]))
                                              for form, file in files.items()], comparisons, latency)
        write(CARD, card.to_json().encode())
        write(CARD_TEXT, card_text(card).encode())
    return Export(target, card)


def _program(network: Network, task: int, source: Material) -> ExportedProgram:
    """Return the program, including the scaling of raw inputs."""
    scalings = source.origin.scalings if source.origin else ()
    module = plain_module(network, task, [Scaled(each.shift, each.scale) for each in scalings])
    return program_of(module, network.architecture.input_shape)


def _raw(source: Material, inputs: Tensor) -> Tensor:
    """Return the inputs of the exported model for inputs of the network."""
    return inputs if source.origin is None else source.origin.raw(inputs)


def _compared(found: Recorded, source: Material, calls: Mapping[ModelFormat, Call]) -> list[FileComparison]:
    """Compare every file with the task's own commit, and with the later commit that it was exported from."""
    networks = {found.commit.task: source.own, found.taken_from.task: source.taken_from}
    comparisons = []
    for split, samples in (("validation", source.data.val), ("test", source.data.test)):
        raw = _raw(source, samples.inputs)
        actual = {form: logits_of(call, raw) for form, call in calls.items()}
        for after_task, network in networks.items():
            expected = canonical_logits(network, samples.inputs, found.task, found.config.evaluation.batch_size)
            comparisons += [compare(form.file, after_task, split, logits, expected, samples.labels)
                            for form, logits in actual.items()]
    return comparisons


def _latency(files: Mapping[ModelFormat, Path], whole_models: Mapping[ModelFormat, bytes], inputs: Tensor) -> LatencyFacts:
    """Measure the files and the full network in the same format and runtime, on test samples (repeated if too few)."""
    measured = []
    with _torch_threads(THREADS):
        for form, file in files.items():
            calls = (opened(file, form, THREADS), opened(whole_models[form], form, THREADS))
            for batch in BATCHES:
                samples = inputs[torch.arange(batch) % len(inputs)]
                small_time, full_time = timed([partial(call, samples) for call in calls], BUDGET_SECONDS)
                measured.append(MeasuredLatency(form.runtime, batch, small_time, full_time))
    device = f"CPU {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return LatencyFacts(device, THREADS, tuple(measured))


def _facts(form: ModelFormat, file: Path, full_network_bytes: int) -> FileFacts:
    on_disk = file.read_bytes()
    return FileFacts(form.file, form.value, len(on_disk), full_network_bytes, hashlib.sha256(on_disk).hexdigest(),
                     OPSET if form is ModelFormat.ONNX else None)


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Set the number of torch threads for a block; the bits of the canonical evaluation and latencies depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
