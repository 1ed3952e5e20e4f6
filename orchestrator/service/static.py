"""Static files of the page: the folder ``page``, and its drawing library."""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from orchestrator.figures.chart import javascript
from orchestrator.service.dependencies import BASE
from orchestrator.service.http_cache import tagged

NO_HEAD = (BASE, "/healthz", "/metrics", "/vega.js")
"""Path prefixes of other GET routes."""

FOLDER = Path(__file__).parent / "page"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".json": "application/json",
         ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}
"""MIME types by suffix, independent of those of the system."""

router = APIRouter(include_in_schema=False)
_files = StaticFiles(directory=FOLDER, html=True, check_dir=False)


@router.get("/vega.js")
def vega(request: Request) -> Response:
    """Return Vega, Vega-Lite and vega-embed as one script."""
    content, version = _vega()
    response = Response(content, media_type="text/javascript")
    tagged(request, response, version)
    return response


@cache
def _vega() -> tuple[bytes, str]:
    content = javascript().encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@router.api_route("/{file:path}", methods=["GET", "HEAD"])
async def page(file: str, request: Request) -> Response:
    """Return a file of the page; ``/`` is its index. 304 if the browser has it. Other routes support GET but not HEAD."""
    if request.method == "HEAD" and f"/{file}".startswith(NO_HEAD):
        raise HTTPException(405, headers={"Allow": "GET"})
    response = await _files.get_response(_files.get_path({**request.scope, "path": f"/{file}", "root_path": ""}), request.scope)
    found = Path(str(getattr(response, "path", ""))).suffix
    if found in TYPES:
        response.headers["content-type"] = TYPES[found]
    response.headers["Cache-Control"] = "no-cache"
    return response
