"""The page about the schema: complete, and never stale."""

from pathlib import Path

from db.schema.schema_docs import page
from db.schema.types import Base
from db.schema.views import VIEWS

ROOT = Path(__file__).parents[3]


def test_the_page_is_not_stale() -> None:
    written = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m db.schema.schema_docs > docs/schema.md`"


def test_every_table_and_column_is_explained() -> None:
    for table in Base.metadata.sorted_tables:
        assert table.name.startswith("clnp_")
        for column in table.columns:
            assert column.comment and column.comment.strip(), f"{table.name}.{column.name}"
            assert f"| `{column.name}` |" in page()
    for name, (meaning, columns) in VIEWS.items():
        assert f"### {name}" in page() and meaning and all(columns.values())
