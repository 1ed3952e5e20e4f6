"""The model card of an export: immutable values that are written to ``model_card.json``.

Accuracies are counts, sizes bytes, times milliseconds; every field is named with its unit where it has one.
"""

import json
from dataclasses import dataclass
from typing import Any

from orchestrator.export.verification import FileComparison, Timing
from orchestrator.render.output import plain

VERSION = 1
"""Version of the card's fields."""


@dataclass(frozen=True, slots=True)
class ServedTask:
    """The task of the model. ``known_beforehand`` states that it is task-incremental: callers must know that a sample belongs
    to this task."""

    run: str
    task: int
    tasks_of_run: int
    benchmark: str
    benchmark_seed: int
    known_beforehand: str


@dataclass(frozen=True, slots=True)
class ScalingFacts:
    """An input scaling in the model, ``(values − shift) / scale``: one number each, or one per channel."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InputFacts:
    """The input of the model.

    Attributes:
        name: name of the input in ONNX.
        dtype: its dtype.
        shape: shape of one sample, without the batch dimension.
        lowest: lowest value in the data.
        highest: highest value in the data.
        meaning: meaning of the values, and required preprocessing.
        pixels: for a permuted task: value j is pixel ``pixels[j]`` of the image, row by row. The permutation is part of the
            data and not of the model.
        scalings: scalings that the model applies first.
        read: number of values (channels of an image) that the first layer reads. The others are accepted and have no effect.
        unread: number of values that it does not read.
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
    """The output of the model: logits, whose first maximum is the prediction.

    Attributes:
        name: name of the output in ONNX.
        classes: number of logits.
        stands_for: label k is class ``stands_for[k]`` of the data set; None if the benchmark defines its own labels.
        constant: labels with a constant logit, because all their weights were pruned. They keep their index.
    """

    name: str
    classes: int
    stands_for: tuple[int, ...] | None
    constant: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The data that the task was learnt on and the files were verified with."""

    split_digest: str
    task_fingerprint: str | None
    train_samples: int
    validation_samples: int
    test_samples: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Correct predictions of the exported files (the lower count, if they differ by a flipped sample), and the count recorded
    at the commit. ``accuracy`` is a fraction."""

    correct: int
    total: int
    accuracy: float
    recorded_correct: int | None
    recorded_total: int | None


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One commit of the lineage: the digest of its weights, and of its parent commit."""

    task: int
    digest: str
    parent_digest: str | None
    committed_at: str


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """The origin of the weights.

    Attributes:
        digest: digest of the task's own commit.
        taken_from_task: the task whose commit the network was exported from.
        taken_from_digest: digest of that commit. Its sub-network is bit-identical to that of the task's own commit.
        lineage: every commit up to that one, oldest first.
    """

    digest: str
    taken_from_task: int
    taken_from_digest: str
    lineage: tuple[Ancestor, ...]


@dataclass(frozen=True, slots=True)
class SelectionFacts:
    """The chosen trial, and how it was pruned: θ* of every hidden layer, None for an unpruned layer.

    ``fine_tuning`` has the rounds with their thresholds; None if the network was not fine-tuned.
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
    """The versions that made the run and the export."""

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
    """Size of a network. ``multiply_adds`` are per sample: every weight of a dense layer or a convolution counts once per
    position; biases, BatchNorm, nonlinearities and pooling are not counted. One multiply-add is two operations."""

    layers: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One model file, and the size of the full network in the same format. ``opset`` is the ONNX opset version."""

    name: str
    format: str
    file_bytes: int
    full_network_bytes: int
    sha256: str
    opset: int | None


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """Latency of one batch, of both networks in the same runtime with the same number of threads."""

    runtime: str
    batch: int
    sub_network: Timing
    full_network: Timing

    @property
    def times_faster(self) -> float:
        """Ratio of the medians."""
        return self.full_network.median_ms / self.sub_network.median_ms


@dataclass(frozen=True, slots=True)
class LatencyFacts:
    """The latency measurements and their device."""

    device: str
    threads: int
    measured: tuple[MeasuredLatency, ...]


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """The verification of the files; ``relative_tolerance`` is relative to the largest logit."""

    result: str
    relative_tolerance: float
    comparisons: tuple[FileComparison, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """The model card."""

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
        """Return the text of ``model_card.json``."""
        return json.dumps(plain(self), indent=1, allow_nan=False) + "\n"
