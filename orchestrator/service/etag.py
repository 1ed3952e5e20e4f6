"""ETags of responses, computed from what determines them."""

import hashlib

from fastapi import Request, Response

from orchestrator.service.errors import NotModifiedError
from workers.environment import package_versions


def tag(*parts: object) -> str:
    """Return an ETag of everything that determines a response.

    Args:
        parts: plain values, times and rows; the code version is added.
    """
    text = repr((package_versions().get("clnp"), package_versions().get("altair"), parts))
    return f'"{hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]}"'


def tagged(request: Request, response: Response, version: str) -> None:
    """Set the version of a response.

    Args:
        request: the request, which may list versions of the client.
        response: the response.
        version: version of the response, see :func:`tag`.

    Raises:
        NotModifiedError: the client already has it.
    """
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if version in known or "*" in known:
        raise NotModifiedError(version)
    response.headers["ETag"] = version
    response.headers["Cache-Control"] = "no-cache"
