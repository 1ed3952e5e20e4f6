"""What a stage trains a trial for: a candidate of its selection, or a teacher of its fine-tuning.

Revision: 0007, after 0006. Trials from before were all candidates. SQLite gets the column with its check in one statement,
because it can add no constraint to a table that exists.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COMMENT = "candidate of the selection, or teacher of the fine-tuning"
NUMBER = "index in the grid, from 0; teachers follow the last candidate"
NUMBER_BEFORE = "index in the grid, from 0"

TRIALS = """
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, {role}t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, t.reused_from, t.best_epoch, t.epochs_run, t.train_seconds,
       t.total_seconds, t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id
"""


def upgrade() -> None:
    op.execute("DROP VIEW clnp_v_trials")  # neither database changes a table under a view that reads it
    op.execute("ALTER TABLE clnp_trials ADD COLUMN role VARCHAR(32) DEFAULT 'candidate' NOT NULL "
               "CONSTRAINT ck_clnp_trials_role CHECK (role IN ('candidate', 'teacher'))")
    _comment("role", sa.String(32), COMMENT)
    _comment("number", sa.BigInteger(), NUMBER)
    op.execute(TRIALS.format(role="t.role, "))


def downgrade() -> None:
    """The older revision knows no teachers, so they go."""
    op.execute("DROP VIEW clnp_v_trials")
    for table in ("clnp_epochs", "clnp_threshold_points"):
        op.execute(f"DELETE FROM {table} WHERE trial_id IN (SELECT id FROM clnp_trials WHERE role = 'teacher')")
    op.execute("DELETE FROM clnp_trials WHERE role = 'teacher'")
    op.execute("ALTER TABLE clnp_trials DROP COLUMN role")
    _comment("number", sa.BigInteger(), NUMBER_BEFORE)
    op.execute(TRIALS.format(role=""))


def _comment(column: str, kind: sa.types.TypeEngine[Any], text: str) -> None:
    """SQLite has no comments."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("clnp_trials", column, existing_type=kind, existing_nullable=False, comment=text)
