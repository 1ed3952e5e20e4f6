"""How a handle shows itself, in a console and in a notebook."""

from clnp_core.errors import DatabaseError
from orchestrator.notebook.handle import ROWS, Shown, facts, shown
from orchestrator.render.table import Column, number


def test_a_table() -> None:
    table = Shown("Two things.", (number("n"), Column("what")), [("1", "<b>bold</b>"), ("20", "a & b")])
    assert table.text() == "Two things.\n\n n  what\n--  -----------\n 1  <b>bold</b>\n20  a & b"
    assert table.html() == "\n".join([
        "<p>Two things.</p>", "<table>",
        '<thead><tr><th style="text-align: right">n</th><th style="text-align: left">what</th></tr></thead>', "<tbody>",
        '<tr><td style="text-align: right">1</td><td style="text-align: left">&lt;b&gt;bold&lt;/b&gt;</td></tr>',
        '<tr><td style="text-align: right">20</td><td style="text-align: left">a &amp; b</td></tr>', "</tbody>", "</table>"])


def test_names_and_values() -> None:
    pairs = facts('A "thing" <i>.', [("size", "3"), ("of what", "x\ny")])
    assert pairs.text() == 'A "thing" <i>.\n\nsize     3\nof what  x y'
    assert pairs.html().startswith("<p>A &quot;thing&quot; &lt;i&gt;.</p>\n<table>\n<tbody>\n<tr><td")


def test_a_long_table_says_what_is_left_out() -> None:
    rows = [(str(index),) for index in range(ROWS + 5)]
    for table, more in ((Shown("Many.", (number("n"),), rows), 5), (Shown("Many.", (number("n"),), rows[:3], 2003), 2000)):
        assert table.text().splitlines()[-1] == f"… and {more:,} more"
        assert table.html().splitlines()[-1] == f"<p>… and {more:,} more</p>"


def test_nothing_but_a_heading() -> None:
    assert (Shown("Empty.").text(), Shown("Empty.").html()) == ("Empty.", "<p>Empty.</p>")


def test_an_error_is_shown_and_not_raised() -> None:
    def fail() -> Shown:
        raise DatabaseError("it is\nlocked", "wait")

    assert shown("Run demo", fail).text() == "Run demo (cannot be shown: it is)"
