"""The teachers of a stage: how they train, and which of the trained ones teach. Pure functions, like :mod:`plan`.

A teacher is a trial whose stage differs: a network of its own, trained from scratch, without L1, on the data of the task. So
its key depends neither on the base of the stage nor on its candidates. Its seed is derived from the run's seed, the task and
its place among the teachers of its learning rate: runs that differ in anything else have the same teachers.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clnp_core.selection import Score
from clnp_core.values import TrialRole
from db.rows import TrialRow
from db.states import TrialState
from orchestrator.config.config import Config
from orchestrator.config.distillation_sections import Teachers
from orchestrator.driver import plan
from orchestrator.render.matrices import percent
from workers.spec import StageSpec, TrainingSpec, TrialSpec, derive_seed


@dataclass(frozen=True, slots=True)
class Teaching:
    """What became of the teachers of a stage.

    Attributes:
        teachers: those that teach, in the order of their numbers.
        left_out: by number why another one does not. Those that are good enough, and more than are wanted, are not in here.
    """

    teachers: tuple[TrialRow, ...]
    left_out: Mapping[int, str]


def teacher_stage(wanted: Teachers, config: Config, stage: StageSpec) -> StageSpec:
    """What the teachers of a stage share.

    Args:
        wanted: the section of the config.
        config: the run's.
        stage: what its candidates share.
    """
    own = stage.architecture
    network = wanted.chain(config.network).architecture(own.input_shape, own.classes, own.head, own.head_bias)
    training = TrainingSpec(wanted.optimizer.value, wanted.momentum, wanted.weight_decay, wanted.batch_size, wanted.epochs, (),
                            1.0, wanted.early_stopping_patience, config.training.precision.value,
                            plan.schedule_in_keys(wanted.schedule.schedule))
    return dataclasses.replace(stage, architecture=dataclasses.replace(network, input_dropout=wanted.input_dropout),
                               base_digest=None, training=training, curve_points=0, free_window=None,
                               score=Score.ACTIVITY)


def teacher_specs(config: Config, stage: StageSpec) -> tuple[TrialSpec, ...]:
    """Return the teachers of a stage, numbered after its last candidate, the learning rate varying slowest, in packs of their
    own; none where the config asks for none.

    Args:
        config: the run's.
        stage: what the candidates share.
    """
    wanted = config.teachers
    if wanted is None:
        return ()
    first, shared = plan.candidate_count(config, stage.task), teacher_stage(wanted, config, stage)
    alpha = (0.0,) * (shared.architecture.depth + 1)
    points = [(rate, copy) for rate in wanted.rates for copy in range(wanted.count)]
    return plan.placed([TrialSpec(shared, first + index, alpha, rate, derive_seed(config.seed, "teacher", stage.task, copy),
                                  role=TrialRole.TEACHER) for index, (rate, copy) in enumerate(points)],
                       config.resources.trials_per_pack)


def teaching(rows: Sequence[TrialRow], count: int) -> Teaching:
    """Return which teachers teach: the most accurate on validation data, ``count`` of them, the lower number among equals. One
    that has no result, or is less accurate than the best candidate, does not.

    Args:
        rows: all trials of a stage whose sweep has ended.
        count: how many are wanted.
    """
    finished = [row for row in rows if row.state is TrialState.FINISHED]
    best = max((row.val_correct or 0 for row in finished if row.role.can_be_chosen), default=0)
    able, left_out = [], {}
    for row in rows:
        if row.role is not TrialRole.TEACHER:
            continue
        if row.state is not TrialState.FINISHED:
            left_out[row.number] = (row.failure_reason or row.state.value).splitlines()[0]
        elif (row.val_correct or 0) < best:
            total = row.val_total or 1
            left_out[row.number] = (f"{percent((row.val_correct or 0) / total)} % on validation, and the best candidate has "
                                    f"{percent(best / total)} %")
        else:
            able.append(row)
    chosen = sorted(able, key=lambda row: (-(row.val_correct or 0), row.number))[:count]
    return Teaching(tuple(sorted(chosen, key=lambda row: row.number)), left_out)
