"""The plan of a run: pure functions of the config, the base network and the decisions so far.

Resuming uses the same plan, minus what is finished.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.values import FreeWindow
from orchestrator.config.config import Config
from orchestrator.config.distillation_sections import Distillation, SearchReference
from orchestrator.config.selection_section import points_text
from orchestrator.config.sweep_section import GridPoint, per_layer
from workers.methods import MethodSpec
from workers.spec import (
    BenchmarkSpec,
    DistillationSpec,
    FineTuningSpec,
    Schedule,
    SearchSpec,
    StageSpec,
    TrainingSpec,
    TrialSpec,
    derive_seed,
)
from workers.training.packs.pack_plan import in_packs


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One line of ``clnp launch --dry-run``: a task, how many trials and teachers it has, and where the values of its trials
    come from."""

    task: int
    trials: int
    points: tuple[GridPoint, ...]
    source: str
    teachers: int = 0


def benchmark_spec(config: Config) -> BenchmarkSpec:
    """Return the specification of the run's data; the run's seed is the benchmark's."""
    return BenchmarkSpec(config.benchmark.name, config.seed, dict(config.benchmark.params),
                         config.benchmark.validation_fraction, config.training.normalize.value,
                         config.benchmark.class_order, config.benchmark.samples_per_class)


def architecture(config: Config, input_shape: Sequence[int], classes: int,
                 hidden: Sequence[int] | None = None) -> Architecture:
    """Return the network of a stage; ``hidden`` overrides the config's widths once layers have been widened.

    CLNP and joint training, which divides the layer below among tasks, read a single head through masks; other methods read
    all of it on every task.
    """
    network = config.network.architecture(input_shape, classes)
    if network.head is HeadKind.SINGLE and not (config.method.divides_the_network or config.method.learns_at_once):
        network = dataclasses.replace(network, head=HeadKind.SHARED)
    return network if hidden is None else network.with_hidden(hidden)


def stage_spec(config: Config, task: int, network: Architecture, base_digest: str | None) -> StageSpec:
    """Return what all trials of ``task`` share, on the base network ``base_digest`` (None for the first task)."""
    training = config.training
    spec = TrainingSpec(training.optimizer.value, training.momentum, training.weight_decay, training.batch_size,
                        training.epochs, tuple(training.milestones), training.gamma, training.early_stopping_patience,
                        training.precision.value, schedule_in_keys(training.schedule))
    return StageSpec(benchmark_spec(config), task, network, base_digest, spec, config.evaluation.batch_size,
                     config.resources.threads_per_trial, config.selection.curve_points, method_spec(config),
                     free_window(config, task), config.selection.score)


def free_window(config: Config, task: int) -> FreeWindow | None:
    """Return how many free neurons of each hidden layer ``task`` trains on at most, and what they are drawn from: the same for
    all trials of the task. None where the config sets no bound."""
    wanted = config.training.free_window
    if wanted is None:
        return None
    neurons = wanted if isinstance(wanted, tuple) else (wanted,) * len(config.network.widths)
    return FreeWindow(neurons, derive_seed(config.seed, "free window", task))


def schedule_in_keys(wanted: Schedule) -> Schedule:
    """A constant rate is one without milestones: the same computation, so the same keys."""
    return wanted if wanted is Schedule.COSINE else Schedule.MILESTONES


def method_spec(config: Config) -> MethodSpec | None:
    """Return the specification of a baseline; None for CLNP."""
    if config.method.divides_the_network:
        return None
    tasks = config.benchmark.tasks if config.method.learns_at_once else 1
    return MethodSpec(config.method, config.baseline.strength, config.baseline.fisher_samples, tasks,
                      config.baseline.batch or ())


def first_task(config: Config) -> int:
    """Return the first task that has a stage: joint training has a single stage, that of the last task."""
    return config.method.first_task(config.benchmark.tasks)


def fine_tuning(config: Config, task: int, required: int, teachers: tuple[str, ...] = (), best_trial: int = 0,
                best_teacher: int = 0) -> FineTuningSpec | None:
    """Return how the pruned network of ``task`` is fine-tuned, or None.

    Args:
        config: the run's.
        task: counted from 1.
        required: the lowest validation count within the margin of the stage.
        teachers: artifact digests of the stage's teachers, in the order of their numbers.
        best_trial: the highest validation count of the stage's trials.
        best_teacher: the highest validation count of its teachers; 0 without any.
    """
    wanted = config.fine_tuning
    if wanted is None:
        return None
    return FineTuningSpec(wanted.rounds, wanted.epochs, wanted.learning_rate,
                          per_layer(wanted.alpha, config.network.alpha_count), derive_seed(config.seed, "fine-tuning", task),
                          required, config.selection.threshold, wanted.schedule.schedule,
                          distillation(wanted.distillation, teachers), search(config, bool(teachers), best_trial, best_teacher))


def distillation(wanted: Distillation | None, teachers: tuple[str, ...]) -> DistillationSpec | None:
    """What fine-tuning learns from teachers; None where it learns from the labels.

    Args:
        wanted: the section of the config.
        teachers: artifact digests.
    """
    if wanted is None:
        return None
    return DistillationSpec(wanted.temperature, wanted.cross_entropy, wanted.mixing, wanted.copies if wanted.mixing else 0,
                            teachers)


def search(config: Config, has_teachers: bool, best_trial: int, best_teacher: int) -> SearchSpec | None:
    """Return how to search for the sparsest network after fine-tuning, or None. Arguments as in :func:`fine_tuning`."""
    wanted = None if config.fine_tuning is None else config.fine_tuning.search
    if wanted is None:
        return None
    with_teachers = has_teachers and wanted.reference is not SearchReference.TRIALS
    return SearchSpec(wanted.score, wanted.step, wanted.epochs_per_cut, wanted.extra_epochs, wanted.patience,
                      wanted.final_epochs, points_text(config.selection.margin_points),
                      max(best_trial, best_teacher) if with_teachers else best_trial, with_teachers)


def sweeps(config: Config, task: int) -> bool:
    """Whether ``task`` is swept, rather than trained once with fixed values."""
    last = config.sweep.last_swept_task
    return last is None or task <= last


def sampled(config: Config, task: int) -> bool:
    """Whether a sampler draws the trials of ``task`` during the sweep."""
    return sweeps(config, task) and not config.sweep.sampler.is_grid


def points(config: Config, task: int, kept: GridPoint | None) -> tuple[GridPoint, ...]:
    """Return the grid points of ``task``, in the order of their numbers; empty if a sampler draws them.

    Args:
        config: the run's.
        task: counted from 1.
        kept: α and learning rate chosen for the last swept task; needed for later tasks if the config has no fixed
            values.
    """
    if sampled(config, task):
        return ()
    if sweeps(config, task):
        return config.grid()
    fixed = config.later_point()
    if fixed is not None:
        return (fixed,)
    return () if kept is None else (kept,)


def trial_specs(stage: StageSpec, run_seed: int, wanted: Sequence[GridPoint], pack_size: int = 1) -> tuple[TrialSpec, ...]:
    """Return one trial per grid point, numbered by index, each with a seed derived from run, task and number, and with its
    position in a pack (:func:`workers.training.packs.pack_plan.in_packs`)."""
    return placed([trial_spec(stage, run_seed, number, point) for number, point in enumerate(wanted)], pack_size)


def placed(trials: Sequence[TrialSpec], pack_size: int) -> tuple[TrialSpec, ...]:
    """Return the same trials, each with its position in a pack."""
    return tuple(dataclasses.replace(trial, pack=(len(pack), place))
                 for pack in in_packs(trials, pack_size) for place, trial in enumerate(pack))


def trial_spec(stage: StageSpec, run_seed: int, number: int, point: GridPoint) -> TrialSpec:
    """Return the trial of one grid point, outside of a pack."""
    return TrialSpec(stage, number, point.alpha, point.learning_rate, trial_seed(run_seed, stage.task, number))


def trial_seed(run_seed: int, task: int, number: int) -> int:
    """Return the seed of a trial, derived only from its position in the run."""
    return derive_seed(run_seed, "trial", task, number)


def sampled_point(config: Config, alpha: float, learning_rate: float) -> GridPoint:
    """Return the point that a sampler drew; its single α applies to all layers."""
    return GridPoint(per_layer(alpha, config.network.alpha_count), learning_rate)


def trial_count(config: Config, task: int) -> int:
    """Return how many trials ``task`` has, teachers included."""
    return candidate_count(config, task) + (0 if config.teachers is None else config.teachers.trained)


def candidate_count(config: Config, task: int) -> int:
    """Return how many trials the selection of ``task`` chooses from; its teachers are numbered from here on."""
    if sampled(config, task):
        return config.sweep.samples or 0
    return len(config.grid()) if sweeps(config, task) else 1


def widths_before_next(config: Config, hidden: Sequence[int], free: Mapping[int, int]) -> tuple[int, ...]:
    """Return the widths of the next stage: a layer without free neurons, or whose share of free neurons is below
    ``capacity.widen_below``, gains ``capacity.widen_by``. Unchanged if the config does not widen.

    Args:
        config: the run's.
        hidden: the current widths.
        free: free neurons by hidden layer, counted from 1.
    """
    extra, below = config.capacity.widen_by or 0, config.capacity.widen_below
    return tuple(width + (extra if free[layer] == 0 or free[layer] / width < below else 0)
                 for layer, width in enumerate(hidden, start=1))


def overview(config: Config) -> tuple[PlannedTask, ...]:
    """Return the whole plan, as far as it is known before anything has run."""
    lines = []
    for task in range(first_task(config), config.benchmark.tasks + 1):
        if sampled(config, task):
            source = f"{config.sweep.sampler.value} draws them"
        elif sweeps(config, task):
            source = "grid"
        elif config.later_point() is not None:
            source = "fixed in the config"
        else:
            source = f"what the selection of task {config.sweep.last_swept_task} chooses"
        candidates = candidate_count(config, task)
        lines.append(PlannedTask(task, candidates, points(config, task, None), source, trial_count(config, task) - candidates))
    return tuple(lines)
