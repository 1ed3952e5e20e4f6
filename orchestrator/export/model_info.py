"""Build the card of an export from the records, the sub-network and the measurements."""

import datetime
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from torch import Tensor

from clnp_core.analysis.model_size import multiply_adds
from clnp_core.network import Network, neurons_with_weights
from orchestrator.export.card import (
    VERSION,
    Ancestor,
    Card,
    CommitFacts,
    Counted,
    DataFacts,
    FileFacts,
    InputFacts,
    LatencyFacts,
    OutputFacts,
    Provenance,
    ScalingFacts,
    SelectionFacts,
    ServedTask,
    Size,
    VerificationFacts,
)
from orchestrator.export.formats import EXTRA, INPUT, OUTPUT, ModelFormat
from orchestrator.export.source import Material, Recorded
from orchestrator.export.verification import LOGIT_TOLERANCE, FileComparison, sentence
from workers.data.provenance import Origin
from workers.environment import code_version, package_versions

KNOWN_BEFOREHAND = ("The model answers for this task only and cannot say whether a sample belongs to it: the task of a sample "
                    "must be known beforehand (task-incremental learning).")


def card_of(found: Recorded, material: Material, small: Network, files: Sequence[FileFacts],
            comparisons: Sequence[FileComparison], latency: LatencyFacts) -> Card:
    """Return the card.

    Args:
        found: the records.
        material: networks and data.
        small: the extracted sub-network.
        files: the model files.
        comparisons: comparisons of every file with every commit and split.
        latency: the measurements.
    """
    run, data = found.run, material.data
    return Card(
        VERSION,
        ServedTask(run.name, found.task, run.tasks, run.benchmark, run.seed, KNOWN_BEFOREHAND),
        _input(found, material, small),
        _output(found, material, small),
        DataFacts(str(found.stage.split_digest), found.stage.task_fingerprint, len(data.train), len(data.val), len(data.test)),
        _counted(comparisons, "validation", found.commit.val_correct, found.commit.val_total),
        _counted(comparisons, "test", found.tested.test_correct, found.tested.test_total),
        CommitFacts(found.commit.digest, found.taken_from.task, found.taken_from.digest, tuple(
                        Ancestor(each.task, each.digest, each.parent_digest, each.created_at.isoformat())
                          for each in found.lineage)),
        _selection(found), size_of(small), size_of(material.taken_from), tuple(files), latency,
        VerificationFacts(sentence(comparisons), LOGIT_TOLERANCE, tuple(comparisons)),
        {form.runtime: loading(form, small.architecture.input_shape) for form in ModelFormat
         if any(file.format == form.value for file in files)},
        Provenance(run.seed, run.config_digest, run.config, run.code_version, run.package_versions, run.environment,
                   code_version(), _versions(), datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")))


def loading(form: ModelFormat, input_shape: Sequence[int]) -> str:
    """Return three lines of Python that load and run the file with the format's own package."""
    shape = ", ".join(map(str, (1, *input_shape)))
    if form is ModelFormat.ONNX:
        return (f'import numpy, onnxruntime\nmodel = onnxruntime.InferenceSession("{form.file}")\n'
                f'logits = model.run(None, {{"{INPUT}": numpy.zeros(({shape}), numpy.float32)}})[0]')
    return (f'import torch\nmodel = torch.export.load("{form.file}").module()\n'
            f"logits = model(torch.zeros({shape}))")


def size_of(network: Network) -> Size:
    """Return the size of a network."""
    architecture = network.architecture
    return Size(architecture.hidden, architecture.parameter_count(), multiply_adds(architecture))


def about(found: Recorded) -> Mapping[str, str]:
    """Return the metadata of a model file, which identifies it without its card. It does not depend on the commit that the file
    was exported from."""
    return {"clnp_task": str(found.task), "clnp_commit": found.commit.digest}


def _input(found: Recorded, material: Material, small: Network) -> InputFacts:
    architecture, origin = small.architecture, material.origin
    read = _inputs_read(small)
    inputs = [part.inputs for part in (material.data.train, material.data.val, material.data.test)]
    ends = (0.0, float(origin.white)) if origin else (
        min(float(each.min()) for each in inputs), max(float(each.max()) for each in inputs))
    return InputFacts(
        INPUT, "float32", architecture.input_shape, *ends, _meaning(found, origin), origin.pixels if origin else None,
        tuple(ScalingFacts(each.shift, each.scale) for each in origin.scalings) if origin else (),
        int(read.sum()), int((~read).sum()))


def _meaning(found: Recorded, origin: Origin | None) -> str:
    if origin is None:
        return (f"Inputs are what task({found.task}) of {found.run.benchmark} gives: the model scales nothing. Lowest and "
                "highest are over all samples of the task")
    values = (f"images of the data set {origin.data_set} in its own whole numbers, 0 to {origin.white}, as float32: the "
              "model scales them itself")
    if origin.pixels is None:
        return f"Inputs are {values}"
    return (f"Inputs are {values}. An image is read row by row and permuted: value j is its pixel pixels[j] (model_card.json), "
            "both counted from 0. The permutation is what makes the task: it belongs to the data and is not in the model")


def _inputs_read(small: Network) -> Tensor:
    """Return bool [values] or [channels]: whether the first layer has a nonzero weight for it."""
    return neurons_with_weights(small.architecture, 0, small.hidden[0].weight)


def _output(found: Recorded, material: Material, small: Network) -> OutputFacts:
    weight = small.head(found.task).weight
    dead = (~(weight != 0).flatten(1).any(dim=1)).nonzero().flatten().tolist()
    return OutputFacts(OUTPUT, small.architecture.classes, material.origin.classes if material.origin else None, tuple(dead))


def _counted(comparisons: Sequence[FileComparison], split: str, recorded: int | None, recorded_total: int | None) -> Counted:
    own = [each for each in comparisons if each.split == split]
    correct, total = min(each.correct for each in own), own[0].samples
    return Counted(correct, total, correct / total, recorded, recorded_total)


def _selection(found: Recorded) -> SelectionFacts:
    chosen, trial, rounds = found.selection, found.trial, found.commit.fine_tuning
    return SelectionFacts(
        chosen.rule.value, chosen.margin_points, trial.number, trial.key, trial.seed, trial.alpha, trial.learning_rate,
        chosen.thresholds, None if rounds is None else tuple(
            {"round": each.round, "thresholds": each.thresholds, "epochs_run": each.epochs_run} for each in rounds))


def _versions() -> dict[str, str]:
    """Return versions of this process's packages, including those that wrote the files."""
    found = dict(package_versions())
    for name in EXTRA:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def relative(part: float, whole: float) -> str:
    """Return a ratio such as ``7.3 %``, with at least two significant digits."""
    share = 100 * part / whole
    digits = 1 if share >= 1 or not share else 1 - math.floor(math.log10(share))
    return f"{share:.{digits}f} %"
