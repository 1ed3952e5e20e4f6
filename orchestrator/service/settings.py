"""How a service is set up: where it listens, who may ask, and how it starts drivers."""

import ipaddress
import os
import re
from dataclasses import dataclass, field

from clnp_core.errors import ConfigError
from orchestrator.jobs.jobs import JobKind
from orchestrator.runs.location import Place

TOKEN_VARIABLE = "CLNP_TOKEN"
SHORTEST_TOKEN = 16
"""Characters; whoever has the token can run code here."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_DASHBOARD = re.compile(r"https?://[^/]")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How a service is set up. ``repr`` shows no secret.

    Attributes:
        place: the database and the artifact store of the runs.
        host: what it listens on.
        token: what lets somebody in; None: everybody may read and nobody change anything.
        names: host names that requests may ask for, beside those of the loopback address.
        closed: reading needs the token, too.
        jobs: how a driver is started where a request does not say.
        ray_dashboard: of the cluster that takes jobs, such as ``http://10.0.0.1:8265``; None: there is none.
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
        """Requests must ask for a host that is known. Off the loopback address the token keeps others out."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked(settings: ServiceSettings) -> ServiceSettings:
    """The settings, as they may be used: off the loopback address reading needs the token as well.

    Raises:
        ConfigError: no token where one is needed, one that is too short or no token, jobs for a cluster that is not named, or
            no address of one.
    """
    if not _HOST.fullmatch(settings.host):
        raise ConfigError(f"{settings.host!r} is no address to listen on",
                          "give one of this machine's, such as 127.0.0.1 or 0.0.0.0")
    local = is_loopback(settings.host)
    if settings.token is not None:
        _check_token(settings.token)
    elif not local:
        raise ConfigError(f"on {settings.host} everybody who reaches this machine could read the results",
                          f"set {TOKEN_VARIABLE} to a secret (`openssl rand -hex 32` makes one), or listen on 127.0.0.1 "
                          "and use `ssh -L`")
    elif settings.closed:
        raise ConfigError(f"--require-token needs a token, and {TOKEN_VARIABLE} is not set",
                          "set it to a secret; `openssl rand -hex 32` makes one")
    if settings.jobs is JobKind.RAY_JOB and settings.ray_dashboard is None:
        raise ConfigError("runs are to be driven as Ray jobs, and no cluster is named",
                          "name its dashboard: --ray-dashboard http://HEAD:8265")
    if settings.ray_dashboard is not None and not _DASHBOARD.match(settings.ray_dashboard):
        raise ConfigError(f"{settings.ray_dashboard!r} is no address of a Ray dashboard",
                          "give it with its protocol and port, such as http://10.0.0.1:8265")
    return ServiceSettings(settings.place, settings.host, settings.token, settings.names, settings.closed or not local,
                           settings.jobs,
                           settings.ray_dashboard)


def _check_token(token: str) -> None:
    """Raises: ConfigError: it never repeats the token."""
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"{TOKEN_VARIABLE} has {len(token)} characters, too few for a secret",
                          f"give it at least {SHORTEST_TOKEN}; `openssl rand -hex 32` makes one")
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"{TOKEN_VARIABLE} holds characters that no Authorization header can carry",
                          "use letters, digits and . _ ~ + / = -; `openssl rand -hex 32` makes one")


def token_of_environment() -> str | None:
    """What ``CLNP_TOKEN`` holds; an empty one is none."""
    return os.environ.get("CLNP_TOKEN") or None
