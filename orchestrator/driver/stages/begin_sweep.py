"""PENDING → SWEEPING: inspect the task and the free neurons, plan the trials, and reuse results that other runs recorded."""

from collections.abc import Mapping, Sequence

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import ConfigError
from clnp_core.values import TaskFacts
from clnp_core.words import plural
from db.records import PlannedTrial, ReusableTrial
from db.rows import StageRow
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver import plan
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.teachers import teacher_specs
from workers.data.loader import check_alike
from workers.jobs import trial_job
from workers.jobs.baseline_job import prepare_all
from workers.spec import StageSpec, TrialSpec
from workers.storage.artifacts import ArtifactStore
from workers.training.losses import MIXING_HINT
from workers.training.packs.pack_plan import in_packs


def begin(run: RunContext, stage: StageRow) -> None:
    """Plan a stage on the previous commit; with a single head and no free neuron in the last hidden layer, end the run."""
    config, task = run.config, stage.task
    hidden, base_digest, full = config.network.widths, None, False
    if not config.method.divides_the_network:
        if config.method.goes_on and task > 1:
            base_digest = run.reads.commits(run.name, task - 1)[0].digest
    elif task > 1:
        previous = run.reads.stages(run.name)[task - 2]
        assert previous.architecture is not None, "a committed stage has an architecture"
        hidden = Architecture.from_json(previous.architecture).hidden
        base_digest = run.reads.commits(run.name, task - 1)[0].digest
        free = {row.layer: row.free_neurons for row in run.reads.capacity(run.name) if row.task == task - 1}
        full = 0 in free.values()
        wider = plan.widths_before_next(config, hidden, free)
        if wider != hidden:
            _say_widened(run, task, hidden, wider, free)
            hidden = wider
        elif config.network.head.kind is HeadKind.SINGLE and free[len(hidden)] == 0:
            _deplete(run, task)
            return
        elif full:
            _say_full(run, task, free)
    facts = facts_of(run, task)
    _refuse_unfit(run, task, facts)
    network = plan.architecture(config, facts.input_shape, facts.classes, hidden)
    spec = plan.stage_spec(config, task, network, base_digest)
    run.store.begin_sweep(
        run.lease, task, facts, network.to_json(), base_digest,
        [PlannedTrial(trial.number, trial.key(), trial.alpha, trial.learning_rate, trial.seed, trial.role)
         for pack in planned(run, spec) for trial in pack])


def facts_of(run: RunContext, task: int) -> TaskFacts:
    """Return the facts about a task that the driver needs; for joint training, about all tasks together."""
    config = run.config
    run.step("loading all tasks" if config.method.learns_at_once else f"loading task {task}", task)
    prepare = prepare_all if config.method.learns_at_once else trial_job.prepare
    facts: TaskFacts = run.job(prepare, plan.benchmark_spec(config), task, config.resources.threads_per_trial)
    return facts


def _refuse_unfit(run: RunContext, task: int, facts: TaskFacts) -> None:
    """Refuse a run that could never be completed, or a task that does not fit the network, before training on it."""
    name, wanted = run.config.benchmark.name, run.config.benchmark.tasks
    if facts.tasks is not None and wanted > facts.tasks:
        raise ConfigError(f"benchmark {name!r} has {plural(facts.tasks, 'task')}, the config has {wanted}",
                          f"launch a new run with benchmark.tasks of at most {facts.tasks}")
    tuning = run.config.fine_tuning
    if tuning is not None and tuning.distillation is not None and tuning.distillation.mixing and not facts.inputs_are_floats:
        raise ConfigError(f"task {task} of benchmark {name!r} gives its inputs as whole numbers or booleans, and mixing "
                          "averages inputs", MIXING_HINT)
    if task == plan.first_task(run.config):
        return
    first = run.reads.stages(run.name)[0]
    assert first.input_shape is not None and first.classes is not None, "a committed stage knows its data"
    check_alike(name, task, (facts.input_shape, facts.classes), (first.input_shape, first.classes))


def _say_widened(run: RunContext, task: int, hidden: Sequence[int], wider: Sequence[int], free: Mapping[int, int]) -> None:
    layers = ", ".join(f"layer {layer} from {before} to {after} neurons, {free[layer]} of them free so far"
                       for layer, (before, after) in enumerate(zip(hidden, wider, strict=True), start=1) if after != before)
    text = f"widening the network before task {task}: {layers}"
    run.store.event(run.lease, "widen", text, {"task": task, "from": list(hidden), "to": list(wider),
                                               "free": list(free.values())})
    run.progress.notice(f"  {text}")


def _deplete(run: RunContext, task: int) -> None:
    text = (f"task {task} cannot be learnt: the last hidden layer has no free neuron, and a single head "
            "needs one")
    run.store.deplete_stage(run.lease, task, text)
    run.progress.notice(f"{text}\nthe run ends here with {task - 1} tasks committed; to learn more tasks, launch a run with "
                        "capacity.on_depletion: widen, wider layers or a larger margin")


def _say_full(run: RunContext, task: int, free: dict[int, int]) -> None:
    layers = ", ".join(str(layer) for layer, count in free.items() if count == 0)
    text = f"hidden layer {layers} is full before task {task}: only the remaining free neurons and the new head can learn"
    run.store.event(run.lease, "depleted layer", text, {"task": task, "free": list(free.values())})
    run.progress.notice(f"  {text}")


def planned(run: RunContext, spec: StageSpec) -> list[tuple[TrialSpec, ...]]:
    """Return the trials of a stage pack by pack: its candidates, unless a sampler draws them, then its teachers."""
    size = run.config.resources.trials_per_pack
    points = plan.points(run.config, spec.task, kept_choice(run, spec.task))
    candidates = plan.trial_specs(spec, run.config.seed, points, size)
    return in_packs(candidates, size) + in_packs(teacher_specs(run.config, spec), size)


def kept_choice(run: RunContext, task: int) -> GridPoint | None:
    """Return the point chosen for the last swept task, for a task that is not swept itself."""
    last = run.config.sweep.last_swept_task
    if last is None or task <= last:
        return None
    trial = run.reads.trial(run.name, last, run.reads.selections(run.name, last)[0].chosen)
    return GridPoint(trial.alpha, trial.learning_rate)


def take_over(run: RunContext, task: int) -> str:
    """Reuse what other runs recorded under the same key in the same environment. The weights are in this run's store, or
    were removed to save space; then they are retrained if the trial is picked, or teaches. If
    a sampler draws the candidates, only teachers are reused.

    Returns:
        A sentence about the reused trials; empty if there are none.
    """
    artifacts, sampled = ArtifactStore(run.storage), plan.sampled(run.config, task)
    from_number = plan.candidate_count(run.config, task) if sampled else 0
    chosen: dict[int, ReusableTrial] = {}
    for trial in run.store.reusable_trials(run.lease, task):
        if trial.number >= from_number and trial.number not in chosen and (
                trial.weights_removed or artifacts.size(trial.artifact_digest) is not None):
            chosen[trial.number] = trial
    taken = run.store.reuse_trials(run.lease, task, tuple(chosen.values()))
    if not taken:
        return ""
    runs = sorted({trial.source_run for trial in taken})
    planned = plan.trial_count(run.config, task)
    return (f"task {task}: {len(taken)}{'' if len(taken) == planned else f' of {planned}'} "
            f"trial{'' if planned == 1 else 's'} reused from run{'' if len(runs) == 1 else 's'} {', '.join(runs)}, "
            + ("none retrained" if len(taken) == planned or run.config.resources.trials_per_pack == 1 else
               "and packs that lack a trial are trained as a whole"))
