"""The tables.

Revision: 0001, the first. Types are spelled out here and not imported from the models, which will move on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INT = sa.BigInteger()
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLOAT = sa.Float(53)
TEXT = sa.Text()
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def choice(name: str, *values: str) -> sa.Enum:
    """Text with a CHECK on its values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "clnp_artifacts",
        sa.Column("digest", TEXT, nullable=False,
                  comment="SHA-256 of the bytes, and their name in the store"),
        sa.Column("artifact_bytes", INT, nullable=False, comment="size in bytes"),
        sa.Column("created_at", TIME, nullable=False, comment="when the row was first written, UTC"),
        sa.Column("removed_at", TIME, nullable=True,
                  comment="when the bytes were deleted to save space, UTC; NULL: they are there"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_clnp_artifacts")),
    )

    op.create_table(
        "clnp_run_groups",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("name", TEXT, nullable=False, comment="name of the group"),
        sa.Column("created_at", TIME, nullable=False, comment="when its first run was created, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_run_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_clnp_run_groups_name")),
    )

    op.create_table(
        "clnp_runs",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("name", TEXT, nullable=False, comment="name of the run, as on the command line"),
        sa.Column("group_id", ID, nullable=True, comment="its group, if any"),
        sa.Column("method", TEXT, nullable=False, comment="how the tasks are learnt: clnp, joint, …"),
        sa.Column("benchmark", TEXT, nullable=False, comment="name or import path of the sequence of tasks"),
        sa.Column("tasks", INT, nullable=False, comment="number of tasks"),
        sa.Column("seed", INT, nullable=False, comment="the seed that all others are derived from"),
        sa.Column("margin_points", TEXT, nullable=False,
                  comment="the margin m in percentage points, exact decimal text"),
        sa.Column("config", JSON, nullable=False,
                  comment="the resolved configuration, every default filled in"),
        sa.Column("config_digest", TEXT, nullable=False, comment="SHA-256 of the resolved configuration"),
        sa.Column("code_version", TEXT, nullable=False,
                  comment="version of this project's code that created the run"),
        sa.Column("package_versions", JSON, nullable=False,
                  comment="distribution name → version, at creation"),
        sa.Column("environment", JSON, nullable=True,
                  comment="the fingerprint that results depend on (device kind, torch, code), as last "
                          "recorded by a driver"),
        sa.Column("forked_from_run_id", ID, nullable=True,
                  comment="the run this one was forked from, if it still exists"),
        sa.Column("forked_after_task", INT, nullable=True, comment="the last task taken over from that run"),
        sa.Column("created_at", TIME, nullable=False, comment="when the run was created, UTC"),
        sa.Column("fence", INT, nullable=False,
                  comment="number of the current lease; a write that carries another is refused"),
        sa.Column("owner_host", TEXT, nullable=True, comment="host of the driver that holds the run"),
        sa.Column("owner_pid", INT, nullable=True, comment="process id of that driver on its host"),
        sa.Column("owner_process_started", FLOAT, nullable=True,
                  comment="start of that process, seconds since 1970"),
        sa.Column("owner_driver_id", TEXT, nullable=True,
                  comment="unique id of that driver; NULL: nobody holds the run"),
        sa.Column("lease_ttl_seconds", FLOAT, nullable=True,
                  comment="a heartbeat older than this many seconds has expired"),
        sa.Column("heartbeat_at", TIME, nullable=True, comment="last sign of life of a driver, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_runs")),
        sa.ForeignKeyConstraint(["forked_from_run_id"], ["clnp_runs.id"],
                                name=op.f("fk_clnp_runs_forked_from_run_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["group_id"], ["clnp_run_groups.id"], name=op.f("fk_clnp_runs_group_id")),
        sa.UniqueConstraint("name", name=op.f("uq_clnp_runs_name")),
    )
    op.create_index(op.f("ix_clnp_runs_forked_from_run_id"), "clnp_runs", ["forked_from_run_id"])
    op.create_index(op.f("ix_clnp_runs_group_id"), "clnp_runs", ["group_id"])

    op.create_table(
        "clnp_events",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier, in order of recording"),
        sa.Column("run_id", ID, nullable=False, comment="the run"),
        sa.Column("at", TIME, nullable=False, comment="when it was recorded, UTC"),
        sa.Column("kind", TEXT, nullable=False,
                  comment="what sort of event: run, lease, stage, trial, request, environment, …"),
        sa.Column("message", TEXT, nullable=False, comment="what happened, in words"),
        sa.Column("details", JSON, nullable=False, comment="numbers and names that belong to it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_events")),
        sa.ForeignKeyConstraint(["run_id"], ["clnp_runs.id"],
                                name=op.f("fk_clnp_events_run_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_clnp_events_run_id_id"), "clnp_events", ["run_id", "id"])

    op.create_table(
        "clnp_requests",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("run_id", ID, nullable=False, comment="the run"),
        sa.Column("kind", choice("kind", "stop", "cancel"), nullable=False, comment="what is asked"),
        sa.Column("details", JSON, nullable=False, comment="who asks, and anything that the kind needs"),
        sa.Column("requested_at", TIME, nullable=False, comment="when it was asked, UTC"),
        sa.Column("answered_at", TIME, nullable=True,
                  comment="when the driver answered, UTC; NULL: it is open"),
        sa.Column("answer", TEXT, nullable=True, comment="what the driver did about it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_requests")),
        sa.ForeignKeyConstraint(["run_id"], ["clnp_runs.id"],
                                name=op.f("fk_clnp_requests_run_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_clnp_requests_run_id"), "clnp_requests", ["run_id"])

    op.create_table(
        "clnp_stages",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("run_id", ID, nullable=False, comment="its run"),
        sa.Column("task", INT, nullable=False, comment="position of the task in the run, from 1"),
        sa.Column("state", choice("state", "pending", "sweeping", "selecting", "committing", "committed",
                                  "failed", "depleted"), nullable=False,
                  comment="where it stands"),
        sa.Column("failed_from", choice("failed_from", "pending", "sweeping", "selecting", "committing",
                                        "committed", "failed", "depleted"), nullable=True,
                  comment="the state in which it failed; NULL unless state is failed"),
        sa.Column("reason", TEXT, nullable=True, comment="why it failed or was depleted"),
        sa.Column("train_total", INT, nullable=True, comment="training samples"),
        sa.Column("val_total", INT, nullable=True, comment="validation samples"),
        sa.Column("test_total", INT, nullable=True, comment="test samples"),
        sa.Column("input_shape", JSON, nullable=True, comment="shape of one sample, as a JSON list"),
        sa.Column("classes", INT, nullable=True, comment="classes of the task"),
        sa.Column("split_digest", TEXT, nullable=True,
                  comment="SHA-256 of which samples are training and validation data"),
        sa.Column("task_fingerprint", TEXT, nullable=True,
                  comment="SHA-256 of all that determines the task's data"),
        sa.Column("environment", JSON, nullable=True,
                  comment="the worker's machine and libraries when the sweep began"),
        sa.Column("architecture", JSON, nullable=True, comment="the network that was trained, as data"),
        sa.Column("base_digest", TEXT, nullable=True,
                  comment="digest of the commit it starts from; NULL: an empty network"),
        sa.Column("sweep_started_at", TIME, nullable=True, comment="when its trials were planned, UTC"),
        sa.Column("sweep_ended_at", TIME, nullable=True, comment="when all trials had ended, UTC"),
        sa.Column("selected_at", TIME, nullable=True, comment="when the selection was recorded, UTC"),
        sa.Column("ended_at", TIME, nullable=True,
                  comment="when it was committed, depleted or last failed, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_stages")),
        sa.CheckConstraint("task >= 1", name=op.f("ck_clnp_stages_task")),
        sa.ForeignKeyConstraint(["run_id"], ["clnp_runs.id"],
                                name=op.f("fk_clnp_stages_run_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("run_id", "task", name=op.f("uq_clnp_stages_run_id_task")),
    )

    op.create_table(
        "clnp_commits",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("stage_id", ID, nullable=False, comment="its stage"),
        sa.Column("digest", TEXT, nullable=False, comment="digest of the published network"),
        sa.Column("parent_digest", TEXT, nullable=True,
                  comment="digest of the commit before it; NULL: the first task"),
        sa.Column("verification", JSON, nullable=False,
                  comment="the proof that no earlier task was forgotten: what was compared, and how"),
        sa.Column("commit_seconds", FLOAT, nullable=False,
                  comment="wall-clock seconds of pruning, fine-tuning, verifying and evaluating"),
        sa.Column("created_at", TIME, nullable=False, comment="when it was recorded, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_commits")),
        sa.ForeignKeyConstraint(["digest"], ["clnp_artifacts.digest"], name=op.f("fk_clnp_commits_digest")),
        sa.ForeignKeyConstraint(["stage_id"], ["clnp_stages.id"],
                                name=op.f("fk_clnp_commits_stage_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("stage_id", name=op.f("uq_clnp_commits_stage_id")),
    )
    op.create_index(op.f("ix_clnp_commits_digest"), "clnp_commits", ["digest"])
    op.create_index(op.f("ix_clnp_commits_parent_digest"), "clnp_commits", ["parent_digest"])

    op.create_table(
        "clnp_trials",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("stage_id", ID, nullable=False, comment="its stage"),
        sa.Column("number", INT, nullable=False, comment="index in the grid, from 0"),
        sa.Column("key", TEXT, nullable=False, comment="SHA-256 of all that determines the result"),
        sa.Column("alpha", JSON, nullable=False,
                  comment="L1 strength per hidden layer and for the output, as a JSON list"),
        sa.Column("learning_rate", FLOAT, nullable=False, comment="learning rate"),
        sa.Column("seed", INT, nullable=False,
                  comment="seed of this trial's random numbers, derived from the run's"),
        sa.Column("state", choice("state", "pending", "running", "finished", "failed"), nullable=False,
                  comment="where it stands"),
        sa.Column("failure_kind", choice("failure_kind", "diverged", "timed out", "error", "lost"),
                                         nullable=True,
                  comment="why it failed, as a kind; NULL unless state is failed"),
        sa.Column("failure_reason", TEXT, nullable=True, comment="why it failed, in words"),
        sa.Column("attempts", INT, nullable=False, comment="how often its training was started"),
        sa.Column("ray_trial_id", TEXT, nullable=True,
                  comment="Ray Tune's id of the last attempt, to find its logs"),
        sa.Column("host", TEXT, nullable=True, comment="host that trained it last"),
        sa.Column("device", TEXT, nullable=True, comment="device that trained it last"),
        sa.Column("val_correct", INT, nullable=True,
                  comment="correct validation samples, unpruned, of the kept epoch"),
        sa.Column("val_total", INT, nullable=True, comment="validation samples"),
        sa.Column("val_accuracy", FLOAT, nullable=True, comment="val_correct / val_total, a fraction"),
        sa.Column("hidden_total", INT, nullable=True,
                  comment="neurons over all hidden layers: the denominator of sparsity"),
        sa.Column("best_epoch", INT, nullable=True, comment="the epoch that was kept, from 1"),
        sa.Column("epochs_run", INT, nullable=True, comment="epochs that were trained"),
        sa.Column("train_seconds", FLOAT, nullable=True, comment="wall-clock seconds of training alone"),
        sa.Column("total_seconds", FLOAT, nullable=True,
                  comment="wall-clock seconds with loading, the threshold curve and publishing"),
        sa.Column("artifact_digest", TEXT, nullable=True, comment="digest of its trained weights"),
        sa.Column("created_at", TIME, nullable=False, comment="when it was planned, UTC"),
        sa.Column("started_at", TIME, nullable=True, comment="when its last attempt started, UTC"),
        sa.Column("finished_at", TIME, nullable=True, comment="when its result or failure was recorded, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_trials")),
        sa.CheckConstraint("val_correct BETWEEN 0 AND val_total", name=op.f("ck_clnp_trials_val_correct")),
        sa.ForeignKeyConstraint(["artifact_digest"], ["clnp_artifacts.digest"],
                                name=op.f("fk_clnp_trials_artifact_digest")),
        sa.ForeignKeyConstraint(["stage_id"], ["clnp_stages.id"],
                                name=op.f("fk_clnp_trials_stage_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("stage_id", "number", name=op.f("uq_clnp_trials_stage_id_number")),
    )
    op.create_index(op.f("ix_clnp_trials_artifact_digest"), "clnp_trials", ["artifact_digest"])
    op.create_index(op.f("ix_clnp_trials_key"), "clnp_trials", ["key"])
    op.create_index(op.f("ix_clnp_trials_stage_id_state"), "clnp_trials", ["stage_id", "state"])

    op.create_table(
        "clnp_capacity",
        sa.Column("commit_id", ID, nullable=False, comment="the commit"),
        sa.Column("layer", INT, nullable=False, comment="hidden layer, from 1"),
        sa.Column("total_neurons", INT, nullable=False, comment="neurons of the layer"),
        sa.Column("used_neurons", INT, nullable=False, comment="neurons that some task up to this one uses"),
        sa.Column("new_neurons", INT, nullable=False, comment="neurons that became active with this task"),
        sa.Column("reused_neurons", INT, nullable=False,
                  comment="neurons active before that this task uses, too"),
        sa.Column("free_neurons", INT, nullable=False, comment="neurons that no task uses yet"),
        sa.PrimaryKeyConstraint("commit_id", "layer", name=op.f("pk_clnp_capacity")),
        sa.ForeignKeyConstraint(["commit_id"], ["clnp_commits.id"],
                                name=op.f("fk_clnp_capacity_commit_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "clnp_epochs",
        sa.Column("trial_id", ID, nullable=False, comment="its trial"),
        sa.Column("attempt", INT, nullable=False, comment="the attempt that trained it, from 1"),
        sa.Column("epoch", INT, nullable=False, comment="the epoch, from 1"),
        sa.Column("train_loss", FLOAT, nullable=True,
                  comment="mean cross-entropy over the training samples; NULL: not finite"),
        sa.Column("l1_penalty", FLOAT, nullable=True,
                  comment="the L1 term of the loss at the epoch's end; NULL: not finite"),
        sa.Column("val_correct", INT, nullable=False, comment="correct validation samples, unpruned"),
        sa.Column("val_total", INT, nullable=False, comment="validation samples"),
        sa.Column("seconds", FLOAT, nullable=False, comment="wall-clock seconds of the epoch"),
        sa.PrimaryKeyConstraint("trial_id", "attempt", "epoch", name=op.f("pk_clnp_epochs")),
        sa.ForeignKeyConstraint(["trial_id"], ["clnp_trials.id"],
                                name=op.f("fk_clnp_epochs_trial_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "clnp_evaluations",
        sa.Column("commit_id", ID, nullable=False, comment="the commit"),
        sa.Column("on_task", INT, nullable=False, comment="the task whose test set was read, from 1"),
        sa.Column("test_correct", INT, nullable=False, comment="correct test samples"),
        sa.Column("test_total", INT, nullable=False, comment="test samples"),
        sa.Column("test_accuracy", FLOAT, nullable=False, comment="test_correct / test_total, a fraction"),
        sa.Column("logits_digest", TEXT, nullable=False,
                  comment="SHA-256 of the logits, comparable within one environment fingerprint"),
        sa.PrimaryKeyConstraint("commit_id", "on_task", name=op.f("pk_clnp_evaluations")),
        sa.CheckConstraint("test_correct BETWEEN 0 AND test_total", name=op.f("ck_clnp_evaluations_test_correct")),
        sa.ForeignKeyConstraint(["commit_id"], ["clnp_commits.id"],
                                name=op.f("fk_clnp_evaluations_commit_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "clnp_selections",
        sa.Column("id", ID, autoincrement=True, nullable=False, comment="identifier"),
        sa.Column("stage_id", ID, nullable=False, comment="its stage"),
        sa.Column("chosen_trial_id", ID, nullable=False, comment="the chosen trial"),
        sa.Column("best_val_correct", INT, nullable=False,
                  comment="correct validation samples of the best unpruned trial"),
        sa.Column("val_total", INT, nullable=False, comment="validation samples"),
        sa.Column("margin_points", TEXT, nullable=False,
                  comment="the margin m that was applied, percentage points, exact decimal text"),
        sa.Column("picked", JSON, nullable=False,
                  comment="numbers of the trials within the margin, as a JSON list"),
        sa.Column("thresholds", JSON, nullable=False,
                  comment="θ* per hidden layer, as a JSON list; null prunes nothing there"),
        sa.Column("pruned_val_correct", INT, nullable=False,
                  comment="correct validation samples of the chosen trial after pruning"),
        sa.Column("free_neurons", INT, nullable=False,
                  comment="free neurons over all hidden layers after pruning"),
        sa.Column("hidden_total", INT, nullable=False, comment="neurons over all hidden layers"),
        sa.Column("reason", TEXT, nullable=False, comment="why this trial was chosen"),
        sa.Column("scan_seconds", FLOAT, nullable=False,
                  comment="wall-clock seconds of the threshold scans, summed over trials"),
        sa.Column("created_at", TIME, nullable=False, comment="when it was recorded, UTC"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_selections")),
        sa.ForeignKeyConstraint(["chosen_trial_id"], ["clnp_trials.id"],
                                name=op.f("fk_clnp_selections_chosen_trial_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["stage_id"], ["clnp_stages.id"],
                                name=op.f("fk_clnp_selections_stage_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("stage_id", name=op.f("uq_clnp_selections_stage_id")),
    )
    op.create_index(op.f("ix_clnp_selections_chosen_trial_id"), "clnp_selections", ["chosen_trial_id"])

    op.create_table(
        "clnp_threshold_points",
        sa.Column("trial_id", ID, nullable=False, comment="its trial"),
        sa.Column("position", INT, nullable=False, comment="position on the curve, from 0"),
        sa.Column("threshold", FLOAT, nullable=False,
                  comment="activity above which a free neuron becomes active"),
        sa.Column("val_correct", INT, nullable=False,
                  comment="correct validation samples after pruning here"),
        sa.Column("free_neurons", INT, nullable=False,
                  comment="free neurons over all hidden layers after pruning here"),
        sa.PrimaryKeyConstraint("trial_id", "position", name=op.f("pk_clnp_threshold_points")),
        sa.ForeignKeyConstraint(["trial_id"], ["clnp_trials.id"],
                                name=op.f("fk_clnp_threshold_points_trial_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "clnp_verdicts",
        sa.Column("trial_id", ID, nullable=False, comment="the trial"),
        sa.Column("selection_id", ID, nullable=False, comment="the selection that judged it"),
        sa.Column("verdict", choice("verdict", "chosen", "sparser one exists", "worse tie", "outside margin",
                                    "failed"), nullable=False,
                  comment="the verdict"),
        sa.Column("reason", TEXT, nullable=False, comment="the verdict's reason, in words"),
        sa.Column("thresholds", JSON, nullable=True,
                  comment="θ* per hidden layer, as a JSON list; null prunes nothing there; NULL: the trial "
                          "was not scanned"),
        sa.Column("pruned_val_correct", INT, nullable=True,
                  comment="correct validation samples after pruning at θ*"),
        sa.Column("free_neurons", INT, nullable=True,
                  comment="free neurons over all hidden layers after pruning at θ*"),
        sa.PrimaryKeyConstraint("trial_id", name=op.f("pk_clnp_verdicts")),
        sa.ForeignKeyConstraint(["selection_id"], ["clnp_selections.id"],
                                name=op.f("fk_clnp_verdicts_selection_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trial_id"], ["clnp_trials.id"],
                                name=op.f("fk_clnp_verdicts_trial_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_clnp_verdicts_selection_id"), "clnp_verdicts", ["selection_id"])


def downgrade() -> None:
    for table in ("clnp_verdicts", "clnp_threshold_points", "clnp_selections", "clnp_evaluations", "clnp_epochs",
                  "clnp_capacity", "clnp_trials", "clnp_commits", "clnp_stages",
                  "clnp_requests", "clnp_events", "clnp_runs", "clnp_run_groups",
                  "clnp_artifacts"):
        op.drop_table(table)
