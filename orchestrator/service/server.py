"""The socket of a service and the server on it."""

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
"""How long a connection without a question stays open: a client that asks again just then must not find it closed."""

GRACE_SECONDS = 5
"""How long answers that are under way may take once the service is asked to end."""


@contextmanager
def listen(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and the address that a browser needs.

    Args:
        host: a name or an address of this machine.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken or not ours to take, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise ConfigError(f"{host!r} is no address of this machine",
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
    """Ends streams before it waits for answers that are under way: a stream has no end of its own."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called on the event loop once the server was asked to end."""
        self.config.app.state.service.streams.close()  # type: ignore[union-attr]  # it is the one that server() was given
        await super().shutdown(sockets)


def server(app: FastAPI) -> Server:
    """A server for an app; its ``run`` wants the socket."""
    return Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS,
                                 timeout_keep_alive=KEEP_ALIVE_SECONDS, server_header=False, lifespan="on"))


def run(app: FastAPI, listening: socket.socket) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP, then end cleanly: that is how a service ends, and no error."""
    results().flush()
    serving = server(app)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, serving.handle_exit)
    try:
        serving.run(sockets=[listening])  # it has handlers of its own, and hands on to those before what it was asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
