"""The listening socket of a service and its server."""

import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from clnp_core.errors import ConfigError
from orchestrator.render.output import results

KEEP_ALIVE_SECONDS = 60
"""How long an idle connection stays open, longer than the pauses between a client's requests."""

GRACE_SECONDS = 5
"""How long pending responses may take during shutdown."""


@contextmanager
def listen(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """Return a listening socket and its URL for a browser.

    Args:
        host: a host name or an address of this machine.
        port: the port; 0 for a free one.

    Raises:
        ConfigError: the port is taken or not permitted, or the address does not belong to this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise ConfigError(f"{host!r} is not an address of this machine",
                          "listen on 127.0.0.1, or on 0.0.0.0 for all of them") from None
    with socket.socket(family, kind, protocol) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(place)
            listening.listen(2048)
        except OSError as error:
            raise _refused(error, host, port) from None
        real = listening.getsockname()[1]
        shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, f"[{host}]" if ":" in host else host)
        yield listening, f"http://{shown}:{real}/"


def _refused(error: OSError, host: str, port: int) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"port {port} of {host} is taken by another program",
                           "choose another one with --port; 0 takes a free one")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(f"port {port} may not be taken by this user", "choose one above 1023 with --port")
    return ConfigError(f"{host} port {port} cannot be listened on: {os.strerror(error.errno or 0)}",
                       "listen on 127.0.0.1, or on 0.0.0.0 for all addresses of this machine")


class Server(uvicorn.Server):
    """Ends streams before waiting for pending responses, since a stream never ends itself."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down; called on the event loop."""
        self.config.app.state.service.streams.close()  # type: ignore[union-attr]  # the app passed to server()
        await super().shutdown(sockets)


def server(app: FastAPI) -> Server:
    """Return a server for an app; its ``run`` takes the socket."""
    return Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS,
                                 timeout_keep_alive=KEEP_ALIVE_SECONDS, server_header=False, lifespan="on"))


def run(app: FastAPI, listening: socket.socket) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP, then end cleanly and without an error."""
    results().flush()
    serving = server(app)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, serving.handle_exit)
    try:
        serving.run(sockets=[listening])  # installs signal handlers, and restores the previous ones
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
