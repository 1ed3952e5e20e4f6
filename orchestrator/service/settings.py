"""Settings of a service: address, access, and how it starts drivers."""

import ipaddress
import os
import re
from dataclasses import dataclass, field

from clnp_core.errors import ConfigError
from orchestrator.jobs.jobs import JobKind
from orchestrator.runs.location import Place

TOKEN_VARIABLE = "CLNP_TOKEN"
SHORTEST_TOKEN = 16
"""Minimum length in characters; holders of the token can run code here."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_DASHBOARD = re.compile(r"https?://[^/]")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Settings of a service. ``repr`` omits secrets.

    Attributes:
        place: the database and the artifact store of the runs.
        host: the address to listen on.
        token: the access token; None for a read-only service.
        names: permitted host names of requests, besides those of the loopback address.
        closed: whether reading requires the token, too.
        jobs: default for how a driver is started.
        ray_dashboard: dashboard URL of the cluster for jobs, such as ``http://10.0.0.1:8265``; None for no cluster.
    """

    place: Place
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    closed: bool = False
    jobs: JobKind = JobKind.PROCESS
    ray_dashboard: str | None = None

    @property
    def checks_host(self) -> bool:
        """Whether host names of requests are checked. On other addresses than loopback, the token controls access."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked(settings: ServiceSettings) -> ServiceSettings:
    """Return validated settings: on other addresses than loopback, reading requires the token, too.

    Raises:
        ConfigError: a missing, too short or invalid token; jobs for a cluster without a dashboard URL, or an invalid one.
    """
    if not _HOST.fullmatch(settings.host):
        raise ConfigError(f"{settings.host!r} is not an address to listen on",
                          "give one of this machine's, such as 127.0.0.1 or 0.0.0.0")
    local = is_loopback(settings.host)
    if settings.token is not None:
        _check_token(settings.token)
    elif not local:
        raise ConfigError(f"on {settings.host} everyone who can connect to this machine could read the results",
                          f"set {TOKEN_VARIABLE} to a secret (`openssl rand -hex 32` generates one), or listen on 127.0.0.1 "
                          "and use `ssh -L`")
    elif settings.closed:
        raise ConfigError(f"--require-token needs a token, and {TOKEN_VARIABLE} is not set",
                          "set it to a secret; `openssl rand -hex 32` generates one")
    if settings.jobs is JobKind.RAY_JOB and settings.ray_dashboard is None:
        raise ConfigError("Ray jobs need a cluster, and none is given",
                          "pass its dashboard: --ray-dashboard http://HEAD:8265")
    if settings.ray_dashboard is not None and not _DASHBOARD.match(settings.ray_dashboard):
        raise ConfigError(f"{settings.ray_dashboard!r} is not a URL of a Ray dashboard",
                          "give it with its protocol and port, such as http://10.0.0.1:8265")
    return ServiceSettings(settings.place, settings.host, settings.token, settings.names, settings.closed or not local,
                           settings.jobs,
                           settings.ray_dashboard)


def _check_token(token: str) -> None:
    """Raise a ConfigError for an invalid token; the message never contains it."""
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"{TOKEN_VARIABLE} has {len(token)} characters, too few for a secret",
                          f"use at least {SHORTEST_TOKEN}; `openssl rand -hex 32` generates one")
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"{TOKEN_VARIABLE} contains characters that an Authorization header cannot have",
                          "use letters, digits and . _ ~ + / = -; `openssl rand -hex 32` generates one")


def token_of_environment() -> str | None:
    """Return the value of ``CLNP_TOKEN``; None if it is empty."""
    return os.environ.get("CLNP_TOKEN") or None
