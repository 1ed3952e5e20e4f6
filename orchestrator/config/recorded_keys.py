"""Which keys a recorded config always has.

The record of a run has every key of version 0.1, with defaults filled in. A later key is recorded only if it differs from its
default, so a config that does not use it keeps its record and its digest. For the same reason the default of such a key must
never change. When a key is added, do not add it here.
"""

from collections.abc import Mapping

ALWAYS_RECORDED: Mapping[str, frozenset[str]] = {section: frozenset(keys.split()) for section, keys in {
    "Baseline": "strength fisher_samples batch",
    "BenchmarkSection": "name tasks params validation_fraction class_order samples_per_class",
    "CapacitySection": "on_depletion widen_by widen_below",
    "Config": "name seed seeds method benchmark network training sweep selection fine_tuning capacity evaluation resources "
              "storage baseline",
    "EvaluationSection": "batch_size",
    "FineTuning": "rounds epochs learning_rate alpha",
    "LaterTasks": "alpha learning_rate",
    "LayerSection": "kind neurons kernel stride padding batch_norm activation pool dropout",
    "LogRange": "low high",
    "NetworkSection": "name width_factor params activation layers output hidden head head_bias",
    "OutputSection": "kernel stride padding",
    "PoolSection": "kind kernel stride padding",
    "Resources": "cpus_per_trial gpus_per_trial trials_per_pack max_concurrent_trials trial_time_limit_seconds "
                 "sweep_time_limit_seconds checkpoint_every_seconds job_time_limit_seconds retries "
                 "database_patience_seconds threads_per_trial",
    "SelectionSection": "margin_points threshold rule capacity_weight_points curve_points",
    "Storage": "keep_trials",
    "Sweep": "sampler protocol first_tasks alpha learning_rate samples later_tasks reuse_trials",
    "Training": "optimizer momentum weight_decay batch_size epochs milestones gamma early_stopping_patience precision "
                "normalize",
}.items()}
"""The keys of version 0.1 by the class of their section."""
