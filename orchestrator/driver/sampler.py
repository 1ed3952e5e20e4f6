"""The trials that an Optuna sampler draws for a stage, one after another."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import optuna

from orchestrator.config.choices import SamplerKind
from orchestrator.config.config import Config
from orchestrator.config.sweep_section import LogRange
from orchestrator.driver.plan import sampled_point, trial_seed, trial_spec
from workers.spec import StageSpec, TrialSpec


@dataclass(frozen=True, slots=True)
class SampledTrial:
    """A recorded point of an earlier attempt at the same sweep: its α (for all layers), learning rate, and objectives."""

    alpha: float
    learning_rate: float
    val_accuracy: float
    sparsity: float


class Draws:
    """Draws the missing trials of a stage.

    TPE maximises validation accuracy; NSGA-II maximises accuracy and sparsity within the margin. A sampler depends on the order
    in which trials end, so a resumed sweep draws other points than an uninterrupted one; grids do not have this limitation.
    """

    def __init__(self, config: Config, stage: StageSpec, recorded: Sequence[SampledTrial], next_number: int) -> None:
        """Prepare without drawing.

        Args:
            config: the run's.
            stage: what the trials share.
            recorded: the points drawn before.
            next_number: number of the next trial.
        """
        alpha, rate = config.sweep.alpha, config.sweep.learning_rate
        assert isinstance(alpha, LogRange) and isinstance(rate, LogRange), "the config requires ranges for samplers"
        self.left = (config.sweep.samples or 0) - next_number
        """How many trials are still to draw."""
        self._config, self._stage, self._next = config, stage, next_number
        self._space: dict[str, optuna.distributions.BaseDistribution] = {
            "alpha": optuna.distributions.FloatDistribution(alpha.low, alpha.high, log=True),
            "learning_rate": optuna.distributions.FloatDistribution(rate.low, rate.high, log=True)}
        self._two_objectives = config.sweep.sampler is SamplerKind.NSGA2
        seed = trial_seed(config.seed, stage.task, next_number) % 2**32
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler: optuna.samplers.BaseSampler = (optuna.samplers.NSGAIISampler(seed=seed) if self._two_objectives
                                                else optuna.samplers.TPESampler(seed=seed))
        directions = [optuna.study.StudyDirection.MAXIMIZE] * (2 if self._two_objectives else 1)
        self._study = optuna.create_study(sampler=sampler, directions=directions)
        self._drawn: dict[int, optuna.trial.Trial] = {}
        for trial in recorded:
            self._study.add_trial(optuna.trial.create_trial(
                params={"alpha": trial.alpha, "learning_rate": trial.learning_rate}, distributions=self._space,
                values=[trial.val_accuracy, trial.sparsity][:len(directions)]))

    def draw(self) -> TrialSpec | None:
        """Return the next trial; None if none is left."""
        if self.left <= 0:
            return None
        drawn = self._study.ask(fixed_distributions=self._space)
        point = sampled_point(self._config, drawn.params["alpha"], drawn.params["learning_rate"])
        number, self._next = self._next, self._next + 1
        self.left -= 1
        self._drawn[number] = drawn
        return trial_spec(self._stage, self._config.seed, number, point)

    def tell(self, number: int, val_accuracy: float, sparsity: float) -> None:
        """Note the objectives with which a drawn trial has ended."""
        with contextlib.suppress(ValueError):  # not finite; Optuna then knows nothing of it
            self._study.tell(self._drawn.pop(number), [val_accuracy, sparsity] if self._two_objectives else val_accuracy)

    def failed(self, number: int) -> None:
        """Note that a drawn trial has ended without objectives."""
        self._study.tell(self._drawn.pop(number), state=optuna.trial.TrialState.FAIL)
