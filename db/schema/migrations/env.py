"""Alembic's entry: migrate the open connection that :mod:`db.schema.migrate` hands over, in one transaction.

Only tables named clnp_… are looked at, so that Optuna's or anybody's tables in the same database are left alone.
"""

from typing import Literal

from alembic import context

import db.schema.models  # noqa: F401  the tables, which enter themselves in Base.metadata
from db.dialect import database_file
from db.schema.types import Base, Document, PlainText, UtcDateTime

PLAIN_TYPES = {
    UtcDateTime: "sa.DateTime(timezone=True)",
    PlainText: "sa.Text()",
    Document: 'sa.JSON().with_variant(JSONB(), "postgresql")',
}
"""How a new revision spells our types: it must not change when they do."""


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Whether alembic should compare this object."""
    return kind != "table" or (name or "").startswith("clnp_")


def spelled_out(kind: str, item: object, autogen: object) -> str | Literal[False]:
    """The text of a type of ours in a revision file; False leaves it to alembic."""
    return next((text for ours, text in PLAIN_TYPES.items() if kind == "type" and isinstance(item, ours)), False)


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, include_name=is_ours, render_item=spelled_out,
                  version_table=context.config.attributes["version_table"],
                  render_as_batch=database_file(connection.engine.url) is not None)
context.run_migrations()
