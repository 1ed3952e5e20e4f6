"""Alembic's entry: migrate the open connection that :mod:`db.migrate` hands over, in one transaction.

Only tables named clnp_… are looked at, so that Optuna's or anybody's tables in the same database are left alone.
"""

from alembic import context

import db.models  # noqa: F401  the tables, which enter themselves in Base.metadata
from db.columns import Base


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Whether alembic should compare this object."""
    return kind != "table" or (name or "").startswith("clnp_")


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, include_name=is_ours,
                  version_table=context.config.attributes["version_table"],
                  render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
