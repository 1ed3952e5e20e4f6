"""What a run must look like after any number of kills: what was recorded stays, once, and the end is as if none had been."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from db.reads.reads import Reads
from db.states import RunState, TrialState
from workers.storage.artifacts import ArtifactStore

SELECTION = ("task", "chosen", "picked", "best_val_correct", "thresholds", "pruned_val_correct", "free_neurons", "reason")
RESULT = ("task", "number", "key", "val_correct", "best_epoch", "epochs_run", "artifact_digest", "verdict")


@dataclass(frozen=True)
class Snapshot:
    """What is recorded of a run at one moment.

    Attributes:
        finished: (task, trial) → when its result was recorded, and its result.
        commits: task → digest.
        selections: task → what was chosen.
        rows: table → rows that belong to the run; epochs are those of the attempts that count.
        stored: digests of artifacts that should be in the store, and which of them are not.
    """

    finished: dict[tuple[int, int], tuple[Any, ...]]
    commits: dict[int, str]
    selections: dict[int, tuple[Any, ...]]
    rows: dict[str, int]
    missing: tuple[str, ...]
    state: RunState
    reason: str = ""

    @classmethod
    def of(cls, reads: Reads, run: str, storage: str) -> "Snapshot":
        """What the database and the store say now."""
        trials, stages = reads.trials(run), reads.stages(run)
        finished = {(row.task, row.number): (row.finished_at, *(getattr(row, name) for name in RESULT))
                    for row in trials if row.state is TrialState.FINISHED}
        selections = {row.task: tuple(getattr(row, name) for name in SELECTION) for row in reads.selections(run)}
        rows = {
            "stages": len(stages), "trials": len(trials), "verdicts": len(reads.verdicts(run)),
            "selections": len(selections), "commits": len(reads.commits(run)), "capacity": len(reads.capacity(run)),
            "evaluations": len(reads.accuracy_matrix(run)),
            "epochs": sum(len(reads.trial_history(run, task, number)) for task, number in finished),
            "threshold points": sum(len(reads.threshold_curve(run, task, number)) for task, number in finished)}
        store = ArtifactStore(storage)
        missing = tuple(row.digest for row in reads.artifacts() if run in row.runs and row.removed_at is None
                        and store.size(row.digest) != row.artifact_bytes)
        failed = next((stage.reason or "" for stage in stages if stage.reason), "")
        return cls(finished, {row.task: row.digest for row in reads.commits(run)}, selections, rows, missing,
                   reads.run_state(run), failed)

    def result(self) -> dict[tuple[int, int], tuple[Any, ...]]:
        """Results without the moments at which they were recorded."""
        return {place: values[1:] for place, values in self.finished.items()}


@dataclass
class Damage:
    """What a run has suffered, in words; nothing if all is as it should be."""

    lost_results: list[str] = field(default_factory=list)
    double_records: list[str] = field(default_factory=list)
    wrong_commits: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Every damage."""
        return [*self.lost_results, *self.double_records, *self.wrong_commits, *self.other]


def compare(before: Snapshot, after: Snapshot) -> Damage:
    """What changed that never may, between two moments of one run."""
    damage = Damage()
    for place, values in before.finished.items():
        now = after.finished.get(place)
        if now is None:
            damage.lost_results.append(f"the result of trial {place} is gone")
        elif now[0] != values[0]:
            damage.double_records.append(f"the result of trial {place} was recorded again")
        elif now[1:-1] != values[1:-1]:  # a verdict comes later
            damage.double_records.append(f"the result of trial {place} has changed")
    for task, digest in before.commits.items():
        if after.commits.get(task) != digest:
            damage.wrong_commits.append(f"the commit of task {task} has changed")
    for task, chosen in before.selections.items():
        if after.selections.get(task) != chosen:
            damage.wrong_commits.append(f"the selection of task {task} has changed")
    if after.missing:
        damage.lost_results.append(f"{len(after.missing)} recorded artifacts are not in the store")
    return damage


def judge(end: Snapshot, undisturbed: Snapshot) -> Damage:
    """What a run that has ended has in excess of, or lacks against, one that nobody disturbed."""
    damage = Damage()
    if end.state is not RunState.COMPLETED:
        damage.other.append(f"the run is {end.state.value} {end.reason}")
    if end.commits != undisturbed.commits:
        damage.wrong_commits.append("other commit digests")
    if end.selections != undisturbed.selections:
        damage.wrong_commits.append("other selections")
    if end.result() != undisturbed.result():
        damage.lost_results.append("other results")
    if end.missing:
        damage.lost_results.append(f"{len(end.missing)} recorded artifacts are not in the store")
    for table, count in undisturbed.rows.items():
        if end.rows[table] > count:
            damage.double_records.append(f"{end.rows[table]} rows of {table}, not {count}")
        elif end.rows[table] < count:
            damage.lost_results.append(f"{end.rows[table]} rows of {table}, not {count}")
    return damage


def merged(damages: Sequence[Damage]) -> Damage:
    """All of it."""
    return Damage(*([text for damage in damages for text in getattr(damage, name)]
                    for name in ("lost_results", "double_records", "wrong_commits", "other")))
