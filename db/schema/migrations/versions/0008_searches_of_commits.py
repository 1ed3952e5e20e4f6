"""What a search for the sparsest network after fine-tuning has seen.

Revision: 0008, after 0007. Commits from before had none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("clnp_commits", sa.Column(
        "search", JSON, nullable=True,
        comment="the search for the sparsest network after fine-tuning: reference, candidates, choice, as a JSON object; "
                "NULL: none"))


def downgrade() -> None:
    op.drop_column("clnp_commits", "search")
