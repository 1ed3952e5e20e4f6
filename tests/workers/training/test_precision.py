"""The precision of matrix products in training."""

import pytest
import torch

from workers.training.precision import BFLOAT16, FLOAT32, TF32, autocast, float32_products

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", [FLOAT32, TF32, BFLOAT16])
def test_a_cpu_s_float32_stays_what_it_is(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    with float32_products(precision, CPU):
        assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize(("precision", "found"), [(FLOAT32, torch.float32), (TF32, torch.float32), (BFLOAT16, torch.bfloat16)])
def test_only_bfloat16_casts(precision: str, found: torch.dtype) -> None:
    with autocast(precision, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize(("precision", "inside"), [(FLOAT32, "highest"), (TF32, "high"), (BFLOAT16, "highest")])
def test_a_gpu_rounds_only_when_asked_and_goes_back(precision: str, inside: str) -> None:
    before, device = torch.get_float32_matmul_precision(), torch.device("cuda")
    with float32_products(precision, device):
        assert torch.get_float32_matmul_precision() == inside
        assert torch.backends.cudnn.allow_tf32 is (precision == TF32)
    assert torch.get_float32_matmul_precision() == before
