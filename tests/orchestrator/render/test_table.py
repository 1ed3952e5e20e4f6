"""Tables: aligned, whole, and within the width where that is possible."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.render.table import Column, number, one_line, prose, render


def test_numbers_stand_to_the_right_and_text_to_the_left() -> None:
    assert render([Column("name"), number("count")], [["a", "1"], ["long name", "1,000"]]) == (
        "name       count\n"
        "---------  -----\n"
        "a              1\n"
        "long name  1,000")


def test_a_table_without_rows_has_its_header() -> None:
    assert render([Column("name"), number("count")], []) == "name  count\n----  -----"


def test_prose_wraps_only_where_there_is_a_width() -> None:
    columns, rows = [number("n"), prose("why")], [["1", "one two three four five six seven"]]
    assert render(columns, rows).count("\n") == 2
    assert render(columns, rows, width=20) == (
        "n  why\n"
        "-  -----------------\n"
        "1  one two three\n"
        "   four five six\n"
        "   seven")


def test_the_widest_prose_gives_way_first() -> None:
    wrapped = render([prose("a"), prose("b")], [["x" * 20, "word " * 20]], width=60)
    assert max(map(len, wrapped.splitlines())) <= 60 and "x" * 20 in wrapped


def test_what_is_no_prose_is_never_cut() -> None:
    assert "x" * 90 in render([Column("name"), prose("why")], [["x" * 90, "because"]], width=80)


def test_control_characters_cannot_reach_the_terminal() -> None:
    assert one_line("a\n\tb\x1b[31m\x00\u202e") == "a b\\x1b[31m\\x00\\u202e"
    assert one_line("θ* ≥ 1 €") == "θ* ≥ 1 €"


@given(st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), max_size=5), st.none() | st.integers(1, 120))
def test_no_character_is_ever_lost(rows: list[list[str]], width: int | None) -> None:
    lines = render([Column("a"), prose("b"), number("c")], rows, width).split("\n")
    cells = [one_line(cell) for row in rows for cell in row]
    assert Counter("".join(lines[2:]).replace(" ", "")) == Counter("".join(cells).replace(" ", ""))
    assert all(line == line.rstrip() for line in lines)
    if width is None:
        assert len(lines) == 2 + len(rows)
        assert all(cell in "\n".join(lines) for cell in cells)
