"""Who may ask, and what every answer carries."""

import httpx
import pytest

from orchestrator.service.settings import ServiceSettings
from tests.orchestrator.cli.conftest import Recorded
from tests.orchestrator.service.conftest import HOLDER, TOKEN, place_in, serving


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]", "a:b:c"])
def test_a_page_of_another_host_reads_nothing(service: httpx.Client, host: str) -> None:
    for path in ("/", "/api/v1", "/openapi.json", "/metrics"):
        answer = service.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert answer.json()["error"] == {
            "message": "this service does not have the host name of this request",
            "hint": "use localhost, or start the service with --name for each of its other names", "exit_code": 2}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8300", "[::1]:99", "localhost."])
def test_every_name_of_the_loopback_address_is_known(service: httpx.Client, host: str) -> None:
    assert service.get("/api/v1", headers={"Host": host}).status_code == 200


def test_without_a_token_nothing_is_changed(service: httpx.Client) -> None:
    for path in ("/runs", "/runs/tiny/stop", "/runs/tiny/cancel", "/runs/tiny/resume"):
        answer = service.post(f"/api/v1{path}", json={}, headers=HOLDER)
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == "this service is read-only: it was started without a token"
    assert service.get("/api/v1").json()["can_change"] is False


@pytest.mark.parametrize(("sent", "told"), [
    (None, "this requires the service's token"), ("Basic YTpi", "this requires the service's token"),
    ("Bearer", "this requires the service's token"), ("Bearer wrong", "the token is wrong"),
    (f"Bearer {TOKEN}x", "the token is wrong"), (f"Bearer {TOKEN[:-1]}", "the token is wrong"),
    ("Bearer \xff", "the token is wrong")])
def test_only_the_token_lets_somebody_change_things(acting: httpx.Client, sent: str | None, told: str) -> None:
    headers = {} if sent is None else {"Authorization": sent.encode("latin-1")}
    answer = acting.post("/api/v1/runs/tiny/cancel", headers=headers)  # type: ignore[arg-type]  # bytes, which httpx takes
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["message"] == told
    assert TOKEN not in answer.text


def test_whether_a_token_is_the_right_one(service: httpx.Client, acting: httpx.Client) -> None:
    right = acting.get("/api/v1/token", headers=HOLDER)
    assert (right.status_code, right.content) == (204, b"")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert acting.get("/api/v1/token", headers=headers).status_code == 401
    assert service.get("/api/v1/token", headers=HOLDER).status_code == 403


def test_who_may_not_change_anything_may_still_read(acting: httpx.Client) -> None:
    assert acting.get("/api/v1").json()["can_change"] is True
    assert acting.get("/api/v1/runs").status_code == 200


def test_a_closed_service_shows_strangers_nothing_but_its_page(recorded: Recorded) -> None:
    wanted = ServiceSettings(place_in(recorded.folder), token=TOKEN, closed=True, names=("lab.example",))
    with serving(wanted, recorded.folder) as client:
        for path in ("/api/v1", "/api/v1/runs", "/api/v1/nothing", "/metrics", "/api"):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers=HOLDER).status_code in (200, 404), path
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/").status_code == 200
        assert client.get("/healthz", headers={"Host": "LAB.example:443"}).status_code == 200


def test_every_answer_forbids_what_a_page_of_ours_never_does(service: httpx.Client) -> None:
    for path in ("/", "/api/v1", "/api/v1/runs/nobody", "/nothing", "/healthz", "/metrics"):
        headers = service.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"] and "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers and "server" not in headers


@pytest.mark.parametrize("path", ["/runs", "/runs/tiny/resume"])
@pytest.mark.parametrize("chunks", [1, 20], ids=["with its length", "in chunks"])
def test_a_body_that_is_too_large_is_not_read(acting: httpx.Client, path: str, chunks: int) -> None:
    size = 1_000_001 if chunks == 1 else 60_000
    content = b"x" * size if chunks == 1 else (b"x" * size for _ in range(chunks))
    answer = acting.post(f"/api/v1{path}", content=content, headers={**HOLDER, "Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "the body is larger than 1 MB"
