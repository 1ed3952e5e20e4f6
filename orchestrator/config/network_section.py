"""The network that all tasks of a run share: dense widths, a chain of layers, or a network by name."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from clnp_core.architecture import Activation, Architecture
from clnp_core.errors import ConfigError
from clnp_core.networks import BUILT_IN_NETWORKS, Chain, dense_chain, scaled
from orchestrator.config.choices import HeadChoice
from orchestrator.config.errors import nearest, show
from orchestrator.config.layer_sections import LayerSection, OutputSection, misplaced
from orchestrator.config.numbers import Count, Float
from orchestrator.config.sweep_section import Section
from orchestrator.config.user_code import IMPORT_PATH, json_value

WRITTEN_OUT, UNREADABLE = "written out", "unreadable"
"""Keys of the validation context: the custom network is already written out, or the error that prevented it."""


def _derived_bias(data: Mapping[str, Any]) -> bool:
    return data.get("head") is HeadChoice.MULTI


class NetworkSection(Section):
    """The network that all tasks share. Exactly one of ``name``, ``layers`` and ``hidden`` describes it.

    A custom network is recorded as its ``layers`` and ``output``; ``name`` and ``params`` record where it came from.
    """

    name: Annotated[str, Field(strict=True)] | None = Field(
        default=None,
        description=f"one of {', '.join(BUILT_IN_NETWORKS)}, or module:callable for a network of your own")
    width_factor: Annotated[Float, Field(gt=0, le=100)] = Field(
        default=1.0, description="factor on every hidden width of a built-in network, above 0 and at most 100")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="arguments for a network of your own: text, numbers, booleans, null, lists and sections of these")
    activation: Activation = Field(
        default=Activation.RELU, description="the nonlinearity of every hidden layer that names none of its own")
    layers: Annotated[tuple[LayerSection, ...], Field(min_length=1)] | None = Field(
        default=None, validate_default=True,
        description="the hidden layers, a list of {kind: conv, neurons: ..., kernel: ...} and {kind: dense, neurons: ...}")
    output: OutputSection | None = Field(
        default=None,
        description="{kernel, stride, padding} of a convolutional output that is averaged over its map; null for a dense one")
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] | None = Field(
        default=None, validate_default=True,
        description="neurons of each hidden layer, a list of whole numbers of at least 1")
    head: HeadChoice = Field(
        default=HeadChoice.SINGLE,
        description="multi gives every task its own output layer, single shares one with a mask per task")
    head_bias: Annotated[bool, Field(strict=True)] = Field(
        default_factory=_derived_bias, json_schema_extra={"default": "true for multi, else false"},
        description="true or false; null means true for a multi-head and false for a single-head network")

    @field_validator("name")
    @classmethod
    def _known_or_importable(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None or name in BUILT_IN_NETWORKS:
            return name
        unreadable = _context(info, UNREADABLE)
        if isinstance(unreadable, ConfigError):
            raise ValueError(f"{unreadable.message}\n{unreadable.hint}")
        if IMPORT_PATH.fullmatch(name):
            return name
        if ":" in name:
            raise ValueError(f"{show(name)} is not an import path\nwrite module:callable, for example my_lab.nets:make")
        raise ValueError(f"there is no network {show(name)}\n{nearest(name, BUILT_IN_NETWORKS)}; "
                         "a network of your own is written module:callable")

    @field_validator("width_factor")
    @classmethod
    def _scales_what_is_built_in(cls, factor: float, info: ValidationInfo) -> float:
        if factor != 1 and info.data.get("name", "") not in BUILT_IN_NETWORKS and "name" in info.data:
            raise ValueError("cannot be used without a built-in network in network.name\n"
                             "remove it, and set the widths that you want")
        return factor

    @field_validator("params")
    @classmethod
    def _only_for_own(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("name", "")
        if params and (name is None or name in BUILT_IN_NETWORKS):
            raise ValueError("cannot be used without a network of your own in network.name\nremove it")
        return {key: json_value(value, key) for key, value in params.items()}

    @field_validator("activation")
    @classmethod
    def _names_its_own(cls, activation: Activation, info: ValidationInfo) -> Activation:
        if activation is not Activation.RELU and info.data.get("name"):
            raise ValueError(f"cannot be used with {info.data['name']}, whose layers name their own\nremove it")
        return activation

    @field_validator("layers")
    @classmethod
    def _is_a_chain(cls, layers: tuple[LayerSection, ...] | None, info: ValidationInfo) -> tuple[LayerSection, ...] | None:
        name = info.data.get("name")
        written_out = name is not None and name not in BUILT_IN_NETWORKS and _context(info, WRITTEN_OUT)
        if layers is None:
            if written_out:
                raise ValueError(f"is missing, and {name} is not imported again for a recorded run\n"
                "restore the recorded config, which has been changed")
            return None
        if name is not None and not written_out:
            raise ValueError("cannot be used together with network.name\nkeep one of the two")
        wrong = misplaced(layers)
        if wrong is not None:
            raise ValueError(f"[{wrong}] is a convolution after a dense layer, whose output has no map\n"
                             "put all convolutions before the first dense layer; positions count from 0")
        # Record the default in every layer that it applies to, so that a record says what every layer computes.
        activation = info.data.get("activation")
        return tuple(layer if layer.activation else layer.model_copy(update={"activation": activation}) for layer in layers)

    @field_validator("output")
    @classmethod
    def _reads_a_map(cls, output: OutputSection | None, info: ValidationInfo) -> OutputSection | None:
        if output is None or "layers" not in info.data or "name" not in info.data:
            return output
        layers = info.data["layers"]
        if layers is None:
            raise ValueError("cannot be used without network.layers\nremove it")
        if not layers[-1].kind.convolves:
            raise ValueError("needs a map, and the last of network.layers is dense\n"
                             "remove it for a dense output, or end with a convolution")
        return output

    @field_validator("hidden")
    @classmethod
    def _one_of_three(cls, hidden: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        if "name" not in info.data or "layers" not in info.data:
            return hidden  # reported for that key
        others = [f"network.{key}" for key in ("name", "layers") if info.data[key] is not None]
        if hidden is not None and others:
            raise ValueError(f"cannot be used together with {others[0]}\nkeep one of the two")
        if hidden is None and not others:
            raise ValueError("is missing, and so are network.layers and network.name\n"
                             "give one of the three: hidden: [300, 300], layers: [...], or name: one of "
                             f"{', '.join(BUILT_IN_NETWORKS)}, or module:callable")
        return hidden

    @field_validator("head_bias", mode="before")
    @classmethod
    def _null_is_derived(cls, value: object, info: ValidationInfo) -> object:
        return _derived_bias(info.data) if value is None else value

    @field_validator("head_bias")
    @classmethod
    def _single_has_none(cls, bias: bool, info: ValidationInfo) -> bool:
        if bias and info.data.get("head") is HeadChoice.SINGLE:
            raise ValueError("must be false with a single head: a bias shared by all tasks causes forgetting\n"
                             "remove it, or set network.head to multi")
        return bias

    @property
    def alpha_count(self) -> int:
        """Number of values of a per-layer α: the hidden layers and the output."""
        return len(self.widths) + 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(layer.neurons for layer in self.chain().layers)

    def chain(self) -> Chain:
        """Return the network before its input, classes and head are known."""
        if self.hidden is not None:
            return dense_chain(self.hidden, self.activation)
        if self.layers is not None:
            return Chain(tuple(layer.layer(self.activation) for layer in self.layers),
                         self.output.window() if self.output else None)
        return scaled(BUILT_IN_NETWORKS[self.name or ""](), self.width_factor)

    def architecture(self, input_shape: Sequence[int], classes: int) -> Architecture:
        """Return the network for samples of this shape and ``classes`` classes per task.

        Raises:
            ConfigError: it cannot read samples of this shape.
        """
        return self.chain().architecture(input_shape, classes, self.head.kind, self.head_bias)


def alpha_count(network: object) -> int | None:
    """Return how many values a per-layer α needs, read before validation to check α even if other keys are invalid."""
    if not isinstance(network, Mapping):
        return None
    for key in ("layers", "hidden"):
        listed = network.get(key)
        if listed is not None:
            return len(listed) + 1 if isinstance(listed, list | tuple) and listed else None
    name = network.get("name")
    return len(BUILT_IN_NETWORKS[name]().layers) + 1 if isinstance(name, str) and name in BUILT_IN_NETWORKS else None


def _context(info: ValidationInfo, key: str) -> object:
    return info.context.get(key) if isinstance(info.context, Mapping) else None
