"""Export one task: cut out, written, read again, held against the committed network, measured; then it is there.

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
from orchestrator.export.latency import BATCHES, timed
from orchestrator.export.model_info import about, card_of
from orchestrator.export.source import Material, Recorded, material, recorded
from orchestrator.export.verification import FileComparison, compare, logits_of, require_same_bits
from orchestrator.runs.location import Place
from orchestrator.runs.run_names import folder_named_after

THREADS = 1
"""Of whatever is measured: two runtimes agree about nothing else."""

BUDGET_SECONDS = 1.0
"""How long the rounds of one measurement may take, if they are not the fewest."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is there: its folder, and its card."""

    folder: Path
    card: Card


def export_task(place: Place, run: str, task: int, output: str | Path | None = None, *,
                formats: Sequence[ModelFormat] = tuple(ModelFormat), from_commit: int | None = None) -> Export:
    """Write the sub-network of one task as small dense models, with a card, into a folder.

    The folder appears when everything in it has been read again from the disk and computes what the committed network does on
    all validation and test samples of the task; otherwise nothing appears, and an earlier export of the same task stays.

    Args:
        place: database and artifact store.
        run: its name.
        task: counted from 1; committed.
        output: the folder; None takes ``RUN-task-K`` in the working folder. It may hold an earlier export of the same task,
            which is replaced as a whole.
        formats: of the models.
        from_commit: take the network after the commit of this task, the same or a later one; None takes the task's own. The
            files are held against both.

    Raises:
        ConfigError: the folder cannot be used, a format needs a package that is missing, or ``from_commit`` is too early.
        NotFoundError: no such run or task.
        StateError: the task is not committed.
        ArtifactError: its weights are missing or damaged.
        DataError: its data is missing, damaged, or another one.
        ForgettingError: a file computes something else than the committed network.
    """
    if not formats:
        raise ConfigError("an export without a format holds no model", "name one: torch or onnx")
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
    """With the steps before it that make inputs of what the data set holds."""
    scalings = source.origin.scalings if source.origin else ()
    module = plain_module(network, task, [Scaled(each.shift, each.scale) for each in scalings])
    return program_of(module, network.architecture.input_shape)


def _raw(source: Material, inputs: Tensor) -> Tensor:
    """What the exported model takes, for inputs as the network was trained on."""
    return inputs if source.origin is None else source.origin.raw(inputs)


def _compared(found: Recorded, source: Material, calls: Mapping[ModelFormat, Call]) -> list[FileComparison]:
    """Every file against the task's own commit, and against the later one that it was taken from."""
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
    """The files beside the full network in the same format and runtime, on test samples (repeated, where there are too few)."""
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
    """So many inside; bits of the canonical evaluation depend on it, and so does what is measured."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
