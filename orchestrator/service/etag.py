"""Versions of what does not change often: an answer's ETag, made from what decides it and not from the answer."""

import hashlib

from fastapi import Request, Response

from orchestrator.service.errors import NotModifiedError
from workers.environment import package_versions


def tag(*parts: object) -> str:
    """An ETag of everything that decides an answer.

    Args:
        parts: plain values, times and rows; the version of the code is added.
    """
    text = repr((package_versions().get("clnp"), package_versions().get("altair"), parts))
    return f'"{hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]}"'


def tagged(request: Request, response: Response, version: str) -> None:
    """Say which version an answer is.

    Args:
        request: which may name versions that its sender has.
        response: what is being answered.
        version: of the answer, see :func:`tag`.

    Raises:
        NotModifiedError: the sender has it.
    """
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if version in known or "*" in known:
        raise NotModifiedError(version)
    response.headers["ETag"] = version
    response.headers["Cache-Control"] = "no-cache"
