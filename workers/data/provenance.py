"""Where the inputs of a built-in task come from: the whole numbers of a data set, and what was done to them.

A network is trained on scaled inputs. Whoever uses it later has the data set's own values, so an export takes those, and this
module knows the way from them and back.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Scaling:
    """``(values − shift) / scale`` in float32: one number each for all values, or one for every channel of images."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, shift: Tensor, scale: Tensor) -> "Scaling":
        """From float32 tensors of one value, or one for every channel."""
        return cls(tuple(shift.flatten().tolist()), tuple(scale.flatten().tolist()))


@dataclass(frozen=True, slots=True)
class Origin:
    """How the samples of a task come from a data set.

    Attributes:
        data_set: as people write it.
        white: values are whole numbers from 0 to this.
        scalings: what was done to them, in this order.
        pixels: of a permuted task: value j of a sample is pixel ``pixels[j]`` of the image, read row by row. None where
            samples are as the data set has them.
        classes: label k stands for class ``classes[k]`` of the data set.
    """

    data_set: str
    white: int
    scalings: tuple[Scaling, ...]
    pixels: tuple[int, ...] | None
    classes: tuple[int, ...]

    def raw(self, inputs: Tensor) -> Tensor:
        """The whole numbers, as float32, that a task's inputs were made of; permuted as these are, and of the same shape.

        Exact: what the scalings rounded is less than half of a whole number away.
        """
        values = inputs.to(torch.float64)
        for scaling in reversed(self.scalings):
            shape = (-1,) + (1,) * (inputs.ndim - 2) if len(scaling.shift) > 1 else ()
            shift, scale = (torch.tensor(numbers, dtype=torch.float64).reshape(shape)
                            for numbers in (scaling.shift, scaling.scale))
            values = values * scale + shift
        return values.round().to(torch.float32)
