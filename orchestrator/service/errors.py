"""Errors of the service: JSON documents of one schema, with their HTTP status."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from clnp_core.errors import (
    BusyError,
    ClnpError,
    ConfigError,
    DatabaseError,
    EnvironmentChangedError,
    NotFoundError,
    RunFailedError,
    StateError,
)
from orchestrator.render.output import without_passwords

STATUS: Mapping[type[ClnpError], int] = {
    ConfigError: 422, NotFoundError: 404, BusyError: 409, StateError: 409, EnvironmentChangedError: 409,
    DatabaseError: 503, RunFailedError: 503}
"""HTTP status by error class; all other errors are internal, 500."""

UNFORESEEN, USAGE, NOT_THERE = 1, 2, 4
"""Exit codes for errors that only HTTP has."""

RETRY_SECONDS = 2
log = logging.getLogger("clnp.service")


class Problem(BaseModel):
    """What is wrong, how to fix it, and the exit code of the command line for it."""

    message: str = Field(description="what is wrong; further lines are details")
    hint: str = Field(description="how to fix it")
    exit_code: int = Field(description="exit code of `clnp` for the same error, see docs/cli.md")


class ProblemDocument(BaseModel):
    """The body of every error response."""

    error: Problem


MEANINGS = {
    401: "the token is missing or wrong",
    403: "this service is read-only, because it has no token; or the host name of the request is not its own",
    404: "not found",
    409: "another driver holds the run, or its state does not allow this",
    413: "the body is too large",
    422: "parameters or the body are invalid; all problems are listed",
    500: "an unexpected error",
    503: "the database, or the cluster that takes jobs, cannot be reached now",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI documentation of errors with these statuses."""
    return {status: {"model": ProblemDocument, "description": MEANINGS[status]} for status in statuses}


PLAIN_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "the version in If-None-Match is current"}}


class RefusedError(Exception):
    """An error response with its own status.

    Args:
        status: HTTP status.
        message, hint: what is wrong, and how to fix it.
        headers: headers of the response.
        exit_code: exit code of the command line for it.
    """

    def __init__(self, status: int, message: str, hint: str, headers: Mapping[str, str] | None = None,
                 exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint
        self.headers, self.exit_code = dict(headers or {}), exit_code


class NotModifiedError(Exception):
    """The client already has this version."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def answer(status: int, message: str, hint: str, exit_code: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response for an error. Passwords in URLs are removed."""
    document = ProblemDocument(error=Problem(message=without_passwords(message, ()), hint=without_passwords(hint, ()),
                                             exit_code=exit_code))
    return JSONResponse(document.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})})


def of_refusal(error: RefusedError) -> JSONResponse:
    """Return the response for a refusal."""
    return answer(error.status, error.message, error.hint, error.exit_code, error.headers)


def of_unforeseen(error: BaseException) -> JSONResponse:
    """Return the response for an unexpected error; only the log has the traceback."""
    log.error("unexpected error", exc_info=error)
    return answer(500, f"unexpected {type(error).__name__}", "please report it with the traceback in the service's log",
                  UNFORESEEN)


def install(app: FastAPI) -> None:
    """Register handlers that give every error of an app this schema."""
    @app.exception_handler(ClnpError)
    def _of_clnp(_request: Request, error: ClnpError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        again = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, DatabaseError) and error.may_pass else None
        return answer(status, error.message, error.hint, error.exit_code, again)

    @app.exception_handler(RefusedError)
    def _refused(_request: Request, error: RefusedError) -> Response:
        return of_refusal(error)

    @app.exception_handler(NotModifiedError)
    def _not_modified(_request: Request, error: NotModifiedError) -> Response:
        return Response(status_code=304, headers={"ETag": error.tag, "Cache-Control": "no-cache"})

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        if any(each["loc"] == ("body",) for each in error.errors()) and not _says_json(request):
            return answer(422, "the body is not declared as JSON", "send the header `Content-Type: application/json`",
                          USAGE)
        if any(each["type"] == "json_invalid" for each in error.errors()):
            return answer(422, "the body is not JSON", "send one JSON object; /openapi.json describes it", USAGE)
        problems = [_words(each) for each in error.errors()]
        message = problems[0] if len(problems) == 1 else "\n  ".join([f"{len(problems)} parameters are wrong:", *problems])
        return answer(422, message, "/openapi.json describes every parameter", USAGE)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, RefusedError):  # FastAPI wraps every error while reading a body
            return of_refusal(error.__cause__)
        if error.status_code == 404:
            return answer(404, "there is no such page", "/openapi.json lists all routes", NOT_THERE)
        if error.status_code == 405:
            return answer(405, f"{request.method} is not supported here", "/openapi.json lists methods", USAGE, error.headers)
        if error.status_code == 400:
            return answer(422, "the body cannot be read", "send JSON in UTF-8", USAGE)
        phrase = HTTPStatus(error.status_code).phrase.lower()
        return answer(error.status_code, str(error.detail or phrase), "/openapi.json describes every request", USAGE,
                      error.headers)


def _says_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower().endswith(("/json", "+json"))


def _words(error: Mapping[str, Any]) -> str:
    """Return the location of an invalid value and what is wrong with it, without the value."""
    place = [str(part) for part in error["loc"]]
    where = {"query": "parameter ", "path": "", "header": "header ", "body": "body"}.get(place[0], "")
    name = ".".join(place[1:])
    name = f" {name}" if where == "body" and name else name
    return f"{where}{name}: {error['msg'][:1].lower()}{error['msg'][1:]}"
