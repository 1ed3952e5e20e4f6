"""Drivers as jobs of a Ray cluster, submitted through its dashboard.

The environment of a job appears in Ray's logs and on its dashboard. So a URL with a password is not sent: the head of the
cluster must then have ``CLNP_DB_URL`` in its own environment.
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
"""The ``clnp`` command on the head of the cluster."""

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Ray's client prefers this variable, and then ``RAY_ADDRESS``, to the address that it is given."""

ANSWER_SECONDS = 20.0
"""Timeout of a dashboard's answer; it waits 10 s itself for a cluster that has just started."""


@dataclass(frozen=True, slots=True)
class RayJob:
    """A job as reported by Ray: ``exit_code`` is its driver's, None if Ray ended it; ``message`` is Ray's message about
    it."""

    is_running: bool
    exit_code: int | None
    ended_at: datetime | None
    message: str | None


class RayJobs:
    """The jobs of one cluster.

    Args:
        dashboard: its address, such as ``http://10.0.0.1:8265``.
        driver: the ``clnp`` command there.
    """

    def __init__(self, dashboard: str, driver: Sequence[str] = DRIVER) -> None:
        self.dashboard, self._driver = dashboard, tuple(driver)

    def command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """Return the command line for ``clnp`` with these arguments."""
        return (*self._driver, *arguments)

    def submit(self, job_id: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Start a job; return its submission id.

        Raises:
            RunFailedError: the cluster cannot be reached, or refuses the job.
        """
        with self._asked() as client:
            return str(client.submit_job(entrypoint=shlex.join(command), submission_id=f"clnp-{job_id}",
                                         runtime_env={"env_vars": dict(environment)}))

    def look(self, submission: str) -> RayJob:
        """Return the current state of a job.

        Raises:
            RunFailedError: the cluster cannot be reached, or has no such job.
        """
        with self._asked() as client:
            info = client.get_job_info(submission)
            ended_at = datetime.fromtimestamp(info.end_time / 1000, UTC) if info.end_time else None
            return RayJob(not info.status.is_terminal(), info.driver_exit_code, ended_at, info.message)

    def output(self, submission: str) -> str:
        """Return the output of a job.

        Raises:
            RunFailedError: the cluster cannot be reached, or has no such job.
        """
        with self._asked() as client:
            return str(client.get_job_logs(submission))

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """Provide Ray's client of this cluster; turn its exceptions into a RunFailedError."""
        from ray.exceptions import RayError  # slow to import
        from ray.job_submission import JobSubmissionClient

        class Impatient(JobSubmissionClient):
            """A client with a timeout: the dashboard of a dead cluster never answers, and Ray's client would wait forever."""

            def _do_request(self, *arguments: Any, **options: Any) -> Any:
                return super()._do_request(*arguments, **{"timeout": ANSWER_SECONDS} | options)

        os.environ[ADDRESS_VARIABLE] = self.dashboard
        try:
            yield Impatient(self.dashboard)
        except (RayError, RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise RunFailedError(f"the Ray cluster at {self.dashboard} does not accept jobs: {reason}",
                                 "start it with its dashboard (`ray start --head`), or start drivers as processes") from error


def sendable(address: str, storage: str, data: str | None) -> dict[str, str]:
    """Return the environment to send with a job, without secrets.

    Args:
        address: URL of the database.
        storage: root of the artifact store.
        data: folder of the data sets, if one is set.
    """
    url = resolve_url(address)
    url = url._replace(password=url.password or None)  # treat an empty password as none
    found = {} if "***" in shown(url) else {"CLNP_DB_URL": url.render_as_string(hide_password=False)}
    return {**found, "CLNP_STORAGE": storage, **({"CLNP_DATA": data} if data else {})}
