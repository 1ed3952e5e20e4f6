"""Rows as CSV and Parquet: nothing rounded, nothing that a spreadsheet computes."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from db.rows import TrialRow
from orchestrator.render.serialize import Format, Frame, csv_text, of_rows, of_trials, parquet_bytes, write
from tests.orchestrator.runs.test_trial_logs import row as trial_row

SEED = 8640283839209618424
"""A seed that no double holds."""


def cells(frame: Frame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(frame), newline="")))


@pytest.mark.parametrize("text", ["=HYPERLINK(\"http://x\")", "+1+cmd|' /C calc'!A0", "-2+3+cmd|'/C calc'!A0", "@SUM(1)",
                                  "\t=1", "\r=1", "-x", "--"])
def test_text_that_a_spreadsheet_would_compute_has_an_apostrophe_before_it(text: str) -> None:
    [row] = cells(Frame(("said", text), (str, None), [(text, text)]))
    assert row == {"said": f"'{text}", f"'{text}": f"'{text}"}


@pytest.mark.parametrize("text", ["-1.5", "+2", "-1e-05", "-inf", "-", "-0.12 ± 0.03", "-1.20 to 0.30", "-0.12 ± 0.03 (2 runs)",
                                  "1=1", "a-b", "", "'=1"])
def test_other_text_is_as_it_is(text: str) -> None:
    assert cells(Frame(("said", "more"), (str, str), [(text, "x")])) == [{"said": text, "more": "x"}]


@pytest.mark.parametrize("text", ["a,b", 'a "b"', "two\nlines", "two\r\nlines", "a\rb", " a "])
def test_any_text_is_read_back(text: str) -> None:
    assert cells(Frame(("said", "more"), (str, str), [(text, None)])) == [{"said": text, "more": ""}]
    assert pd.read_csv(io.StringIO(csv_text(Frame(("a",), (None,), [(None,), (1,)]))))["a"].isna().tolist() == [True, False]


def test_numbers_stay_numbers() -> None:
    [row] = cells(Frame(("a", "b", "c"), (int, float, None), [(-3, -1e-05, -2)]))
    assert row == {"a": "-3", "b": "-1e-05", "c": "-2"}


def test_trials_have_a_column_for_every_layer() -> None:
    pruned = trial_row(alpha=(1e-4, 2e-4, 3e-4), thresholds=(0.5, None), seed=SEED)
    shallow = trial_row(alpha=(1e-3, 2e-3), thresholds=None, seed=SEED)
    frame = of_trials([pruned, shallow])
    [first, second] = cells(frame)
    assert {name: first[name] for name in ("alpha", "alpha_1", "alpha_2", "alpha_out", "threshold_1", "threshold_2")} == {
        "alpha": "[0.0001, 0.0002, 0.0003]", "alpha_1": "0.0001", "alpha_2": "0.0002", "alpha_out": "0.0003",
        "threshold_1": "0.5", "threshold_2": ""}
    assert (second["alpha_1"], second["alpha_2"], second["alpha_out"], second["threshold_1"]) == ("0.001", "", "0.002", "")
    assert frame.columns.index("alpha_1") == frame.columns.index("alpha") + 1
    read = pd.read_parquet(io.BytesIO(parquet_bytes(frame)))
    assert read["alpha_out"].tolist() == [3e-4, 2e-3] and read["alpha_1"].dtype == read["threshold_2"].dtype == "float64"
    assert of_trials([]).columns == of_rows(TrialRow, []).columns


@pytest.mark.parametrize("form", [Format.CSV, Format.PARQUET])
def test_a_seed_is_exact(form: Format, tmp_path: Path) -> None:
    write(of_trials([trial_row(alpha=(0.0,), seed=SEED)]), form, tmp_path / "trials", lambda _width: "")
    read = pd.read_csv if form is Format.CSV else pd.read_parquet
    assert read(tmp_path / "trials")["seed"].tolist() == [SEED]
