"""Shared definitions of the tables: names of constraints, and the conversion of Python values on both databases."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Float, Integer, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from clnp_core.selection import SelectionRule, Verdict
from clnp_core.values import TrialRole
from db.dialect import json_type
from db.states import FailureKind, RequestKind, StageState, TrialState


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time in UTC. Naive values are refused; SQLite stores no time zone, so UTC is written and read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text of any origin. PostgreSQL refuses NUL, both refuse half of a surrogate pair, and the error message of a crashed
    worker
    may contain either: they become U+FFFD and "?"."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable_text(value)


class Document(TypeDecorator[Any]):
    """JSON (JSONB on PostgreSQL). Tuples become lists; NaN and infinities, which JSON does not have, become their names; None
    is NULL, not JSON's null."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return json_type(dialect)

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:
        return storable_json(value)


def storable_text(value: str) -> str:
    """Replace the characters that the databases cannot store."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def storable_json(value: object) -> Any:
    """Convert a value to JSON that both databases can store; equal values give equal results."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {storable_text(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable_json(item) for item in value]
    return value


def finite(value: float) -> float | None:
    """Return the number, or None if it is not finite: SQLite would silently store NaN as NULL and PostgreSQL would not."""
    return value if math.isfinite(value) else None


def choice(states: type[StrEnum], name: str) -> Enum:
    """Return the type of a column that holds the value of one member: text with a CHECK, the same on both databases."""
    return Enum(states, name=name, native_enum=False, create_constraint=True, length=32,
                values_callable=lambda members: [member.value for member in members])


VERSION_TABLE = "clnp_alembic_version"
"""Table of alembic's revision; Optuna uses ``alembic_version`` in the same database."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""Every revision of the schema, oldest first. Listed here so that opening a database does not import alembic."""

BIG_ID = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite generates ids only for a column declared INTEGER, which also holds 64 bits there."""

Id = Annotated[int, mapped_column(BIG_ID, primary_key=True, autoincrement=True)]


class Base(DeclarativeBase):
    """Tables of this project, all named clnp_…, so that they can share a database with Optuna and other programs."""

    metadata = MetaData(naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    })
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads it as a class attribute
        int: BigInteger(),
        float: Float(53),
        str: PlainText(),
        datetime: UtcDateTime(),
        dict[str, Any]: Document(),
        list[int]: Document(),
        list[float]: Document(),
        list[float | None]: Document(),
        list[dict[str, Any]]: Document(),
        StageState: choice(StageState, "state"),
        TrialState: choice(TrialState, "state"),
        TrialRole: choice(TrialRole, "role"),
        FailureKind: choice(FailureKind, "failure_kind"),
        RequestKind: choice(RequestKind, "kind"),
        Verdict: choice(Verdict, "verdict"),
        SelectionRule: choice(SelectionRule, "rule"),
    }
