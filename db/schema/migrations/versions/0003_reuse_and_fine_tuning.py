"""Trials whose result was taken over, the rule of a selection, and the validation and fine-tuning of a commit.

Revision: 0003, after 0002. Selections from before were all made by the rule ``sparsest``.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INT = sa.BigInteger()
TEXT = sa.Text()
WORD = sa.String(32)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")

RULES = ("sparsest", "trade-off")
VERDICTS = ("chosen", "sparser one exists", "better trade-off exists", "worse tie", "outside margin", "failed")
OLD_VERDICTS = tuple(verdict for verdict in VERDICTS if verdict != "better trade-off exists")

TRIALS = """
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, {reused_from}t.best_epoch, t.epochs_run, t.train_seconds, t.total_seconds,
       t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id
"""


def upgrade() -> None:
    op.execute("DROP VIEW clnp_v_trials")  # neither database changes a table under a view that reads it
    op.add_column("clnp_trials", sa.Column(
        "reused_from", TEXT, nullable=True,
        comment="the trial whose recorded result was taken over by its key, as run/task/number; NULL: it was trained"))
    op.add_column("clnp_commits", sa.Column(
        "val_correct", INT, nullable=True, comment="correct validation samples of the published network"))
    op.add_column("clnp_commits", sa.Column("val_total", INT, nullable=True, comment="validation samples"))
    op.add_column("clnp_commits", sa.Column(
        "fine_tuning", JSON, nullable=True,
        comment="the rounds of pruning and fine-tuning, as a JSON list of objects; NULL: the config asks for none"))
    op.add_column("clnp_selections", sa.Column(
        "rule", WORD, nullable=True, comment="the rule that chose among the trials within the margin"))
    op.add_column("clnp_selections", sa.Column(
        "capacity_weight_points", TEXT, nullable=True,
        comment="what one fair share of free neurons costs, percentage points, exact decimal text; NULL: nothing is weighed"))
    op.execute("UPDATE clnp_selections SET rule = 'sparsest'")
    with op.batch_alter_table("clnp_selections") as selections:
        selections.alter_column("rule", existing_type=WORD, nullable=False)
        selections.create_check_constraint(op.f("ck_clnp_selections_rule"), one_of("rule", RULES))
    with op.batch_alter_table("clnp_verdicts") as verdicts:
        verdicts.drop_constraint(op.f("ck_clnp_verdicts_verdict"), type_="check")
        verdicts.create_check_constraint(op.f("ck_clnp_verdicts_verdict"), one_of("verdict", VERDICTS))
    op.execute(TRIALS.format(reused_from="t.reused_from, "))


def downgrade() -> None:
    op.execute("DROP VIEW clnp_v_trials")
    # The nearest word that the older revision has: another trial was chosen, and this one was within the margin.
    op.execute("UPDATE clnp_verdicts SET verdict = 'sparser one exists' WHERE verdict = 'better trade-off exists'")
    with op.batch_alter_table("clnp_verdicts") as verdicts:
        verdicts.drop_constraint(op.f("ck_clnp_verdicts_verdict"), type_="check")
        verdicts.create_check_constraint(op.f("ck_clnp_verdicts_verdict"), one_of("verdict", OLD_VERDICTS))
    with op.batch_alter_table("clnp_selections") as selections:
        selections.drop_constraint(op.f("ck_clnp_selections_rule"), type_="check")
        selections.drop_column("rule")
        selections.drop_column("capacity_weight_points")
    for table, column in (("clnp_commits", "fine_tuning"), ("clnp_commits", "val_total"), ("clnp_commits", "val_correct"),
                          ("clnp_trials", "reused_from")):
        op.drop_column(table, column)
    op.execute(TRIALS.format(reused_from=""))


def one_of(column: str, words: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """The condition of a column that holds one of these words."""
    return sa.column(column, WORD).in_(words)
