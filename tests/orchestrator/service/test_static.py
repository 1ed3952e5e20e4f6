"""The page is served as what it is, and nothing beside it."""

import re

import httpx
import pytest

from orchestrator.service.static import FOLDER


def test_every_file_of_the_page_comes_as_what_it_is(service: httpx.Client) -> None:
    types = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
             ".svg": "image/svg+xml"}
    files = [file for file in FOLDER.rglob("*") if file.suffix in types]
    assert files
    for file in files:
        answer = service.get(f"/{file.relative_to(FOLDER)}")
        assert answer.content == file.read_bytes() and answer.headers["content-type"] == types[file.suffix]
        again = service.get(f"/{file.relative_to(FOLDER)}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 and again.content == b""
    assert service.get("/").content == (FOLDER / "index.html").read_bytes()


def test_the_drawing_library_comes_from_here(service: httpx.Client) -> None:
    answer = service.get("/vega.js")
    assert answer.headers["content-type"].startswith("text/javascript") and b"vegaEmbed" in answer.content
    assert service.get("/vega.js", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", service.get("/").text)


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/..%5capp.py", "//etc/passwd", "/.",
                                  "/a%00b"])
def test_nothing_beside_the_page_is_served(service: httpx.Client, path: str) -> None:
    with httpx.Client() as client:
        answer = client.send(client.build_request("GET", httpx.URL(str(service.base_url).rstrip("/") + path)))
    assert answer.status_code == 404 or answer.content == (FOLDER / "index.html").read_bytes()
