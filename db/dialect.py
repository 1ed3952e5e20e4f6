"""Conditions on more values than a statement takes as parameters: PostgreSQL's driver takes 65,535, SQLite as few as 32,766."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, column, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session


def among(session: Session, attribute: "InstrumentedAttribute[Any] | ColumnElement[Any]", texts: Collection[str]
          ) -> ColumnElement[bool]:
    """That a column of text holds one of these, however many: they travel as one parameter."""
    if session.get_bind().dialect.name == "postgresql":
        return attribute == any_(literal(sorted(texts), ARRAY(Text)))
    values = func.json_each(literal(json.dumps(sorted(texts)), Text)).table_valued(column("value", Text))
    return attribute.in_(select(values.c.value))
