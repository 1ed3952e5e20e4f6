"""The views, for people who prefer SQL.

Revision: 0002, after 0001. What a column means is said in ``db/schema/views.py``.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A driver is taken for alive while its heartbeat has not expired. Whether its process still exists is more than SQL can
# see; db.reads.reads looks at that, too.
SECONDS_SINCE_HEARTBEAT = {
    "sqlite": "(julianday('now') - julianday(r.heartbeat_at)) * 86400",
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp() - r.heartbeat_at)",
}

RUNS = """
CREATE VIEW clnp_v_runs AS
WITH standing AS (
    SELECT r.id AS run_id,
           r.owner_driver_id IS NOT NULL AND {seconds_since_heartbeat} < r.lease_ttl_seconds AS driver_lives,
           EXISTS (SELECT 1 FROM clnp_requests q WHERE q.run_id = r.id AND q.kind = 'cancel') AS cancel_requested,
           COUNT(*) AS stages,
           SUM(CASE WHEN s.state = 'committed' THEN 1 ELSE 0 END) AS committed,
           SUM(CASE WHEN s.state = 'depleted' THEN 1 ELSE 0 END) AS depleted,
           SUM(CASE WHEN s.state = 'failed' THEN 1 ELSE 0 END) AS failed
    FROM clnp_runs r JOIN clnp_stages s ON s.run_id = r.id
    GROUP BY r.id, r.owner_driver_id, r.heartbeat_at, r.lease_ttl_seconds
)
SELECT r.name AS run, g.name AS run_group,
       CASE WHEN t.committed = t.stages THEN 'completed'
            WHEN t.depleted > 0 THEN 'depleted'
            WHEN t.cancel_requested AND (t.driver_lives IS NULL OR NOT t.driver_lives) THEN 'cancelled'
            WHEN t.failed > 0 THEN 'failed'
            WHEN t.driver_lives THEN 'running'
            ELSE 'stopped' END AS state,
       r.method, r.benchmark, r.tasks, t.committed AS tasks_committed, r.seed, r.margin_points,
       (SELECT AVG(e.test_accuracy) FROM clnp_evaluations e
        JOIN clnp_commits c ON c.id = e.commit_id JOIN clnp_stages s ON s.id = c.stage_id
        WHERE s.run_id = r.id AND s.task = (
            SELECT MAX(last.task) FROM clnp_stages last WHERE last.run_id = r.id AND last.state = 'committed')
       ) AS mean_test_accuracy,
       r.config_digest, r.code_version, r.created_at
FROM clnp_runs r JOIN standing t ON t.run_id = r.id LEFT JOIN clnp_run_groups g ON g.id = r.group_id
"""

TRIALS = """
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, t.best_epoch, t.epochs_run, t.train_seconds, t.total_seconds,
       t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id
"""

ACCURACY_MATRIX = """
CREATE VIEW clnp_v_accuracy_matrix AS
SELECT r.name AS run, s.task AS after_task, e.on_task, e.test_correct, e.test_total, e.test_accuracy,
       c.digest AS commit_digest
FROM clnp_evaluations e
JOIN clnp_commits c ON c.id = e.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id
"""

CAPACITY = """
CREATE VIEW clnp_v_capacity AS
SELECT r.name AS run, s.task, k.layer, k.total_neurons, k.used_neurons, k.new_neurons, k.reused_neurons, k.free_neurons,
       CAST(k.used_neurons AS DOUBLE PRECISION) / k.total_neurons AS used_fraction
FROM clnp_capacity k
JOIN clnp_commits c ON c.id = k.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id
"""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.execute(RUNS.format(seconds_since_heartbeat=SECONDS_SINCE_HEARTBEAT[dialect]))
    for view in (TRIALS, ACCURACY_MATRIX, CAPACITY):
        op.execute(view)


def downgrade() -> None:
    for view in ("clnp_v_capacity", "clnp_v_accuracy_matrix", "clnp_v_trials", "clnp_v_runs"):
        op.execute(f"DROP VIEW {view}")
