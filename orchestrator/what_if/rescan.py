"""Exact answers about another margin from kept weights: the scans of a selection, in this process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from clnp_core.architecture import Architecture
from clnp_core.errors import ArtifactError
from clnp_core.selection import PrunedTrial
from clnp_core.tradeoff import TradeOff
from db.reads.reads import Reads
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.what_if.margins import Outcome
from orchestrator.what_if.recorded_stages import SelectedStage
from workers.environment import fingerprint
from workers.jobs import trial_job
from workers.spec import StageSpec


@dataclass(slots=True)
class KeptWeights:
    """Scans trials whose weights are still in the store; missing weights are noted and not retrained.

    Attributes:
        reads: of the database.
        run: the run.
        storage: root of the artifact store.
        tell: called before each stage with a line about the scans.
        scanned: number of scanned trials.
        gone: trials with missing or damaged weights, by task.
        elsewhere: tasks that were swept in another environment, where a borderline sample may count differently.
    """

    reads: Reads
    run: str
    storage: str
    tell: Callable[[str], None]
    scanned: int = 0
    gone: dict[int, set[int]] = field(default_factory=dict)
    elsewhere: set[int] = field(default_factory=set)

    def __call__(self, stage: SelectedStage, margin: Decimal, outcome: Outcome) -> Mapping[int, PrunedTrial]:
        """Return the results of a stage's scans for a margin, by trial; see :data:`orchestrator.what_if.what_if.Scans`.

        Raises:
            DataError: the task's data is missing, damaged or of another shape.
        """
        picked, record = outcome.selection.pick, stage.record
        required = picked.required_val_correct
        wanted = [number for number in picked.picked if number not in outcome.exact
                  and not record.bounded(number, outcome.selection.chosen, required)]
        config = Config.from_resolved(stage.learnt_under.config)
        row = next(row for row in self.reads.stages(self.run) if row.task == stage.task)
        spec = plan.stage_spec(config, stage.task, Architecture.from_json(row.architecture or {}), row.base_digest)
        if row.environment != fingerprint(spec.threads):
            self.elsewhere.add(stage.task)
        self.tell(f"task {stage.task}: {len(wanted)} of {len(picked.picked)} trials within the margin of {margin} to scan")
        judged_by, found = record.trade_off(margin), dict[int, PrunedTrial]()
        for number in wanted:
            try:
                found[number] = self._scan(stage, spec, number, required, judged_by)
                self.scanned += 1
            except ArtifactError:
                self.gone.setdefault(stage.task, set()).add(number)
        return found

    def _scan(self, stage: SelectedStage, spec: StageSpec, number: int, required: int,
              judged_by: TradeOff | None) -> PrunedTrial:
        digest, mode = stage.artifacts.get(number, ""), stage.record.mode
        if judged_by is None:
            result = trial_job.scan(spec, digest, self.storage, required, mode)
            return PrunedTrial(number, result.thresholds, result.val_correct, result.free_neurons)
        curve = [(point.threshold, point.val_correct, point.free_neurons)
                 for point in self.reads.threshold_curve(self.run, stage.task, number)]
        return trial_job.weigh(spec, number, digest, self.storage, required, mode, curve, judged_by)
