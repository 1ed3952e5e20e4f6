"""The state of a run as the program derives it, and the tasks of a stage that stands for several.

Revision: 0006, after 0005. A heartbeat from the future expires like an old one, and a committed stage counts for all tasks that
it has learnt: stages commit in order, so that these are the highest task of a committed one.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SECONDS_SINCE_HEARTBEAT = {
    "sqlite": "(julianday('now') - julianday(r.heartbeat_at)) * 86400",
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp() - r.heartbeat_at)",
}

RUNS = """
CREATE VIEW clnp_v_runs AS
WITH standing AS (
    SELECT r.id AS run_id,
           CASE WHEN r.owner_driver_id IS NOT NULL AND ABS({seconds_since_heartbeat}) < r.lease_ttl_seconds
                THEN 1 ELSE 0 END AS leased,
           CASE WHEN EXISTS (SELECT 1 FROM clnp_requests q WHERE q.run_id = r.id AND q.kind = 'cancel')
                THEN 1 ELSE 0 END AS cancel_requested,
           COUNT(*) AS stages,
           SUM(CASE WHEN s.state = 'committed' THEN 1 ELSE 0 END) AS committed,
           SUM(CASE WHEN s.state = 'depleted' THEN 1 ELSE 0 END) AS depleted,
           SUM(CASE WHEN s.state = 'failed' THEN 1 ELSE 0 END) AS failed,
           COALESCE(MAX(CASE WHEN s.state = 'committed' THEN s.task END), 0) AS tasks_committed
    FROM clnp_runs r JOIN clnp_stages s ON s.run_id = r.id
    GROUP BY r.id, r.owner_driver_id, r.heartbeat_at, r.lease_ttl_seconds
)
SELECT r.name AS run, g.name AS run_group,
       CASE WHEN t.committed = t.stages THEN 'completed'
            WHEN t.depleted > 0 THEN 'depleted'
            WHEN t.cancel_requested = 1 AND t.leased = 0 THEN 'cancelled'
            WHEN t.failed > 0 THEN 'failed'
            WHEN t.leased = 1 THEN 'running'
            ELSE 'stopped' END AS state,
       r.method, r.benchmark, r.tasks, t.tasks_committed, r.seed, r.margin_points,
       (SELECT AVG(e.test_accuracy) FROM clnp_evaluations e
        JOIN clnp_commits c ON c.id = e.commit_id JOIN clnp_stages s ON s.id = c.stage_id
        WHERE s.run_id = r.id AND s.task = (
            SELECT MAX(last.task) FROM clnp_stages last WHERE last.run_id = r.id AND last.state = 'committed')
       ) AS mean_test_accuracy,
       r.config_digest, r.code_version, r.created_at
FROM clnp_runs r JOIN standing t ON t.run_id = r.id LEFT JOIN clnp_run_groups g ON g.id = r.group_id
"""

BEFORE = """
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


def upgrade() -> None:
    _replace(RUNS)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(view: str) -> None:
    op.execute("DROP VIEW clnp_v_runs")
    op.execute(view.format(seconds_since_heartbeat=SECONDS_SINCE_HEARTBEAT[op.get_bind().dialect.name]))
