"""Drivers as jobs of a Ray cluster, by way of its dashboard.

What goes along in a job's environment stands in Ray's logs and on its dashboard. So an address with a password does not go
along: the head of the cluster must have ``CLNP_DB_URL`` in its own environment then.
"""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clnp_core.errors import RunFailedError
from db.url import resolve_url, shown

DRIVER = ("clnp",)
"""How the command is called on the head of the cluster."""

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Ray's client obeys this, and then ``RAY_ADDRESS``, before the address that it is given."""

ANSWER_SECONDS = 20.0
"""A dashboard may take to answer; it waits 10 s itself for a cluster that has just started."""


@dataclass(frozen=True, slots=True)
class RayJob:
    """A job as Ray knows it: ``exit_code`` is its driver's, and None where Ray itself has ended it; ``message`` is what Ray
    says of it."""

    is_running: bool
    exit_code: int | None
    ended_at: datetime | None
    message: str | None


class RayJobs:
    """The jobs of one cluster.

    Args:
        dashboard: its address, such as ``http://10.0.0.1:8265``.
        driver: how ``clnp`` is called there.
    """

    def __init__(self, dashboard: str, driver: Sequence[str] = DRIVER) -> None:
        self.dashboard, self._driver = dashboard, tuple(driver)

    def command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """What is started there."""
        return (*self._driver, *arguments)

    def submit(self, job_id: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Start a job; returns its submission id.

        Raises:
            RunFailedError: the cluster cannot be reached, or refuses.
        """
        with self._asked() as client:
            return str(client.submit_job(entrypoint=shlex.join(command), submission_id=f"clnp-{job_id}",
                                         runtime_env={"env_vars": dict(environment)}))

    def look(self, submission: str) -> RayJob:
        """A job as it is now.

        Raises:
            RunFailedError: the cluster cannot be reached, or knows no such job.
        """
        with self._asked() as client:
            info = client.get_job_info(submission)
            ended_at = datetime.fromtimestamp(info.end_time / 1000, UTC) if info.end_time else None
            return RayJob(not info.status.is_terminal(), info.driver_exit_code, ended_at, info.message)

    def output(self, submission: str) -> str:
        """What a job printed.

        Raises:
            RunFailedError: the cluster cannot be reached, or knows no such job.
        """
        with self._asked() as client:
            return str(client.get_job_logs(submission))

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """Ray's client of this cluster; whatever it raises becomes one error of ours."""
        from ray.exceptions import RayError  # a second, for those who use it
        from ray.job_submission import JobSubmissionClient

        class Impatient(JobSubmissionClient):
            """A dashboard whose cluster has died holds every request, and Ray's own client would wait for ever."""

            def _do_request(self, *arguments: Any, **options: Any) -> Any:
                return super()._do_request(*arguments, **{"timeout": ANSWER_SECONDS} | options)

        os.environ[ADDRESS_VARIABLE] = self.dashboard
        try:
            yield Impatient(self.dashboard)
        except (RayError, RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise RunFailedError(f"the Ray cluster at {self.dashboard} takes no jobs: {reason}",
                                 "start it with its dashboard (`ray start --head`), or start drivers as processes") from error


def sendable(address: str, storage: str, data: str | None) -> dict[str, str]:
    """The environment that goes along with a job: what holds no secret.

    Args:
        address: of the database.
        storage: root of the artifact store.
        data: folder of the data sets, if one is set.
    """
    url = resolve_url(address)
    url = url._replace(password=url.password or None)  # an empty one is none
    found = {} if "***" in shown(url) else {"CLNP_DB_URL": url.render_as_string(hide_password=False)}
    return {**found, "CLNP_STORAGE": storage, **({"CLNP_DATA": data} if data else {})}
