"""Caching over HTTP: ETags of responses, computed from what determines them, and rendered figures by ETag."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import Request, Response

from orchestrator.figures.chart import specification
from orchestrator.service.errors import NotModifiedError
from workers.environment import package_versions

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart


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


MOST_KEPT = 32


class FigureCache:
    """Recent figures by version. Thread-safe; one figure is drawn at a time."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._making = threading.Lock()

    def get(self, version: str, make: "Callable[[], Chart]") -> bytes:
        """Return the figure of a version as JSON.

        Args:
            version: version of its data, see :func:`orchestrator.service.http_cache.tag`.
            make: draws it on a cache miss.
        """
        with self._making:
            if version not in self._made:
                text = json.dumps(specification(make()), allow_nan=False, separators=(",", ":"))
                self._made[version] = text.encode("ascii")
                while len(self._made) > MOST_KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(version)
            return self._made[version]
