"""Values of a run as text for sentences and table cells."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clnp_core.architecture import Architecture, HeadKind, Layer
from clnp_core.selection import Score
from clnp_core.words import plural as plural
from orchestrator.render.matrices import percent
from workers.methods import recorded_method
from workers.spec import Schedule

if TYPE_CHECKING:
    from db.rows import TrialRow

NOTHING = "-"
"""Shown in a cell whose value is unknown or does not apply."""


def divides_the_network(method: str) -> bool:
    """Whether tasks of a recorded method get separate neurons, so that margin, thresholds and capacity apply. True for a method
    that this version does not know."""
    known = recorded_method(method)
    return known is None or known.divides_the_network


def ranges(numbers: Sequence[int]) -> str:
    """``0, 1, 2, 5`` → ``0 to 2, 5``."""
    groups: list[list[int]] = []
    for number in sorted(numbers):
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(group[0]) if len(group) == 1 else
                     f"{group[0]}, {group[-1]}" if len(group) == 2 else f"{group[0]} to {group[-1]}" for group in groups)


def points_text(margin_points: str) -> str:
    """Return a margin as ``1 percentage point`` or ``0.05 percentage points``."""
    return f"{margin_points} percentage point{'' if margin_points == '1' else 's'}"


def number_text(value: float) -> str:
    """Return the shortest text that parses to the same number: ``1e-5``, ``0.002``."""
    text = repr(float(value))
    mantissa, sign, exponent = text.partition("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(exponent)}" if sign else mantissa


def rate_text(value: float) -> str:
    """A learning rate."""
    return number_text(value)


def alpha_text(values: Sequence[float]) -> str:
    """Return α of every layer; one number if all are the same."""
    return " ".join(number_text(value) for value in (values if len(set(values)) > 1 else values[:1]))


def thresholds_text(values: Sequence[float | None] | None) -> str:
    """Return θ* of every hidden layer with four digits: ``0.3257 / 0.5218``; one number if all are the same."""
    if not values:
        return NOTHING
    texts = ["none" if value is None else f"{value:.4g}" for value in values]
    return texts[0] if len(set(values)) == 1 else " / ".join(texts)


def percent_or_nothing(part: int | None, total: int | None) -> str:
    """Return a ratio in percent, or :data:`NOTHING` if a count is unknown."""
    return NOTHING if part is None or not total else percent(part / total)


def seconds_text(seconds: float | None) -> str:
    """A duration: ``4.2 s``, ``3.5 min``, ``2.0 h``."""
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def time_text(moment: datetime | None) -> str:
    """A moment, in UTC."""
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def bytes_text(count: int) -> str:
    """``814 B``, ``1.2 MB``; a kilobyte has 1,000 bytes."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def architecture_text(network: Architecture) -> str:
    """``64-200-200-10, relu, one head for all tasks``; convolutions as ``3×32×32 > conv 32 > conv 32, pool > 512 > 10``."""
    head = "one head for all tasks" if network.head is HeadKind.SINGLE else "a head per task"
    head += " with bias" if network.head_bias else ""
    activations = ", ".join(dict.fromkeys(layer.activation.value for layer in network.layers))
    if len(network.input_shape) == 1:
        return f"{'-'.join(map(str, (network.inputs, *network.hidden, network.classes)))}, {activations}, {head}"
    chain = ["×".join(map(str, network.input_shape)), *map(_layer_text, network.layers),
             f"{'conv ' if network.output else ''}{network.classes}{', average' if network.output else ''}"]
    return f"{' > '.join(chain)}; {activations}, {head}"


def _layer_text(layer: Layer) -> str:
    """``conv 64, norm, max pool, dropout 0.25``; a dense layer is its number of neurons."""
    parts = [f"conv {layer.neurons}" if layer.convolution else str(layer.neurons)]
    parts += ["norm"] if layer.batch_norm else []
    parts += [f"{layer.pool.kind.value} pool"] if layer.pool else []
    parts += [f"dropout {number_text(layer.dropout)}"] if layer.dropout else []
    return ", ".join(parts)


def training_text(training: Mapping[str, Any]) -> str:
    """Return optimizer, batches and epochs as text.

    Args:
        training: the recorded section of a config. It is not parsed as a config, which takes a quarter of a second.

    Raises:
        KeyError, TypeError: it was recorded by a version with other keys.
    """
    parts = [str(training["optimizer"]), f"batches of {training['batch_size']}", plural(training["epochs"], "epoch")]
    if training["milestones"]:
        after = ", ".join(map(str, training["milestones"]))
        parts.append(f"learning rate x {number_text(training['gamma'])} after epoch {after}")
    if training.get("schedule") == Schedule.COSINE:
        parts.append("learning rate along a cosine to 0")
    window = training.get("free_window")
    if window is not None:
        neurons = window if isinstance(window, int) or len(set(window)) > 1 else window[0]
        parts.append(f"at most {neurons:,} free neurons of each layer" if isinstance(neurons, int)
                     else f"at most {' and '.join(f'{bound:,}' for bound in neurons)} free neurons of the layers")
    if training["early_stopping_patience"] is not None:
        parts.append(f"early stopping after {plural(training['early_stopping_patience'], 'epoch')} without improvement")
    if training.get("precision", "float32") != "float32":
        parts.append(f"matrix products in {training['precision']}")
    return ", ".join(parts)


def score_text(score: Score) -> str:
    """Return what follows the word "threshold" where a score is not the paper's; nothing where it is."""
    return "" if score.is_activity else f" on the score {score}"


def device_text(environment: dict[str, Any] | None) -> str:
    """Return the recorded environment as text."""
    if not environment:
        return NOTHING
    return ", ".join(f"{environment[key]}" if key == "device" else f"{key} {environment[key]}" for key in sorted(
        environment, key=lambda key: (key != "device", key)))


def verdict_text(row: "TrialRow") -> str:
    """The verdict on a trial, or where it stands while there is none; a teacher is judged by no selection."""
    if row.failure_kind:
        return f"failed: {row.failure_kind.value}"
    if row.val_correct is not None and not row.role.can_be_chosen:
        return row.role.value
    return row.verdict.value if row.verdict else row.state.value


def teachers_text(rows: "Sequence[TrialRow]") -> str:
    """The teachers of a task and what they cost: ``trials 9 to 10, 83 s``. Those that were taken over cost nothing here."""
    seconds = sum(row.total_seconds or 0.0 for row in rows if row.reused_from is None)
    return f"{'trial' if len(rows) == 1 else 'trials'} {ranges([row.number for row in rows])}, {seconds_text(seconds)}"


def why_text(row: "TrialRow") -> str:
    """Return the reason of a verdict or failure."""
    return row.verdict_reason or row.failure_reason or ""
