"""What distinguishes the methods is a property of theirs: nobody compares names."""

import re

import pytest

from tests.house import ROOT
from workers.methods import Method, recorded_method


@pytest.mark.parametrize("method", list(Method))
def test_a_recorded_method_is_found_by_its_name(method: Method) -> None:
    assert recorded_method(method.value) is method


def test_the_method_of_another_version_is_not_known() -> None:
    assert recorded_method("a method of a later version") is None


def test_one_stage_learns_all_tasks_only_where_the_first_with_a_stage_is_the_last() -> None:
    assert {method for method in Method if method.learns_at_once} == {Method.JOINT}
    assert all(method.first_task(5) == (5 if method.learns_at_once else 1) for method in Method)


def test_the_page_compares_no_method_but_to_leave_out_the_name_of_the_usual_one() -> None:
    compared = {found for path in (ROOT / "orchestrator" / "service" / "page").rglob("*.js")
                for found in re.findall(r"method [!=]== \"(\w+)\"", path.read_text(encoding="utf-8"))}
    assert compared == {"clnp"}
