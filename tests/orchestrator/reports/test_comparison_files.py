"""The files of a comparison, from runs that are written by hand."""

import csv

from sqlalchemy import Engine

from db.reads.reads import Reads
from orchestrator.reports.compare import compare
from orchestrator.reports.comparison_files import FILES, Line, files
from tests.orchestrator.reports.conftest import learnt


def test_a_table_its_figures_and_the_records_of_every_run(engine: Engine) -> None:
    for seed in (1, 2):
        learnt(engine, f"a-{seed}", seed, [[270], [240 + seed, 285]], group="a")
    learnt(engine, "b", 1, [[280], [100, 290]], method="ewc")
    reads = Reads(engine)
    made = files(reads, "Two methods", [Line("ours", "98.42 ± 0.04", "18 / 40"), Line("theirs")],
                 compare(reads, ["a", "b"]), "clnp compare a b")
    assert set(made) == {
        "table.md", "table.csv", "table.tex", "runs.csv", "trials.csv", "accuracy.csv", "capacity.csv", "selections.csv",
        "commits.csv", "events.csv", "configs/a-1.yaml", "configs/a-2.yaml", "configs/b.yaml", "methods.svg",
        "methods.png", "usage.svg", "usage.png", "a-accuracy.svg", "a-accuracy.png", "a-capacity.svg", "a-capacity.png"}
    assert set(FILES) <= set(made)
    ours, theirs = csv.DictReader(made["table.csv"].decode().splitlines())
    assert (ours["row"], ours["runs"], ours["paper"], ours["paper used %"], ours["used %"]) == (
        "ours", "2", "98.42 ± 0.04", "18 / 40", "50.0 / 50.0")
    assert (ours["accuracy %"], ours["validation %"]) == ("87.75 ± 0.12", "87.50 ± 0.00")
    assert theirs["accuracy %"] == "65.00" and theirs["paper"] == "-" and theirs["parameters"] == str(12 * 65 + 8 * 13 + 80)
    assert "# Two methods\n\n    clnp compare a b\n" in made["table.md"].decode()
    quoted = list(csv.DictReader(made["runs.csv"].decode().splitlines()))
    assert [(row["run"], row["seed"]) for row in quoted] == [("a-1", "1"), ("a-2", "2"), ("b", "1")]
    assert r"ours & 2 & 87.75 ± 0.12 & 86.69 to 88.81 & 98.42 ± 0.04" in made["table.tex"].decode()
    commits = list(csv.DictReader(made["commits.csv"].decode().splitlines()))
    assert [(row["run"], row["task"], row["digest"]) for row in commits[:2]] == [("a-1", "1", "a-1-1"), ("a-1", "2", "a-1-2")]
    assert {row["run"] for row in csv.DictReader(made["events.csv"].decode().splitlines())} == {"a-1", "a-2", "b"}


def test_a_number_that_only_some_seeds_have_says_how_many(engine: Engine) -> None:
    for seed in (1, 2):
        learnt(engine, f"a-{seed}", seed, [[270], [240 + seed, 285]], group="a")
    learnt(engine, "alone", 1, [[271], [271, 286]], method="scratch")
    reads = Reads(engine)
    made = files(reads, "Few references", [Line("a"), Line("alone")], compare(reads, ["a", "alone"]), "clnp compare a alone")
    a, alone = csv.DictReader(made["table.csv"].decode().splitlines())
    assert a["forward"] == "-0.33 (1 run)" and a["backward"].endswith(" ± 0.24") and alone["95 % interval"] == "-"


def test_what_was_asked_for_and_is_not_there_is_in_the_table(engine: Engine) -> None:
    learnt(engine, "a-1", 1, [[270], [240, 285]], group="a")
    learnt(engine, "b-1", 1, [[270]], tasks=2, method="ewc", group="b")
    reads = Reads(engine)
    made = files(reads, "Much | asked", [Line("a", seeds=(1, 2, 3)), Line("b|c"), Line("later", "98.42", seeds=(1, 2))],
                 compare(reads, ["a", "b"]), "clnp reproduce x", ["Made with --tasks 2."])
    a, b, later = csv.DictReader(made["table.csv"].decode().splitlines())
    assert [row["runs"] for row in (a, b, later)] == ["1 of 3", "0 of 1", "0 of 2"]
    assert (later["paper"], later["accuracy %"]) == ("98.42", "-")
    text = made["table.md"].decode()
    assert r"| b\|c | 0 of 1 |" in text and "completed runs (seed 1)" in text and "\nMade with --tasks 2.\n" in text
    assert "b-1 is stopped with 1 of 2 tasks learnt: it is not averaged." in text
    assert "b-accuracy.svg" not in made, "a figure of a run that is not complete would look like a small one"


def test_seeds_that_were_asked_for_and_others_count_as_asked(engine: Engine) -> None:
    for seed in (1, 2):
        learnt(engine, f"a-{seed}", seed, [[270]], group="a")
    reads = Reads(engine)
    made = files(reads, "Other seeds", [Line("a", seeds=(2, 5, 6))], compare(reads, ["a"]), "clnp reproduce x")
    [row] = csv.DictReader(made["table.csv"].decode().splitlines())
    assert row["runs"] == "2 of 4"


def test_after_a_task_figures_and_words_end_there(engine: Engine) -> None:
    learnt(engine, "a", 1, [[270], [240, 285], [230, 280, 290]])
    reads = Reads(engine)
    then, now = (files(reads, "A", [Line("a")], compare(reads, ["a"], after_task=task), "clnp compare a") for task in (2, None))
    assert "test and validation accuracy after task 2, over all tasks until then" in then["table.md"].decode()
    assert "accuracy after the last task, over all tasks until then" in now["table.md"].decode()
    for name in ("a-capacity.svg", "a-accuracy.svg", "methods.svg", "usage.svg"):
        assert then[name] != now[name]
    assert then["accuracy.csv"] == now["accuracy.csv"], "the records are whole"
