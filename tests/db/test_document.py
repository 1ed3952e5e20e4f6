"""The page about the schema: complete, and never stale."""

from pathlib import Path

from db.columns import Base
from db.document import page
from db.views import VIEWS

ROOT = Path(__file__).parents[2]


def test_the_page_is_not_stale() -> None:
    written = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m db.document > docs/schema.md`"


def test_every_table_and_column_is_explained() -> None:
    for table in Base.metadata.sorted_tables:
        assert table.name.startswith("clnp_")
        for column in table.columns:
            assert column.comment and column.comment.strip(), f"{table.name}.{column.name}"
            assert f"| `{column.name}` |" in page()
    for name, (meaning, columns) in VIEWS.items():
        assert f"### {name}" in page() and meaning and all(columns.values())
