"""Drivers as jobs of a Ray cluster, by way of its dashboard.

What goes along in a job's environment stands in Ray's logs and on its dashboard. So an address with a password does not go
along: the head of the cluster must have ``CLNP_DB_URL`` in its own environment then.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from clnp_core.errors import RunFailedError
from db.urls import resolve_url, shown

DRIVER = ("clnp",)
"""How the command is called on the head of the cluster."""


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
        try:
            return str(self._client().submit_job(entrypoint=shlex.join(command), submission_id=f"clnp-{job_id}",
                                                 runtime_env={"env_vars": dict(environment)}))
        except (RuntimeError, ConnectionError, ValueError, OSError) as error:
            raise self._away(error) from error

    def look(self, submission: str) -> tuple[str, int | None, str | None]:
        """The status of a job as Ray calls it, the exit code of its driver, and what Ray says of it.

        Raises:
            RunFailedError: the cluster cannot be reached, or knows no such job.
        """
        try:
            info = self._client().get_job_info(submission)
        except (RuntimeError, ConnectionError, OSError) as error:
            raise self._away(error) from error
        return str(getattr(info.status, "value", info.status)), info.driver_exit_code, info.message

    def output(self, submission: str) -> str:
        """What a job printed.

        Raises:
            RunFailedError: the cluster cannot be reached, or knows no such job.
        """
        try:
            return str(self._client().get_job_logs(submission))
        except (RuntimeError, ConnectionError, OSError) as error:
            raise self._away(error) from error

    def _client(self) -> Any:
        from ray.job_submission import JobSubmissionClient  # a second, for those who use it

        return JobSubmissionClient(self.dashboard)

    def _away(self, error: Exception) -> RunFailedError:
        reason = " ".join(str(error).split())[:300]
        return RunFailedError(f"the Ray cluster at {self.dashboard} takes no jobs: {reason}",
                              "start it with its dashboard (`ray start --head`), or start drivers as processes")


def sendable(address: str, storage: str, data: str | None) -> dict[str, str]:
    """The environment that goes along with a job: what holds no secret.

    Args:
        address: of the database.
        storage: root of the artifact store.
        data: folder of the data sets, if one is set.
    """
    url = resolve_url(address)
    plain = shown(url) == shown(url.set(password=None)) and "***" not in shown(url)
    found = {"CLNP_DB_URL": url.render_as_string(hide_password=False)} if plain else {}
    return {**found, "CLNP_STORAGE": storage, **({"CLNP_DATA": data} if data else {})}
