"""Access control, and the security headers of responses."""

import hmac
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.service.errors import RefusedError, of_refusal, of_unforeseen
from orchestrator.service.settings import TOKEN_VARIABLE, ServiceSettings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
LARGEST_BODY_BYTES = 1_000_000

READING = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
"""Nothing is loaded from other hosts, inline scripts do not run, and other pages cannot embed this one."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Checks requests, and adds :data:`HEADERS` to every response.

    On the loopback address the Host header must name this service: otherwise a page of another host whose name resolves to
    127.0.0.1 could read the responses (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, _limited(receive), with_headers)
        except RefusedError as error:
            if started:
                raise
            await of_refusal(error)(scope, receive, with_headers)
        except Exception as error:
            if started:
                raise
            await of_unforeseen(error)(scope, receive, with_headers)

    def _check(self, scope: Scope) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        if self._settings.checks_host and not self._knows(headers.get("host", "")):
            raise RefusedError(403, "this service does not have the host name of this request",
                               "use localhost, or start the service with --name for each of its other names")
        if int_or(headers.get("content-length"), 0) > LARGEST_BODY_BYTES:
            raise _too_large()
        ours = path == "/api" or path.startswith("/api/")
        if (ours and scope["method"] not in READING) or (self._settings.closed and (ours or path == "/metrics")):
            check_token(self._settings, headers.get("authorization"))

    def _knows(self, host: str) -> bool:
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        name = (name if name and port.isascii() and port.isdigit() else host).lower().removesuffix(".")
        return name in LOOPBACK_NAMES or name == self._settings.host.lower() or name in map(str.lower, self._settings.names)


def check_token(settings: ServiceSettings, authorization: str | None) -> None:
    """Require the token.

    Args:
        settings: the settings with the token.
        authorization: the Authorization header of the request.

    Raises:
        RefusedError: 403 if the service has no token, 401 if the token is missing or wrong.
    """
    if settings.token is None:
        raise RefusedError(403, "this service is read-only: it was started without a token",
                           f"start it with {TOKEN_VARIABLE} set, or use the command line on its machine")
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), settings.token.encode()):
        return
    told = "the token is wrong" if scheme.lower() == "bearer" and given.strip() else "this requires the service's token"
    raise RefusedError(401, told, f"send the header `Authorization: Bearer ${TOKEN_VARIABLE}`", {"WWW-Authenticate": "Bearer"})


def _limited(receive: Receive) -> Receive:
    """Return the body, limited in size."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY_BYTES:
            raise _too_large()
        return message

    return counted


def _too_large() -> RefusedError:
    return RefusedError(413, "the body is larger than 1 MB", "configs of runs are smaller")


def int_or(text: str | None, otherwise: int) -> int:
    """Return the whole number in a header."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 10**18 if text else otherwise
