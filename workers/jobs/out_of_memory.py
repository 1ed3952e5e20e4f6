"""Recognise that a GPU ran out of memory, and say how to use less."""

import torch

from clnp_core.errors import RunFailedError

_MESSAGES = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""Parts of the messages of CUDA libraries that torch passes on as other errors."""


def gpu_out_of_memory(error: BaseException) -> RunFailedError | None:
    """Return the error to report if a GPU ran out of memory, in ``error`` or in the errors during which it was raised; None
    otherwise."""
    message = str(error)
    if not isinstance(error, torch.OutOfMemoryError) and not any(part in message for part in _MESSAGES):
        return None if error.__context__ is None else gpu_out_of_memory(error.__context__)
    first = next(iter(message.splitlines()), "out of memory")
    return RunFailedError(f"the GPU has too little memory: {first}",
                          "raise resources.gpus_per_trial so that fewer trials share it, or lower resources.trials_per_pack")
