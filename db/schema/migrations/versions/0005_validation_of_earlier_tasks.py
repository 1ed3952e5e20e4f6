"""Accuracy on the validation data of every task after a commit, beside that on its test data.

Revision: 0005, after 0004. What was committed before stays unknown: NULL.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = {"val_correct": "correct validation samples of that task; NULL: not recorded before 0005",
           "val_total": "validation samples of that task"}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        op.add_column("clnp_evaluations", sa.Column(name, sa.BigInteger(), nullable=True, comment=comment))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("clnp_evaluations", name)
