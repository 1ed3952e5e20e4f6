"""The plan is a pure function: the same config and base give the same trials, keys and seeds."""

from typing import Any

import pytest

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.networks import mlp
from clnp_core.values import FreeWindow
from orchestrator.config.config import Config
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver import plan
from tests.orchestrator.laboratory import small
from workers.spec import DistillationSpec, FineTuningSpec, StageSpec

GRID = {"alpha": [1e-5, [1e-5, 1e-4, 1e-6]], "learning_rate": [0.1, 0.01]}


def network(hidden: tuple[int, ...] = (32, 24)) -> Architecture:
    return mlp(64, hidden, 10)


def test_points_are_numbered_alpha_major() -> None:
    assert plan.points(small(sweep=GRID), 1, None) == (
        GridPoint((1e-5,) * 3, 0.1), GridPoint((1e-5,) * 3, 0.01),
        GridPoint((1e-5, 1e-4, 1e-6), 0.1), GridPoint((1e-5, 1e-4, 1e-6), 0.01))


def test_per_task_sweeps_every_task() -> None:
    config = small(sweep=GRID)
    assert plan.points(config, 2, None) == plan.points(config, 1, None)
    assert [task.trials for task in plan.overview(config)] == [4, 4]


def test_first_task_takes_fixed_values_or_what_was_chosen() -> None:
    fixed = small(sweep={**GRID, "protocol": "first-task", "later_tasks": {"alpha": 1e-3, "learning_rate": 0.5}})
    assert plan.points(fixed, 2, None) == (GridPoint((1e-3,) * 3, 0.5),)
    chosen = small(sweep={**GRID, "protocol": "first-task"})
    assert plan.points(chosen, 2, GridPoint((1e-6,) * 3, 0.2)) == (GridPoint((1e-6,) * 3, 0.2),)
    assert [(task.trials, task.source) for task in plan.overview(chosen)] == [
        (4, "grid"), (1, "what the selection of task 1 chooses")]


def test_a_sampler_invents_its_points() -> None:
    config = small(sweep={"sampler": "tpe", "samples": 7, "alpha": {"low": 1e-6, "high": 1e-3},
                          "learning_rate": {"low": 1e-3, "high": 1e-1}})
    assert plan.sampled(config, 1) and plan.sampled(config, 2)
    assert plan.points(config, 1, None) == ()
    assert plan.trial_count(config, 1) == 7
    assert plan.sampled_point(config, 1e-4, 0.01) == GridPoint((1e-4,) * 3, 0.01)


def test_seeds_depend_on_run_task_and_number_alone() -> None:
    seeds = {plan.trial_seed(run, task, number) for run in (0, 1) for task in (1, 2) for number in range(5)}
    assert len(seeds) == 20
    assert plan.trial_seed(0, 1, 0) == plan.trial_seed(0, 1, 0)


def test_keys_depend_on_the_base_and_not_on_the_margin() -> None:
    def keys(base: str | None = None, **sections: dict[str, object]) -> list[str]:
        config = small(sweep=GRID, **sections)
        spec = plan.stage_spec(config, 1, network(), base)
        return [trial.key() for trial in plan.trial_specs(spec, config.seed, plan.points(config, 1, None))]
    assert keys() == keys(selection={"margin_points": 50}) == keys(resources={"retries": 9})
    assert keys() == keys(resources={"checkpoint_every_seconds": 1.5})
    assert not set(keys()) & set(keys(base="ab" * 32))
    assert not set(keys()) & set(keys(training={"epochs": 3}))
    assert not set(keys()) & set(keys(training={"schedule": "cosine"}))
    assert keys() == keys(training={"schedule": "constant"}), "the same computation"


def test_a_window_is_of_the_run_and_the_task_and_belongs_to_the_key() -> None:
    def windows(**training: object) -> list[FreeWindow | None]:
        config = small(training=training)
        return [plan.stage_spec(config, task, network(), None).free_window for task in (1, 2)]
    assert windows() == [None, None]
    one, two = windows(free_window=8)
    assert one is not None and two is not None and one.neurons == two.neurons == (8, 8) and one.seed != two.seed
    listed = windows(free_window=[8, 5])[0]
    assert listed is not None and listed.neurons == (8, 5) and listed.seed == one.seed
    spec = plan.stage_spec(small(training={"free_window": 8}), 1, network(), None)
    plain = plan.stage_spec(small(), 1, network(), None)
    assert StageSpec.from_json(spec.to_json()) == spec and "free_window" not in plain.to_json()
    point = GridPoint((0.0,) * 3, 0.1)
    assert plan.trial_spec(spec, 0, 0, point).key() != plan.trial_spec(plain, 0, 0, point).key()


def test_first_k_sweeps_the_first_tasks_and_keeps_what_the_last_of_them_chose() -> None:
    config = small(benchmark={"tasks": 4}, sweep={**GRID, "protocol": "first-k", "first_tasks": 2})
    assert [plan.sweeps(config, task) for task in (1, 2, 3, 4)] == [True, True, False, False]
    assert plan.points(config, 2, None) == plan.points(config, 1, None) == config.grid()
    assert plan.points(config, 3, GridPoint((1e-6,) * 3, 0.2)) == (GridPoint((1e-6,) * 3, 0.2),)
    assert [(task.trials, task.source) for task in plan.overview(config)] == [
        (4, "grid"), (4, "grid"), *[(1, "what the selection of task 2 chooses")] * 2]
    fixed = small(benchmark={"tasks": 3}, sweep={**GRID, "protocol": "first-k", "first_tasks": 2,
                                                 "later_tasks": {"alpha": 1e-3, "learning_rate": 0.5}})
    assert plan.points(fixed, 3, None) == (GridPoint((1e-3,) * 3, 0.5),)


def test_first_k_of_one_task_is_first_task() -> None:
    one, k = (small(sweep={**GRID, **protocol}) for protocol in (
        {"protocol": "first-task"}, {"protocol": "first-k", "first_tasks": 1}))
    assert plan.overview(one) == plan.overview(k)


@pytest.mark.parametrize(("free", "wider"), [({1: 0, 2: 3}, (42, 24)), ({1: 5, 2: 0}, (32, 34)), ({1: 0, 2: 0}, (42, 34))])
def test_only_full_layers_are_widened(free: dict[int, int], wider: tuple[int, ...]) -> None:
    config = small(capacity={"on_depletion": "widen", "widen_by": 10})
    assert plan.widths_before_next(config, (32, 24), free) == wider
    assert plan.widths_before_next(small(), (32, 24), free) == (32, 24)


@pytest.mark.parametrize(("free", "wider"), [({1: 2, 2: 3}, (20, 30)), ({1: 1, 2: 2}, (30, 40)), ({1: 0, 2: 30}, (30, 30)),
                                             ({1: 2, 2: 0}, (20, 40))])
def test_a_layer_is_widened_below_a_share_of_free_neurons_and_not_at_it(free: dict[int, int], wider: tuple[int, ...]) -> None:
    config = small(capacity={"on_depletion": "widen", "widen_by": 10, "widen_below": 0.1})
    assert plan.widths_before_next(config, (20, 30), free) == wider


def test_the_architecture_follows_the_config_and_the_widths_of_the_stage() -> None:
    config = small(network={"head": "multi"})
    assert plan.architecture(config, (64,), 10) == mlp(64, (32, 24), 10, head=HeadKind.MULTI, head_bias=True)
    assert plan.architecture(config, (64,), 10, (40, 24)).hidden == (40, 24)


def test_distillation_is_planned_with_its_teachers(values: dict[str, Any]) -> None:
    def planned(**distillation: Any) -> FineTuningSpec:
        config = Config.parse(values | {"fine_tuning": {"distillation": distillation}, "teachers": {}})
        found = plan.fine_tuning(config, 1, 300, ("ab" * 32, "cd" * 32))
        assert found is not None
        return found
    assert planned(temperature=3).distillation == DistillationSpec(3.0, 0.0, 0.5, 3, ("ab" * 32, "cd" * 32))
    assert planned(mixing=0).distillation == DistillationSpec(2.0, 0.0, 0.0, 0, ("ab" * 32, "cd" * 32))


def test_fine_tuning_on_labels_has_the_checkpoints_that_it_had_before_distillation_existed(values: dict[str, Any]) -> None:
    spec = plan.fine_tuning(Config.parse(values | {"fine_tuning": {}}), 1, 300)
    assert spec is not None and spec.distillation is None
    assert set(spec.to_json()) == {"rounds", "epochs", "learning_rate", "alpha", "seed", "required", "mode"}
