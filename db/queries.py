"""The reads as DataFrames, under the name that programs of users import; also in :mod:`clnp` and :mod:`db.dataframes`."""

from db.dataframes import (
    accuracy_matrix,
    artifacts,
    capacity,
    commits,
    evaluations,
    events,
    group_accuracy_matrix,
    group_evaluations,
    requests,
    runs,
    selections,
    stages,
    threshold_curve,
    trial_history,
    trials,
    verdicts,
)

__all__ = [
    "accuracy_matrix", "artifacts", "capacity", "commits", "evaluations", "events", "group_accuracy_matrix",
    "group_evaluations", "requests", "runs", "selections", "stages", "threshold_curve", "trial_history", "trials", "verdicts"]
