"""The jobs of ``workers.jobs.trial_job`` as Ray tasks. Ray Tune, which takes longer to import than Ray, is not needed here.

A foreseen error is returned as a value instead of a Ray traceback, and does not count as a lost machine: a job is started again
only if its process died.
"""

import contextlib
import faulthandler
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import ray
from ray.experimental import internal_kv

from clnp_core.errors import RunFailedError
from workers import capture
from workers.jobs.job_answer import Refused, answer
from workers.training.resume import StoppedError, listen

Result = TypeVar("Result")

JOB_RETRIES = 2
"""How often a job between trials is started again after its worker was lost."""


_NAMESPACE = b"clnp"


def ask_to_stop(key: str) -> None:
    """Request every training with this key, on any machine, to write a checkpoint and stop.

    The request is stored in the cluster's key-value store until the cluster ends; every key is used only once.
    """
    with contextlib.suppress(ray.exceptions.RayError):  # without the request, the time to stop runs out
        internal_kv._internal_kv_put(key.encode(), b"1", namespace=_NAMESPACE)


def is_asked_to_stop(key: str) -> bool:
    """Return whether :func:`ask_to_stop` was called; can be called in any process of the cluster."""
    return bool(internal_kv._internal_kv_exists(key.encode(), namespace=_NAMESPACE))


@dataclass(slots=True)
class Submitted:
    """A job on a worker. ``start`` starts it, also again after its worker was lost; ``time_limit_seconds`` ends it. A job that
    ``can_stop`` writes a checkpoint when it is requested to stop."""

    name: str
    start: "Callable[[], ray.ObjectRef[Any]]"
    time_limit_seconds: float | None
    can_stop: bool = False
    place: capture.OutputPlace | None = None
    reference: "ray.ObjectRef[Any]" = field(init=False)
    began: float = field(init=False)
    retries_left: int = JOB_RETRIES

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Start it from the beginning."""
        self.reference, self.began = self.start(), time.monotonic()

    def is_running(self) -> bool:
        """Return whether it has not ended yet."""
        return bool(ray.wait([self.reference], timeout=0)[1])

    def cancel(self) -> None:
        """End its worker."""
        ray.cancel(self.reference, force=True)

    def ran_out_of_time(self) -> bool:
        """Return whether it is old enough for its time limit to have ended its worker."""
        return self.time_limit_seconds is not None and time.monotonic() - self.began >= self.time_limit_seconds


def submit(job: Callable[..., Result], *arguments: object, cpus: float, gpus: float,
           time_limit_seconds: float | None = None, place: capture.OutputPlace | None = None,
           stop_key: str | None = None) -> Submitted:
    """Start one of :mod:`workers.jobs.trial_job` on a worker; :func:`fetch` returns its result.

    A timer in C ends the worker of a job that exceeds the limit; the job is then not started again. Its output is stored at
    ``place``. A job that trains is given the ``stop_key`` of :func:`ask_to_stop`.
    """
    remote = ray.remote(_guarded).options(num_cpus=cpus, num_gpus=gpus, max_retries=0)
    return Submitted(job.__name__, lambda: remote.remote(time_limit_seconds, place, stop_key, job, *arguments),
                     time_limit_seconds, stop_key is not None, place)


def fetch(submitted: Submitted, stop: Callable[[], bool], grace_is_over: Callable[[], bool] = lambda: True) -> Any:
    """Return the job's result, even if it arrives while waiting for a job that can stop.

    Args:
        submitted: the job.
        stop: whether to stop waiting.
        grace_is_over: called after ``stop`` became true, for jobs that can stop; True cancels the job. The first call must
            request it to stop.

    Raises:
        StoppedError: ``stop`` became true first; the job has stopped, or is cancelled.
        ClnpError: the job raised it.
        RunFailedError: it exceeded its limit; or its worker died, and so did the workers of its retries.
    """
    while True:
        while not ray.wait([submitted.reference], timeout=0.2)[0]:
            if stop() and (not submitted.can_stop or grace_is_over()):
                submitted.cancel()
                raise StoppedError
        try:
            outcome: Any = ray.get(submitted.reference)
        except ray.exceptions.RayError as error:
            if submitted.ran_out_of_time():
                raise RunFailedError(
                    f"the job {submitted.name} was ended: it took longer than {submitted.time_limit_seconds:g} s "
                    "(resources.job_time_limit_seconds)",
                    "find out why it hangs, or raise the limit in a fork; then resume the run to try again") from error
            if stop():
                raise StoppedError from error
            if submitted.retries_left and not isinstance(error, ray.exceptions.RayTaskError):
                submitted.retries_left -= 1
                submitted.again()
                continue
            raise RunFailedError(f"a worker failed: {_reason(error)}",
                                 f"{_where_to_look(submitted.place)}; resume the run to try again") from error
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome


def _where_to_look(place: capture.OutputPlace | None) -> str:
    """Return where to find the output of a job whose worker died."""
    if place is None or place.task is None:
        return "look in Ray's logs on that machine"
    return f"`clnp logs {place.run} --task {place.task}` shows the output of the job; Ray's logs on that machine have the rest"


def _reason(error: ray.exceptions.RayError) -> str:
    """Return one line: the message of an error that the job raised, or the last line of an error of Ray."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return f"{type(cause).__name__}: {(str(cause).strip().splitlines() or [''])[0]}"
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _guarded(time_limit_seconds: float | None, place: capture.OutputPlace | None, stop_key: str | None,
             job: Callable[..., Result], *arguments: object) -> "Result | Refused":
    kept = None if place is None else capture.begin_job(place, job.__name__, ray.get_runtime_context().get_task_id() or "")
    if time_limit_seconds is not None:
        faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=2)  # needs no interpreter lock, as in trials
    listen(None if stop_key is None else partial(is_asked_to_stop, stop_key))
    try:
        return answer(job, *arguments, kept=kept)
    finally:
        listen(None)
        faulthandler.cancel_dump_traceback_later()
        if kept is not None:
            kept.end()
