"""Routes that change runs: launch, stop, cancel, resume. All require the token."""

from typing import Any

from fastapi import APIRouter, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from clnp_core.errors import ConfigError, StateError
from db.rows import RequestRow
from db.states import RequestKind, RunState
from orchestrator.jobs.config_subprocess import read_apart
from orchestrator.jobs.jobs import JobKind
from orchestrator.runs.operations import request_cancel, request_stop
from orchestrator.service.dependencies import BASE, PRINTABLE, Reading, RunName, bearer, service_of
from orchestrator.service.errors import responses

router = APIRouter(prefix=BASE + "/runs", tags=["acting"], dependencies=[Security(bearer)],
                   responses=responses(401, 403, 413, 422, 500, 503))


class Launch(BaseModel):
    """A run to launch: its config either as sections of keys or as the text of a YAML file."""

    model_config = ConfigDict(extra="forbid")
    config: dict[str, Any] | None = Field(None, description="sections of keys, see docs/configuration.md")
    config_yaml: str | None = Field(None, description="the same as YAML")
    name: str | None = Field(None, max_length=200, pattern=PRINTABLE,
                             description="name of the run, must be unused; default: the config's, numbered if taken")
    overrides: list[str] = Field(default_factory=list, max_length=200, description="`a.b=value` assignments, the value in YAML")
    kind: JobKind | None = Field(None, alias="as", description="how the driver is started; default: the service's setting")


class Resume(BaseModel):
    """Options for resuming a run."""

    model_config = ConfigDict(extra="forbid")
    retry_failed: bool = Field(False, description="retrain failed trials, too")
    accept_environment: bool = Field(False, description="continue although device, torch or code changed; this is recorded")
    kind: JobKind | None = Field(None, alias="as", description="how the driver is started; default: the service's setting")


class Started(BaseModel):
    """The started job and the run that it drives."""

    run: str = Field(description="name of the recorded run")
    job: str = Field(description="name of the job, see /api/v1/jobs")


@router.post("", status_code=202, summary="Launch a run", responses=responses(409))
def launch(wanted: Launch, request: Request) -> Started:
    """Record a run and start its driver. The response has the name of the run. For an invalid config, nothing is started and
    all problems are listed."""
    config = wanted.config if wanted.config_yaml is None else wanted.config_yaml
    if config is None or (wanted.config is not None and wanted.config_yaml is not None):
        raise ConfigError("give the config either as `config` or as `config_yaml`", "not both")
    service = service_of(request)
    checked = read_apart(config, wanted.name, wanted.overrides)
    job = service.starter.launch(checked, wanted.name, wanted.kind or service.settings.jobs)
    return Started(run=job.run, job=job.id)


@router.post("/{run}/resume", status_code=202, summary="Resume a run", responses=responses(404, 409))
def resume(run: RunName, request: Request, pages: Reading, wanted: Resume | None = None) -> Started:
    """Start a driver that continues the run from its recorded state. Finished trials are never retrained."""
    if pages.run(run).state is RunState.COMPLETED:
        raise StateError(f"run {run!r} is completed: there is nothing left to do",
                         f"if its commits were lost, `clnp resume {run}` rebuilds them")
    service, how = service_of(request), wanted or Resume()
    job = service.starter.resume(run, how.kind or service.settings.jobs, how.retry_failed, how.accept_environment)
    return Started(run=job.run, job=job.id)


@router.post("/{run}/stop", status_code=202, summary="Stop a run's driver", responses=responses(404, 409))
def stop(run: RunName, request: Request, pages: Reading) -> RequestRow:
    """Ask the driver, on any machine, to stop cleanly; it stops within seconds, and the run can be resumed."""
    request_stop(run, url=service_of(request).database.secret_address)
    return _asked(pages.requests(run), RequestKind.STOP)


@router.post("/{run}/cancel", status_code=202, summary="Cancel a run", responses=responses(404, 409))
def cancel(run: RunName, request: Request, pages: Reading) -> RequestRow:
    """Cancel a run: its driver stops, and it cannot be resumed. Its records stay."""
    request_cancel(run, url=service_of(request).database.secret_address)
    return _asked(pages.requests(run), RequestKind.CANCEL)


def _asked(requests: list[RequestRow], kind: RequestKind) -> RequestRow:
    return next(each for each in reversed(requests) if each.kind is kind)
