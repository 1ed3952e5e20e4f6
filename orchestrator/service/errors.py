"""Every error of the service as one JSON document of one shape, with the status that belongs to it."""

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
from orchestrator.render.secrets import without_passwords

STATUS: Mapping[type[ClnpError], int] = {
    ConfigError: 422, NotFoundError: 404, BusyError: 409, StateError: 409, EnvironmentChangedError: 409,
    DatabaseError: 503, RunFailedError: 503}
"""Of the errors that a request can cause or wait out; every other one is the service's own, 500."""

UNFORESEEN, USAGE, NOT_THERE = 1, 2, 4
"""Exit codes of the command line that stand for errors which only HTTP has."""

RETRY_SECONDS = 2
log = logging.getLogger("clnp.service")


class Problem(BaseModel):
    """What is wrong, how to fix it, and the exit code that the command line has for it."""

    message: str = Field(description="what is wrong; further lines are its details")
    hint: str = Field(description="how to fix it")
    exit_code: int = Field(description="of `clnp` for the same error, see docs/cli.md")


class ProblemDocument(BaseModel):
    """The body of every answer that is no success."""

    error: Problem


MEANINGS = {
    401: "the token is missing or wrong",
    403: "this service changes nothing, because it has no token; or the request asks for a host that is not its own",
    404: "there is no such thing",
    409: "another driver holds the run, or its state does not allow this",
    413: "the body is too large",
    422: "a parameter or the body is wrong; everything that is wrong is told",
    500: "an error that nobody foresaw",
    503: "the database, or the cluster that takes jobs, cannot be reached now",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How errors of these statuses are documented."""
    return {status: {"model": ProblemDocument, "description": MEANINGS[status]} for status in statuses}


PLAIN_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "what If-None-Match names is still what is there"}}


class RefusedError(Exception):
    """An answer that is no success, with a status of its own.

    Args:
        status: of HTTP.
        message, hint: what is wrong, and how to fix it.
        headers: of the answer.
        exit_code: what the command line would call it.
    """

    def __init__(self, status: int, message: str, hint: str, headers: Mapping[str, str] | None = None,
                 exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint
        self.headers, self.exit_code = dict(headers or {}), exit_code


class NotModifiedError(Exception):
    """The caller has this version already."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def answer(status: int, message: str, hint: str, exit_code: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as it is sent. A password of an address never is."""
    document = ProblemDocument(error=Problem(message=without_passwords(message, ()), hint=without_passwords(hint, ()),
                                             exit_code=exit_code))
    return JSONResponse(document.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})})


def of_refusal(error: RefusedError) -> JSONResponse:
    """A refusal as it is sent."""
    return answer(error.status, error.message, error.hint, error.exit_code, error.headers)


def of_unforeseen(error: BaseException) -> JSONResponse:
    """What nobody foresaw: the log has where it happened, the answer does not."""
    log.error("an unforeseen error", exc_info=error)
    return answer(500, f"an unforeseen {type(error).__name__}", "please report it with the traceback in the service's log",
                  UNFORESEEN)


def install(app: FastAPI) -> None:
    """Give every error of an app this shape."""
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
            return answer(422, "the body does not say that it is JSON", "send the header `Content-Type: application/json`",
                          USAGE)
        if any(each["type"] == "json_invalid" for each in error.errors()):
            return answer(422, "the body is not JSON", "send one JSON object; /openapi.json describes it", USAGE)
        problems = [_words(each) for each in error.errors()]
        message = problems[0] if len(problems) == 1 else "\n  ".join([f"{len(problems)} parameters are wrong:", *problems])
        return answer(422, message, "/openapi.json describes every parameter", USAGE)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, RefusedError):  # FastAPI takes whatever ends the reading of a body for a broken body
            return of_refusal(error.__cause__)
        if error.status_code == 404:
            return answer(404, "there is no such page", "/openapi.json lists what there is", NOT_THERE)
        if error.status_code == 405:
            return answer(405, f"{request.method} is not understood here", "/openapi.json says what is", USAGE, error.headers)
        if error.status_code == 400:
            return answer(422, "the body cannot be read", "send JSON in UTF-8", USAGE)
        phrase = HTTPStatus(error.status_code).phrase.lower()
        return answer(error.status_code, str(error.detail or phrase), "/openapi.json describes every request", USAGE,
                      error.headers)


def _says_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower().endswith(("/json", "+json"))


def _words(error: Mapping[str, Any]) -> str:
    """Where the value stands and what is wrong with it, without repeating the value."""
    place = [str(part) for part in error["loc"]]
    where = {"query": "parameter ", "path": "", "header": "header ", "body": "body"}.get(place[0], "")
    name = ".".join(place[1:])
    name = f" {name}" if where == "body" and name else name
    return f"{where}{name}: {error['msg'][:1].lower()}{error['msg'][1:]}"
