"""One thread, so that bits depend on nothing but the code; and histories of really trained tasks, made once."""

from collections.abc import Iterator

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, Activation
from tests.clnp_core.builders import History, trained_history


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", params=DIVIDED_HEADS, ids=str)
def history(request: pytest.FixtureRequest, one_thread: None) -> History:
    """Three tasks, each trained, pruned and published on top of the one before."""
    return trained_history(request.param, Activation.RELU)
