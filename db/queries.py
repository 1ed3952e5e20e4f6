"""The name under which programs of users import the reads as DataFrames; :mod:`clnp` and :mod:`db.dataframes` have the same."""

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
