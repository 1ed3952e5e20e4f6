"""What is said about an exported model: immutable values that become ``model_card.json`` as they are.

Accuracies are counts, sizes bytes, times milliseconds; every field is named with its unit where it has one.
"""

import json
from dataclasses import dataclass
from typing import Any

from orchestrator.export.latency import Timing
from orchestrator.export.verification import FileComparison
from orchestrator.render.output import plain

VERSION = 1
"""Of the card's fields."""


@dataclass(frozen=True, slots=True)
class ServedTask:
    """Which task the model serves. ``known_beforehand`` is what kind of model this is: whoever asks it must know that the
    sample belongs to this task."""

    run: str
    task: int
    tasks_of_run: int
    benchmark: str
    benchmark_seed: int
    known_beforehand: str


@dataclass(frozen=True, slots=True)
class ScalingFacts:
    """A first step of the model, ``(values − shift) / scale``: one number each, or one for every channel."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InputFacts:
    """What the model takes.

    Attributes:
        name: of the input, in ONNX.
        dtype: of its values.
        shape: of one sample; a batch of any size comes before it.
        lowest: value of the data.
        highest: value of the data.
        meaning: what the values are, and what has to be done to them before.
        pixels: of a permuted task: value j is pixel ``pixels[j]`` of the image, read row by row. The permutation belongs to
            the data: it is not in the model.
        scalings: what the model itself does to them first.
        read: values (of an image: channels) that the first layer reads at all. The others are taken and make no difference.
        unread: how many it does not read.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    lowest: float
    highest: float
    meaning: str
    pixels: tuple[int, ...] | None
    scalings: tuple[ScalingFacts, ...]
    read: int
    unread: int


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What the model gives: logits, the first largest of which is the prediction.

    Attributes:
        name: of the output, in ONNX.
        classes: how many logits there are.
        stands_for: label k is class ``stands_for[k]`` of the data set; None where the labels are the benchmark's own.
        constant: labels whose logit no sample changes, because nothing is left of their weights. They keep their place.
    """

    name: str
    classes: int
    stands_for: tuple[int, ...] | None
    constant: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The data that the task was learnt on, and that the files were held against."""

    split_digest: str
    task_fingerprint: str | None
    train_samples: int
    validation_samples: int
    test_samples: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Right predictions of the exported files (of the one with fewer, should a flipped sample tell them apart), and what was
    recorded when the task was committed. ``accuracy`` is a fraction."""

    correct: int
    total: int
    accuracy: float
    recorded_correct: int | None
    recorded_total: int | None


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One commit of the lineage: the digest of its weights, and that of the commit it stands on."""

    task: int
    digest: str
    parent_digest: str | None
    committed_at: str


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """Where the weights come from.

    Attributes:
        digest: of the task's own commit.
        taken_from_task: the task after whose commit the network was taken.
        taken_from_digest: of that commit. The sub-network in it is bit for bit the one in the task's own.
        lineage: every commit up to that one, oldest first.
    """

    digest: str
    taken_from_task: int
    taken_from_digest: str
    lineage: tuple[Ancestor, ...]


@dataclass(frozen=True, slots=True)
class SelectionFacts:
    """Which trial became the commit, and how it was pruned: θ* of every hidden layer, None where nothing was pruned by it.

    ``fine_tuning`` has a round each with the thresholds of its pruning; None where the network was not fine-tuned.
    """

    rule: str
    margin_points: str
    trial: int
    trial_key: str
    trial_seed: int
    alpha: tuple[float, ...]
    learning_rate: float
    thresholds: tuple[float | None, ...]
    fine_tuning: tuple[dict[str, object], ...] | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the run, and what made the export."""

    seed: int
    config_digest: str
    config: dict[str, Any]
    code_version: str
    package_versions: dict[str, Any]
    environment: dict[str, object] | None
    exported_by: str
    exported_with: dict[str, str]
    exported_at: str


@dataclass(frozen=True, slots=True)
class Size:
    """What a network costs. ``multiply_adds`` are counted for one sample: every weight of a dense layer or a convolution once
    for each position that it is used at; biases, BatchNorm, nonlinearities and pooling are left out. One is two operations."""

    layers: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One model file, and how large one of the full network is in the same format. ``opset`` is that of ONNX's operators."""

    name: str
    format: str
    file_bytes: int
    full_network_bytes: int
    sha256: str
    opset: int | None


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """How long one batch takes, in the same runtime with as many threads."""

    runtime: str
    batch: int
    sub_network: Timing
    full_network: Timing

    @property
    def times_faster(self) -> float:
        """Of the medians."""
        return self.full_network.median_ms / self.sub_network.median_ms


@dataclass(frozen=True, slots=True)
class LatencyFacts:
    """What was measured, on what."""

    device: str
    threads: int
    measured: tuple[MeasuredLatency, ...]


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """What the files on disk were held against; ``relative_tolerance`` is of the largest logit."""

    result: str
    relative_tolerance: float
    comparisons: tuple[FileComparison, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """All of it."""

    card_version: int
    task: ServedTask
    input: InputFacts
    output: OutputFacts
    data: DataFacts
    validation: Counted
    test: Counted
    commit: CommitFacts
    selection: SelectionFacts
    sub_network: Size
    full_network: Size
    files: tuple[FileFacts, ...]
    latency: LatencyFacts
    verification: VerificationFacts
    loading: dict[str, str]
    provenance: Provenance

    def to_json(self) -> str:
        """The text of ``model_card.json``."""
        return json.dumps(plain(self), indent=1, allow_nan=False) + "\n"
