"""An error that means too little memory on a GPU, as people should read it."""

import torch

from clnp_core.errors import RunFailedError

_SAID = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What is in the message of an error that torch passes on from below."""


def too_little(error: BaseException) -> RunFailedError | None:
    """The error as people should read it, or the one that it covers; None where it is another one."""
    message = str(error)
    if not isinstance(error, torch.OutOfMemoryError) and not any(said in message for said in _SAID):
        return None if error.__context__ is None else too_little(error.__context__)
    first = next(iter(message.splitlines()), "out of memory")
    return RunFailedError(f"the GPU has too little memory: {first}",
                          "raise resources.gpus_per_trial so that fewer trials share it, or lower resources.trials_per_pack")
