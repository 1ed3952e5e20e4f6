"""The paper's benchmark on real data, small enough for a test that one waits for."""

from pathlib import Path

import pytest

from db.states import RunState
from orchestrator.config.config import load
from tests.orchestrator.laboratory import Laboratory
from workers.data.loader import data_folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_with_logical_gpus")
@pytest.mark.skipif(not (data_folder() / "MNIST" / "raw").is_dir(), reason="CLNP_DATA does not hold MNIST")
def test_permuted_mnist_on_a_narrow_network(tmp_path: Path) -> None:
    config = load(ROOT / "experiments" / "permuted-mnist-short.yaml", [
        "network.hidden=[300, 300]", "benchmark.tasks=2", "training.epochs=2", "training.milestones=[]",
        "selection.margin_points=0.2"])
    laboratory = Laboratory(tmp_path, "ray")
    assert laboratory.launch(config).state is RunState.COMPLETED
    cells = laboratory.read(lambda reads: reads.accuracy_matrix("permuted-mnist-short"))
    assert [cell.test_total for cell in cells] == [10_000] * 3
    assert min(cell.test_accuracy for cell in cells) > 0.93
    assert cells[0].logits_digest == cells[1].logits_digest
