"""The only use of ``ray.tune.Tuner``: a grid, or points that an Optuna sampler draws, on reused workers.

Ray's experiment folder is temporary; a resume reads the database. The folder is on the driver's own disk, also if trials run
on several machines: Tune needs a shared storage path only for its checkpoints, which are not used. Only the driver writes
there; workers have their own session folders.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ray import tune
from ray.tune.execution import class_cache
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from orchestrator.config.config import Config
from orchestrator.driver.cluster import Cluster
from orchestrator.driver.grace import Grace
from orchestrator.driver.recorder import Recorder
from orchestrator.driver.sampler import Draws
from orchestrator.driver.scratch import scratch
from workers.jobs.pack_attempt import Report, StageWork
from workers.ray.trainable import PackTrainable
from workers.spec import TrialSpec
from workers.storage.schemes import CREDENTIALS


def run_grid(config: Config, packs: Sequence[Sequence[TrialSpec]], storage: str, cluster: Cluster,
             recorder: Recorder, grace: Grace | None, done: Collection[int] = (),
             trainable: type[tune.Trainable] = PackTrainable) -> None:
    """Train the grid points of a stage that have no result yet.

    Args:
        config: the run's.
        packs: the trials to run, in the order of their numbers; a pack runs as a whole.
        storage: root of the artifact store.
        cluster: the connected cluster.
        recorder: writes every report to the database.
        grace: tells whether the driver should stop, polled between reports; running trials write a checkpoint first, and the
            rest is left for a resume. None for a sweep that cannot be stopped.
        done: trials that have already ended; they are only trained as part of their packs.
        trainable: what a worker runs for a pack; benchmarks of the driver pass one that does not train.
    """
    _fit(config, storage, cluster, recorder, grace,
         _Points(_PlannedSearch(packs, done), len(packs), config.resources.max_concurrent_trials, trainable))


def run_sampler(config: Config, draws: Draws, storage: str, cluster: Cluster, recorder: Recorder, grace: Grace | None,
                planned: Sequence[Sequence[TrialSpec]] = ()) -> None:
    """Train what a sampler draws. The ``planned`` trials, which are teachers, run in the same sweep before the first draw; the
    sampler does not learn from them. Other arguments as of :func:`run_grid`."""
    search = _DrawnSearch(draws, planned)
    _fit(config, storage, cluster, recorder, grace,
         _Points(search, draws.left + len(planned), cluster.parallel_trials, PackTrainable))


@dataclass(frozen=True, slots=True)
class _Points:
    """What a sweep trains: where its points come from, how many, how many side by side (None for as many as fit), and what
    trains one."""

    search: Searcher
    samples: int
    side_by_side: int | None
    trained_by: type[tune.Trainable]


def _fit(config: Config, storage: str, cluster: Cluster, recorder: Recorder, grace: Grace | None, points: _Points) -> None:
    resources = config.resources
    work = StageWork(storage, config.selection.margin_points, resources.trial_time_limit_seconds,
                     resources.checkpoint_every_seconds, cluster.nodes > 1, recorder.run_name,
                     None if grace is None else grace.key)
    trainable = tune.with_resources(
        tune.with_parameters(points.trained_by, work=work),
        tune.PlacementGroupFactory([{"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}]))
    # Results are recorded and reported by us; Ray would also warn about result files that it was told not to write.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Tune would pass a bucket's credentials to its actors as variables, which Ray logs; workers receive them from us.
    class_cache.ENV_VARS_TO_PROPAGATE.difference_update(CREDENTIALS)
    with scratch() as folder:
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                num_samples=points.samples, search_alg=points.search, max_concurrent_trials=points.side_by_side,
                reuse_actors=True, time_budget_s=resources.sweep_time_limit_seconds, trial_dirname_creator=_trial_folder),
            run_config=tune.RunConfig(
                name=folder.name, storage_path=str(folder), verbose=0,
                callbacks=[RecorderCallback(recorder)], stop=_Stopper(recorder, grace),
                failure_config=tune.FailureConfig(max_failures=resources.retries),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)),
        ).fit()
    if recorder.error is not None:
        raise recorder.error


def _trial_folder(trial: Trial) -> str:
    return f"trial-{trial.config['trials'][0].number}-{trial.trial_id}"


class _Stopper(tune.Stopper):
    """Ends a sweep on a stop request, or when recording has failed, after running trials have written checkpoints or the
    time for that is over."""

    def __init__(self, recorder: Recorder, grace: Grace | None) -> None:
        self._recorder, self._grace = recorder, grace
        self._awaited: frozenset[str] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Return nothing: the pickles of a sweep are never read."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
        return False

    def stop_all(self) -> bool:
        failed = self._recorder.error is not None
        if not failed and (self._grace is None or not self._grace.asked()):
            return False
        if self._grace is None or self._grace.is_over():  # the first call asks the workers to stop
            return True
        if self._awaited is None:  # trials that start later have no progress to lose
            self._awaited = self._recorder.training
        return not self._awaited & self._recorder.training


class _PlannedSearch(Searcher):
    """Suggests the packs of a plan in order. Tune's own grid search copies the whole grid for every trial."""

    def __init__(self, packs: Sequence[Sequence[TrialSpec]], done: Collection[int]) -> None:
        super().__init__()
        self._packs, self._done = iter(packs), frozenset(done)

    def suggest(self, trial_id: str) -> dict[str, object] | None:
        pack = next(self._packs, None)
        if pack is None:
            return None
        return {"trials": list(pack), "wanted": [trial.number for trial in pack if trial.number not in self._done]}

    def on_trial_complete(self, trial_id: str, result: dict[str, object] | None = None, error: bool = False) -> None:
        """Do nothing: no point depends on a result."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the database is the only state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the database is the only state."""


class _DrawnSearch(Searcher):
    """Suggests the planned packs, then what a sampler draws."""

    def __init__(self, draws: Draws, planned: Sequence[Sequence[TrialSpec]] = ()) -> None:
        super().__init__()
        self._draws, self._planned, self._numbers = draws, iter(planned), dict[str, int]()

    def suggest(self, trial_id: str) -> dict[str, object] | None:
        pack = next(self._planned, None)
        if pack is not None:
            return {"trials": list(pack), "wanted": [trial.number for trial in pack]}
        trial = self._draws.draw()
        if trial is None:
            return None
        self._numbers[trial_id] = trial.number
        return {"trials": [trial], "wanted": [trial.number], "sampled": True}

    def on_trial_complete(self, trial_id: str, result: Report | None = None, error: bool = False) -> None:
        """Pass on how a drawn point ended."""
        number = self._numbers.pop(trial_id, None)
        if number is None:
            return
        if result:
            self._draws.tell(number, result["val_accuracy"], result["sparsity"])
        else:
            self._draws.failed(number)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the database is the only state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the database is the only state."""


class RecorderCallback(tune.Callback):
    """Passes on to a recorder what Tune tells its callbacks."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getstate__(self) -> dict[str, object]:
        """Return nothing: Tune pickles its callbacks into a temporary folder, and the pickles are never read."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._recorder.started(trial)

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: Report,
                        **info: object) -> None:
        self._recorder.reported(trial, result)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: object) -> None:
        self._recorder.tick()

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._recorder.retried(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._recorder.lost(trial)
