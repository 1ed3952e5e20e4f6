"""An interrupted commit goes on with its rounds of fine-tuning, and ends in the same bits."""

import dataclasses
from decimal import Decimal

import pytest

from clnp_core.selection import ThresholdMode
from clnp_core.values import FineTuningRound
from tests.workers.jobs.test_commit_job import TUNING, splits, teacher
from tests.workers.training.interrupting import (
    ALWAYS,
    Interrupted,
    Trials,
    nothing_left,
    trained_epochs,
)
from tests.workers.training.test_loop import finish
from workers.jobs import trial_job
from workers.jobs.commit_job import build_commit
from workers.jobs.fine_tuning import PartCheckpoints
from workers.spec import DistillationSpec, Schedule
from workers.training.resume import Checkpoint, Interruptible

__all__ = ["trained_epochs"]


class TestFineTuning:
    """A commit that is interrupted goes on with its rounds."""

    @pytest.mark.parametrize(("rounds", "schedule", "distilled"), [
        (1, Schedule.COSINE, False), (3, Schedule.CONSTANT, False), (3, Schedule.COSINE, False), (2, Schedule.COSINE, True)])
    def test_interrupted_after_every_epoch(self, trial: Trials, storage: str, rounds: int, schedule: Schedule, distilled: bool,
                                           trained_epochs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        spec = trial(hidden=(60, 50), epochs=6)
        _, result = finish(trial_job.run_trial(spec, storage, Decimal(8)))
        required = result.val_correct - 28
        found = trial_job.scan(spec.stage, result.artifact.digest, storage, required, ThresholdMode.SHARED)
        taught = DistillationSpec(2.0, 0.0, 0.5, 3, (teacher(spec, storage),)) if distilled else None
        tuning = dataclasses.replace(TUNING, rounds=rounds, epochs=3, required=required, schedule=schedule, distillation=taught)
        arguments = (spec.stage, result.artifact.digest, found.thresholds, storage, [], splits(spec.stage), tuning)
        whole = build_commit(*arguments)
        assert whole.rounds is not None and len(whole.rounds) == rounds and whole.news == ()
        save, saved = Checkpoint.maybe_save, [0]

        def die_afterwards(checkpoint: Checkpoint, standing: Interruptible) -> None:
            save(checkpoint, standing)
            saved[0] += 1
            raise Interrupted

        trained_epochs.clear()
        with monkeypatch.context() as dying:
            dying.setattr(Checkpoint, "maybe_save", die_afterwards)
            for _ in range(3 * rounds):
                with pytest.raises(Interrupted):
                    build_commit(*arguments, ALWAYS)
        built = build_commit(*arguments, ALWAYS)
        assert saved[0] == len(trained_epochs) == 3 * rounds, "every epoch once"
        assert built.artifact == whole.artifact and _told(built.rounds) == _told(whole.rounds)
        assert built.news == tuple(f"fine-tuning, round {number}, continues from epoch 3" for number in range(1, rounds + 1))
        assert built.seconds >= sum(tuned.seconds for tuned in built.rounds or ())
        assert nothing_left(storage)

    def test_another_threshold_or_rate_goes_on_from_no_other_ones_checkpoint(self) -> None:
        keys = [checkpoint._key for tuning in (TUNING, dataclasses.replace(TUNING, learning_rate=0.1, rounds=2),
                                                          dataclasses.replace(TUNING, schedule=Schedule.COSINE))
                for thresholds in ((0.1, 0.1), (0.1, 0.2), (None, None))
                for checkpoint in [PartCheckpoints("", ["ab", thresholds, tuning.to_json()], 1, None).of("round", number)
                                   for number in range(1, tuning.rounds + 1)]]
        assert len(keys) == len(set(keys)) == 12


def _told(rounds: tuple[FineTuningRound, ...] | None) -> list[FineTuningRound]:
    return [dataclasses.replace(tuned, seconds=0.0) for tuned in rounds or ()]
