"""A pass over the weights as one kernel of a GPU, where there is what makes one out of torch's operations."""

from functools import cache
from importlib.metadata import version

import torch

from workers.training.optimizers import Pass, adam_pass


@cache
def as_kernel(one_pass: Pass, device_type: str) -> Pass:
    """The pass as one kernel; on a CPU, and where nothing makes kernels, as it is."""
    if device_type != "cuda" or kernels_come_from() == "torch":
        return one_pass
    return torch.compile(one_pass, dynamic=True, fullgraph=True)


@cache
def kernels_come_from() -> str:
    """What makes the kernels of passes on this machine's GPU, such as ``triton 3.4.0``; ``torch`` where making one fails,
    because Triton, its C compiler, Python's headers or a folder for what it makes is missing. It is tried."""
    try:
        tensors = [torch.ones(2, 64, device="cuda") for _ in range(4)]
        numbers = [torch.full((), 0.5, device="cuda") for _ in range(10)]
        compiled: Pass = torch.compile(adam_pass, dynamic=True, fullgraph=True)
        compiled(*tensors, numbers[0], None, None, *numbers[3:])
        torch.cuda.synchronize()
        return f"triton {version('triton')}"
    except Exception:  # in whatever way: torch's own operations compute the same, slower
        return "torch"
