"""The origin of the inputs of a built-in task: the integers of a data set, and how they were scaled.

A network is trained on scaled inputs. Users of an exported network have the original values of the data set, so an export
accepts those; this module converts between the two.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Scaling:
    """``(values − shift) / scale`` in float32, with one number for all values, or one for each channel of images."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, shift: Tensor, scale: Tensor) -> "Scaling":
        """Create it from float32 tensors of one value, or one per channel."""
        return cls(tuple(shift.flatten().tolist()), tuple(scale.flatten().tolist()))


@dataclass(frozen=True, slots=True)
class Origin:
    """How the samples of a task come from a data set.

    Attributes:
        data_set: its usual name.
        white: values are integers from 0 to this.
        scalings: applied to them in this order.
        pixels: of a permuted task: value j of a sample is pixel ``pixels[j]`` of the image, read row by row. None if samples
            are not permuted.
        classes: label k is class ``classes[k]`` of the data set.
    """

    data_set: str
    white: int
    scalings: tuple[Scaling, ...]
    pixels: tuple[int, ...] | None
    classes: tuple[int, ...]

    def raw(self, inputs: Tensor) -> Tensor:
        """Return the integers, as float32, from which a task's inputs were computed; with the same permutation and shape.

        Exact, because the rounding errors of the scalings are below one half.
        """
        values = inputs.to(torch.float64)
        for scaling in reversed(self.scalings):
            shape = (-1,) + (1,) * (inputs.ndim - 2) if len(scaling.shift) > 1 else ()
            shift, scale = (torch.tensor(numbers, dtype=torch.float64).reshape(shape)
                            for numbers in (scaling.shift, scaling.scale))
            values = values * scale + shift
        return values.round().to(torch.float32)
