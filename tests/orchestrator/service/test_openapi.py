"""The document says what the service does: every answer to requests made from it, right ones and wrong ones, is as it says."""

from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.orchestrator.service.conftest import HOLDER

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
STREAM = "/api/v1/runs/{run}/events/stream"
"""It has no end, and is tested by itself."""


@pytest.fixture(scope="module")
def schema(acting: httpx.Client) -> Any:
    """The document, as schemathesis reads it."""
    return schemathesis.openapi.from_url(str(acting.base_url) + "openapi.json")


def _attack(schema: Any, method: str, mode: GenerationMode, headers: dict[str, str]) -> set[tuple[str, int]]:
    """Ask everything of one method a few times; returns which statuses each path answered with."""
    seen: set[tuple[str, int]] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.method.upper() != method or operation.path == STREAM:
            continue

        @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            if "run" in (case.path_parameters or {}) and mode.is_positive:
                case.path_parameters["run"] = "tiny"  # so that more than 404s are seen
            case.headers = {**(case.headers or {}), **headers}
            seen.add((case.path, case.call_and_validate(checks=CHECKS).status_code))

        with suppress(Unsatisfiable):  # what takes nothing cannot be asked wrongly
            ask()
    return seen


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_to_a_question_is_as_the_document_says(schema: Any, mode: GenerationMode) -> None:
    seen = _attack(schema, "GET", mode, {})
    paths = {path for path, operations in schema.raw_schema["paths"].items() if "get" in operations} - {STREAM}
    assert {path for path, _ in seen} <= paths
    assert {status for _, status in seen} >= ({200, 404} if mode.is_positive else {404, 422})


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_to_a_wish_is_as_the_document_says(schema: Any, mode: GenerationMode) -> None:
    assert {status for _, status in _attack(schema, "POST", mode, HOLDER)} >= {422}
    assert {status for _, status in _attack(schema, "POST", mode, {})} == {401}


def test_the_document_says_who_may_change_anything(acting: httpx.Client) -> None:
    document = acting.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {"HTTPBearer": {
        "type": "http", "scheme": "bearer", "description": "the token that the service was started with, `CLNP_TOKEN`"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert bool(operation.get("security")) == (method == "post" or path == "/api/v1/token"), path
            assert not operation.get("security") or {"401", "403"} <= set(operation["responses"]), path
            assert not path.startswith("/api/") or "422" in operation["responses"], path
