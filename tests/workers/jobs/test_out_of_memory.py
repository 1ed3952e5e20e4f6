"""A GPU without room is told in the same words, whichever library found out."""

import pytest
import torch

from tests.messages import tells
from workers.jobs.out_of_memory import gpu_out_of_memory


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 32.00 MiB.\nmore"),
    RuntimeError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
], ids=["torch", "CUDA", "cuBLAS"])
def test_what_means_that_there_is_no_room(error: Exception) -> None:
    told = gpu_out_of_memory(error)
    assert told is not None
    assert tells(told, str(error).splitlines()[0], "resources.gpus_per_trial")


def test_an_error_that_came_of_it_is_told_as_what_it_came_of() -> None:
    def record() -> None:
        try:
            raise torch.OutOfMemoryError("")
        finally:
            raise RuntimeError("the recording was broken off")

    with pytest.raises(RuntimeError) as caught:
        record()
    told = gpu_out_of_memory(caught.value)
    assert told is not None and tells(told)


def test_other_errors_are_left_alone() -> None:
    assert gpu_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered")) is None
