"""Inputs of a prediction are read in every form of the same values, or refused in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clnp_core.errors import DataError
from orchestrator.notebook.predictions import checked
from tests.messages import naming

VALUES = torch.tensor([[0.0, 1.0, 0.5], [2.0, 0.0, -3.0]])


@pytest.mark.filterwarnings("ignore:.*Sparse.*")
@pytest.mark.parametrize("given", [
    lambda x: x, lambda x: x.clone().requires_grad_(), lambda x: nn.Parameter(x),
    lambda x: x.to_sparse(), lambda x: x.to_sparse_csr(),
    lambda x: x.to_mkldnn(), lambda x: x.double(), lambda x: x.half(), lambda x: x.T.contiguous().T, lambda x: x.numpy(),
    lambda x: x.numpy().astype(">f8"), lambda x: x.flip(0).numpy()[::-1], lambda x: np.asfortranarray(x.numpy())])
def test_all_forms_of_the_same_values_are_read(given: Callable[[Tensor], Any]) -> None:
    found = checked(given(VALUES), (3,))
    assert torch.equal(found, VALUES) and type(found) is Tensor and not found.requires_grad and found.dtype == torch.float32


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("given", "words"), [
    (lambda x: np.ma.masked_less(x.numpy(), 0), ("MaskedArray",)),
    (lambda x: torch.masked.masked_tensor(x, x > 0), ("MaskedTensor",)),
    (lambda x: x.to("meta"), ()),
    (lambda x: torch.nested.nested_tensor([x[0], x[1]]), ())])
def test_what_cannot_be_read_is_refused(given: Callable[[Tensor], Any], words: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=naming(*words)) as refused:
        checked(given(VALUES), (3,))
    assert refused.value.hint
