"""YAML is read without surprises, and what cannot be read is said in one line."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.errors import ConfigError
from orchestrator.config import yaml_loader
from orchestrator.config.yaml_loader import override, parse, read_mapping
from tests.messages import naming, tells


@pytest.mark.parametrize(("text", "value"), [
    ("1e-5", 1e-5), ("1E5", 1e5), ("-2e+3", -2000.0), ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("1.5e3", 1500.0),
    (".inf", math.inf), ("-.inf", -math.inf),
    ("0", 0), ("-7", -7), ("+3", 3), ("1_000", 1000), ("0x1F", 31),
    ("010", "010"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("1e", "1e"), ("e5", "e5"), ("=", "="),
    ("'1e-5'", "1e-5"), ("yes", True), ("off", False), ("null", None), ("~", None), ("", None), ("# only", None),
])
def test_scalars(text: str, value: Any) -> None:
    read = parse(text, "x")
    assert read == value and type(read) is type(value)


def test_not_a_number_is_read_as_one() -> None:
    assert math.isnan(parse(".nan", "x"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(value: float) -> None:
    assert parse(f"[{value!r}]", "x") == [value]


def test_a_merge_key_may_be_overridden_without_being_a_duplicate() -> None:
    assert parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3", "x")["b"] == {"x": 1, "y": 3}


def test_a_section_with_merges_may_be_merged_by_another_that_is_built_first() -> None:
    text = "z: &z {x: 1}\nsection: {deep: {deeper: &a {<<: *z, x: 2}}}\nb: {<<: *a}"
    assert parse(text, "x") == {"z": {"x": 1}, "section": {"deep": {"deeper": {"x": 2}}}, "b": {"x": 2}}


def _bomb(join: str, last: str = "") -> str:
    """Fourteen lines, each of which uses the line before it six times."""
    lines = ["a: &a {x: 1, y: 2}"]
    for n in range(14):
        below, name = chr(97 + n), chr(98 + n)
        lines.append(f"{name}: &{name} " + join.format(", ".join([f"*{below}"] * 6)))
    return "\n".join([*lines, last])


@pytest.mark.parametrize("text", [
    _bomb("[{}]"), _bomb("{{<<: [{}]}}"), _bomb("{{k: [{}]}}"), _bomb("{{<<: {{<<: [{}]}}}}"), _bomb("{{? [{}] : 1}}"),
    _bomb("{{<<: [{}]}}", "z: {<<: *o, ? *o : 1}"),
], ids=["lists", "merges", "values", "merges in merges", "keys", "merges as a key"])
def test_what_grows_when_it_is_built_is_refused_before_it_is_built(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml.SafeLoader, "construct_document", lambda *_: pytest.fail("something was built"))
    with pytest.raises(ConfigError) as caught:
        parse(text, "lab.yaml")
    assert tells(caught.value, "lab.yaml", "100,000", 50)


def test_a_long_document_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_loader, "_MAX_VALUES", 10)
    assert parse("[1, 2, 3, 4, 5, 6, 7, 8, 9]", "x") == list(range(1, 10))
    with pytest.raises(ConfigError, match=naming("x")):
        parse("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "x")
    with pytest.raises(ConfigError, match=naming("10")):
        parse("[" + "1, " * 30 + "this is no end", "x")


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\nb: 2\na: 3", ("lab.yaml", "line 3, column 1", "'a'", "line 1")),
    ("b: {<<: {x: 1, x: 2}}", ("lab.yaml", "line 1, column 16", "'x'")),
    ("{a: {b: 1, b: 2}}", ("lab.yaml", "line 1, column 12", "'b'")),
    ("a: [1, 2", ("lab.yaml", "line 1, column 9", "<stream end>")),
    ("a:\n\tb: 1", ("lab.yaml", "line 2, column 1", "\\t")),
    ("a: !secret x", ("lab.yaml", "line 1, column 4", "!secret")),
    ("a: !!int b", ("lab.yaml", "int()", "'b'", "!!")),
    ("a: 1e400", ("lab.yaml", "1e400", "oversized")),
    ("a: [1, -1e999]", ("lab.yaml", "-1e999", "oversized")),
    ("a: &a [*a]", ("lab.yaml", "100,000", "50")),
])
def test_errors_name_the_place_and_the_remedy(text: str, message: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "lab.yaml")
    assert tells(caught.value, *message)


@pytest.mark.parametrize("text", [
    "a: !!python/object/apply:os.system [true]", "!!timestamp x", "!!binary x", "!!set {a}", "!!bool perhaps", "!!int ''",
    "a: *nowhere", "--- 1\n--- 2", "? [1]\n: 2", "[" * 5000, "9" * 5000, "a: \x00", b"\xff\xfe\x00", b"\x80abc",
    "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(8)),
], ids=repr)
def test_hostile_documents_are_refused_in_one_line(text: str | bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "lab.yaml")
    assert tells(caught.value, "lab.yaml")
    assert "\n" not in caught.value.message and caught.value.hint


@given(st.one_of(st.text(max_size=60), st.binary(max_size=40),
                 st.text(alphabet="ab:-?[]{}&*!|>'\"%@#, \n\t019.e<=_xX~", max_size=40)))
def test_no_document_raises_anything_else(text: str | bytes) -> None:
    try:
        parse(text, "x")
    except ConfigError as error:
        assert "\n" not in error.message


class TestFiles:
    def test_a_missing_file_names_its_neighbour(self, tmp_path: Path) -> None:
        (tmp_path / "permuted-digits.yaml").write_text("a: 1")
        with pytest.raises(ConfigError) as caught:
            read_mapping(tmp_path / "permuted-digit.yaml")
        assert tells(caught.value, tmp_path, "permuted-digit.yaml", "permuted-digits.yaml")

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            read_mapping(tmp_path / "no" / "lab.yaml")
        assert tells(caught.value)

    def test_a_folder_lists_its_configs(self, tmp_path: Path) -> None:
        (tmp_path / "b.yaml").write_text("a: 1")
        (tmp_path / "a.yml").write_text("a: 1")
        with pytest.raises(ConfigError) as caught:
            read_mapping(tmp_path)
        assert tells(caught.value, tmp_path, "a.yml", "b.yaml")

    def test_a_path_that_cannot_be_one(self) -> None:
        with pytest.raises(ConfigError, match=naming("a\\x00b", "embedded null byte")):
            read_mapping(Path("a\0b"))

    def test_a_file_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "lab.yaml").write_text("a: 1")
        with pytest.raises(ConfigError, match=naming("Not a directory")):
            read_mapping(tmp_path / "lab.yaml" / "x.yaml")

    @pytest.mark.parametrize(("content", "what"), [
        ("", ("empty",)), ("# nothing but a comment\n", ("empty",)), ("- a\n- b", ("list",)), ("just words", ())])
    def test_what_is_no_mapping(self, tmp_path: Path, content: str, what: tuple[str, ...]) -> None:
        file = tmp_path / "lab.yaml"
        file.write_text(content)
        with pytest.raises(ConfigError) as caught:
            read_mapping(file)
        assert tells(caught.value, file, *what, "experiments/permuted-digits.yaml")

    def test_utf16_with_a_mark_and_utf8_are_read(self, tmp_path: Path) -> None:
        file = tmp_path / "lab.yaml"
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            file.write_text("name: α", encoding=encoding)
            assert read_mapping(file) == {"name": "α"}


class TestOverrides:
    def test_values_are_yaml_and_the_later_one_wins(self) -> None:
        values = {"a": {"b": 1, "c": 2}}
        assert override(values, ["a.b=1e-5", "a.b=[1, x]", "d.e.f={g: null}"]) == {
            "a": {"b": [1, "x"], "c": 2}, "d": {"e": {"f": {"g": None}}}}
        assert values == {"a": {"b": 1, "c": 2}}, "the file's own values stay as they were"

    def test_an_empty_section_is_filled(self) -> None:
        assert override({"a": None}, ["a.b=1"]) == {"a": {"b": 1}}

    def test_a_value_may_hold_equals_signs_and_dots(self) -> None:
        assert override({}, ["a = 'x=y.z'"]) == {"a": "x=y.z"}

    @pytest.mark.parametrize(("assignment", "message"), [
        ("training.epochs", ("--set", "training.epochs", "key=value", "selection.margin_points")),
        ("=5", ("--set", "=5", "key=value", "selection.margin_points")),
        ("a..b=5", ("--set", "a..b=5", "key=value", "selection.margin_points")),
        ("seed.x=5", ("--set", "seed.x=5", "seed=...")),
        ("a=[1", ("--set", "a=[1", "line 1, column 3", "<stream end>")),
    ])
    def test_errors(self, assignment: str, message: tuple[str, ...]) -> None:
        with pytest.raises(ConfigError) as caught:
            override({"seed": 3}, [assignment])
        assert tells(caught.value, *message)
