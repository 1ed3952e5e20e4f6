"""torchvision's data sets, also where its wheel does not match torch.

torchvision's wheels are built for CUDA. Beside a CPU-only torch, ``import torchvision`` fails with "operator torchvision::nms
does not exist", because it decorates two operators that its C++ library could not register. Declaring those two operators
lets data sets and transforms import; the operators themselves stay unusable, and nothing here needs them.
"""

from functools import cache
from types import ModuleType
from typing import cast

import torch

_LIBRARIES: list[torch.library.Library] = []  # a library object must live as long as its operators are declared


@cache
def datasets() -> ModuleType:
    """The module ``torchvision.datasets``."""
    try:
        from torchvision import datasets as module
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        from torchvision import datasets as module
    return cast(ModuleType, module)
