"""The precision of the products of a training step. Measurements do not depend on it: the canonical evaluation has its own
(:func:`clnp_core.evaluation.exact_float32`)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

FLOAT32, TF32, BFLOAT16 = "float32", "tf32", "bfloat16"


@contextmanager
def float32_products(precision: str, device: torch.device) -> Iterator[None]:
    """Set whether a GPU rounds the factors of float32 products to TF32 in forward and backward. A CPU never does."""
    if device.type != "cuda":
        yield
        return
    before, coarse = torch.get_float32_matmul_precision(), precision == TF32
    torch.set_float32_matmul_precision("high" if coarse else "highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=coarse):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Set whether products in forward use bfloat16; weights, gradients and the optimizer stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == BFLOAT16)
