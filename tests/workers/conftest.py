"""Small stages that train in a fraction of a second."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clnp_core.architecture import HeadKind
from clnp_core.networks import mlp
from clnp_core.values import FreeWindow
from workers.spec import BenchmarkSpec, Schedule, StageSpec, TrainingSpec, TrialSpec

DIGITS = BenchmarkSpec("permuted-digits", 0, {}, None, "unit")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Bits depend on the number of threads."""
    torch.set_num_threads(1)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "artifacts")


@pytest.fixture
def stage() -> Callable[..., StageSpec]:
    """A stage of permuted digits; keywords change its parts."""
    def build(task: int = 1, base: str | None = None, hidden: tuple[int, ...] = (24, 16), head: HeadKind = HeadKind.SINGLE,
              epochs: int = 3, patience: int | None = None, optimizer: str = "adam", milestones: tuple[int, ...] = (),
              benchmark: BenchmarkSpec = DIGITS, inputs: int = 64, precision: str = "float32",
              schedule: Schedule = Schedule.MILESTONES, free_window: FreeWindow | None = None) -> StageSpec:
        training = TrainingSpec(optimizer, 0.9 if optimizer == "sgd" else 0.0, 0.0, 64, epochs, milestones, 0.1, patience,
                                precision, schedule)
        return StageSpec(benchmark, task, mlp(inputs, hidden, 10, head=head), base, training, 100, 1, 20,
                         free_window=free_window)
    return build


@pytest.fixture
def trial(stage: Callable[..., StageSpec]) -> Callable[..., TrialSpec]:
    """A trial of such a stage."""
    def build(number: int = 0, alpha: tuple[float, ...] = (1e-4, 1e-4, 1e-4), learning_rate: float = 0.01, seed: int = 7,
              **stage_parts: object) -> TrialSpec:
        return TrialSpec(stage(**stage_parts), number, alpha, learning_rate, seed)
    return build
