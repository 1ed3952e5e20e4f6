"""The files of a comparison, from runs that are written by hand."""

import csv

from sqlalchemy import Engine

from db.reads import Reads
from orchestrator.comparison.compare import compare
from orchestrator.comparison.writing import Line, files
from tests.orchestrator.comparison.conftest import learnt


def test_a_table_its_figures_and_the_records_of_every_run(engine: Engine) -> None:
    for seed in (1, 2):
        learnt(engine, f"a-{seed}", seed, [[270], [240 + seed, 285]], group="a")
    learnt(engine, "b", 1, [[280], [100, 290]], method="ewc")
    reads = Reads(engine)
    made = files(reads, "Two methods", [Line("ours", "98.42 ± 0.04", "18 / 40"), Line("theirs")],
                 compare(reads, ["a", "b"]), "clnp compare a b")
    assert set(made) == {
        "table.md", "table.csv", "table.tex", "runs.csv", "trials.csv", "accuracy.csv", "capacity.csv", "methods.svg",
        "methods.png", "usage.svg", "usage.png", "a-accuracy.svg", "a-accuracy.png", "a-capacity.svg", "a-capacity.png"}
    ours, theirs = csv.DictReader(made["table.csv"].decode().splitlines())
    assert (ours["row"], ours["runs"], ours["paper"], ours["paper used %"], ours["used %"]) == (
        "ours", "2", "98.42 ± 0.04", "18 / 40", "50.0 / 50.0")
    assert (ours["accuracy %"], ours["validation %"]) == ("87.75 ± 0.12", "87.50 ± 0.00")
    assert theirs["accuracy %"] == "65.00" and theirs["paper"] == "-" and theirs["parameters"] == str(12 * 65 + 8 * 13 + 80)
    assert "# Two methods\n\n    clnp compare a b\n" in made["table.md"].decode()
    quoted = list(csv.DictReader(made["runs.csv"].decode().splitlines()))
    assert [(row["run"], row["seed"]) for row in quoted] == [("a-1", "1"), ("a-2", "2"), ("b", "1")]
    assert r"ours & 2 & 87.75 ± 0.12 & 98.42 ± 0.04" in made["table.tex"].decode()
