"""A network that reads images, layer by layer, for `clnp launch --dry-run`."""

from clnp_core.architecture import Architecture, Layer, Window
from orchestrator.render.format import number_text
from orchestrator.render.table import Column, number, render


def network_table(network: Architecture, width: int | None) -> str:
    """What each layer does, what it passes on, and how many parameters it has; the output last.

    Args:
        network: the whole network.
        width: characters of a line, if there is a limit.
    """
    rows = []
    for index, layer in enumerate(network.layers):
        parameters = layer.neurons * (network.fan_in(index) + (2 if layer.batch_norm else 1))
        rows.append([str(index + 1), _weights(layer.convolution), f"{layer.neurons:,}", _then(layer),
                     "×".join(map(str, network.maps[index])) or "-", f"{parameters:,}"])
    last = network.classes * (network.fan_in(network.depth) + int(network.head_bias))
    rows.append(["output", _weights(network.output), f"{network.classes:,}", "average" if network.output else "-", "-",
                 f"{last:,}"])
    return render([number("layer"), Column("weights"), number("neurons"), Column("then", prose=True), Column("map passed on"),
                   number("parameters")], rows, width)


def _weights(window: Window | None) -> str:
    return "dense" if window is None else f"conv {_window(window)}"


def _then(layer: Layer) -> str:
    """What follows the weights, in the order of the computation."""
    parts = ["norm"] if layer.batch_norm else []
    parts.append(layer.activation.value)
    if layer.pool is not None:
        parts.append(f"{layer.pool.kind.value} pool {_window(layer.pool.window)}")
    if layer.dropout:
        parts.append(f"dropout {number_text(layer.dropout)}")
    return ", ".join(parts)


def _window(window: Window) -> str:
    """``3×3``, ``3×3 stride 2 padding 1``."""
    text = f"{window.kernel}×{window.kernel}"
    text += f" stride {window.stride}" if window.stride != 1 else ""
    return text + (f" padding {window.padding}" if window.padding else "")
