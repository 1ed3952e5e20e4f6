"""What names a database among all that use the same artifact store.

Revision: 0004, after 0003. The row is written when a driver or `clnp gc` first needs it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clnp_database",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("database_id", sa.Text(), nullable=False, comment="random name of the database"),
        sa.CheckConstraint("id = 1", name=op.f("ck_clnp_database_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clnp_database")),
    )


def downgrade() -> None:
    op.drop_table("clnp_database")
