"""The life of a driver: hold the lease, connect to the cluster, run the transitions."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from clnp_core.errors import BusyError, ClnpError, DatabaseError
from db.reads.reads import Reads
from db.retry import Patience, PatientReads, PatientStore
from db.states import RunState
from db.store.store import Store
from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config
from orchestrator.driver.grace import Grace
from orchestrator.driver.lease import hold
from orchestrator.events.events import Progress, tell_step
from orchestrator.runs.store_registry import register

if TYPE_CHECKING:
    from orchestrator.driver.executor import Executor


class NotStartedError(Exception):
    """The executor is not available; the run is unchanged."""

    def __init__(self, cause: ClnpError) -> None:
        super().__init__(cause)
        self.cause = cause


def drive_run(engine: Engine, run: str, config: Config, progress: Progress, storage: str,
              retry_failed: bool = False, accept_environment: bool = False,
              executor: ExecutorKind = ExecutorKind.RAY) -> None:
    """Drive a recorded run until it has ended or is asked to stop, and report the outcome to ``progress``.

    Args:
        engine: engine of the run's database.
        run: its name.
        config: its config.
        progress: receives the steps.
        storage: root of the artifact store.
        retry_failed: retrain failed trials, including those that the selection does not need.
        accept_environment: continue although device, torch or code have changed.
        executor: what computes trials and jobs.

    Raises:
        NotStartedError: the executor is not available, or the artifact store cannot be written.
        BusyError: another driver holds the run.
        ClnpError: as :func:`orchestrator.driver.transitions.drive`.
    """
    try:
        reason = _drive(engine, run, config, progress, storage, retry_failed, accept_environment, executor)
    except BusyError:  # the driver that holds the run reports its state
        raise
    except ClnpError as error:
        progress.failed(run, _state(engine, run), str(error))
        raise
    progress.ended(run, _state(engine, run), reason)


def _state(engine: Engine, run: str) -> RunState:
    """Return the state in which the driver left the run; failed if the database does not answer."""
    with suppress(DatabaseError):
        return Reads(engine).run_state(run)
    return RunState.FAILED


def _drive(engine: Engine, run: str, config: Config, progress: Progress, storage: str, retry_failed: bool,
           accept_environment: bool, kind: ExecutorKind) -> str:
    """Drive the run; return why it was stopped, or an empty text."""
    store = Store(engine)
    with hold(store, run, progress.stopping) as keeper, ExitStack() as connected:
        def step(text: str) -> None:
            with suppress(DatabaseError):  # it may come back; required writes wait for it
                tell_step(progress, store, keeper.lease, text)

        try:
            register(storage, engine)
            executor = connected.enter_context(_executor(kind, config, storage, step))
        except BusyError:
            raise
        except ClnpError as error:
            raise NotStartedError(error) from error
        keeper.listen()  # Ray has replaced our signal handlers
        step("starting a worker to determine its environment" if kind is ExecutorKind.RAY else
             "computing in this process, without Ray: executor inline")
        from orchestrator.driver.stages.context import RunContext
        from orchestrator.driver.transitions import drive

        patience = Patience(config.resources.database_patience_seconds, keeper.should_stop, progress.notice)
        context = RunContext(PatientStore(engine, patience), PatientReads(engine, patience), keeper,
                             Grace(keeper, config.resources.stop_time_limit_seconds, executor.ask_to_stop), config, storage,
                             executor, progress)
        with executor.watched(run, lambda reason: keeper.stop(reason, at_once=True), keeper.let_go):
            drive(context, retry_failed, accept_environment)
        if keeper.should_stop():
            progress.stopped(keeper.reason)
            return keeper.reason
    return ""


def _executor(kind: ExecutorKind, config: Config, storage: str,
              told: Callable[[str], None]) -> "AbstractContextManager[Executor]":
    """Return the context of an executor; only the one that is used is imported."""
    if kind is ExecutorKind.INLINE:
        from orchestrator.driver.inline_executor import inline_executor

        return inline_executor(config)
    from orchestrator.driver.ray_executor import ray_executor

    return ray_executor(config, storage, told)
