"""A network as a chain of layers, described as data.

The description holds no weights. It knows how many neurons each hidden layer has, what each one reads, and how the
output is organised, which is all that freezing, pruning and capacity need. It survives JSON, so it can stand in an artifact
and in the database.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clnp_core.errors import ConfigError


class Activation(StrEnum):
    """The nonlinearity after every hidden layer. The paper uses ReLU (§2.2) and expects others to work similarly."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    GELU = "gelu"
    ELU = "elu"
    SILU = "silu"


class HeadKind(StrEnum):
    """How the output serves several tasks (paper §2.1, "Output architecture")."""

    MULTI = "multi"
    """Every task has its own output layer over the neurons that are active after it, old and new."""

    SINGLE = "single"
    """One output layer; each task reads only the last-hidden neurons that it activated itself."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A chain input → hidden layers → output.

    Attributes:
        inputs: values per sample, flattened (always active).
        hidden: neurons of each hidden layer, first to last.
        classes: outputs of one head.
        activation: the nonlinearity of every hidden layer.
        head: multi-head or single-head.
        head_bias: whether a head has a bias. Refused for a single head: tasks would share it.
    """

    inputs: int
    hidden: tuple[int, ...]
    classes: int
    activation: Activation = Activation.RELU
    head: HeadKind = HeadKind.SINGLE
    head_bias: bool = False

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.classes < 1 or not self.hidden or min(self.hidden) < 1:
            raise ConfigError(
                f"a network of {self.inputs} inputs, hidden widths {list(self.hidden)} and {self.classes} classes "
                "is impossible", "inputs, classes and every width must be at least 1, with one hidden layer or more")
        if self.head is HeadKind.SINGLE and self.head_bias:
            raise ConfigError("a single head cannot have a bias: all tasks would share it and forget",
                              "set head_bias to false, or use a multi-head network")

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.hidden)

    @property
    def hidden_total(self) -> int:
        """Neurons over all hidden layers: the denominator of sparsity."""
        return sum(self.hidden)

    def fan_in(self, layer: int) -> int:
        """Values that a neuron of hidden layer ``layer`` (0-based; ``depth`` is the output) reads."""
        return self.inputs if layer == 0 else self.hidden[layer - 1]

    def parameter_count(self) -> int:
        """Weights and biases of the dense network with one head."""
        hidden = sum((self.fan_in(layer) + 1) * width for layer, width in enumerate(self.hidden))
        return hidden + self.classes * (self.hidden[-1] + int(self.head_bias))

    def with_hidden(self, widths: Sequence[int]) -> "Architecture":
        """The same network with other widths (see :func:`clnp_core.partition.widen`)."""
        return dataclasses.replace(self, hidden=tuple(widths))

    def to_json(self) -> dict[str, Any]:
        """A JSON-able description; :meth:`from_json` is its inverse."""
        return {"inputs": self.inputs, "hidden": list(self.hidden), "classes": self.classes,
                "activation": str(self.activation), "head": str(self.head), "head_bias": self.head_bias}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Architecture":
        """The network that :meth:`to_json` described."""
        return cls(data["inputs"], tuple(data["hidden"]), data["classes"], Activation(data["activation"]),
                   HeadKind(data["head"]), data["head_bias"])
