"""The life of a driver: hold the lease, connect to the cluster, run the transitions."""

from contextlib import ExitStack, suppress

from sqlalchemy import Engine

from clnp_core.errors import BusyError, ClnpError, DatabaseError
from db.reads.reads import Reads
from db.retry import Patience, PatientReads, PatientStore
from db.states import RunState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.cluster import connect
from orchestrator.driver.head_watch import watching
from orchestrator.driver.lease import hold
from orchestrator.events.events import Progress, tell_step
from orchestrator.runs.store_registry import register


class NotStartedError(Exception):
    """No cluster is available; the run is unchanged."""

    def __init__(self, cause: ClnpError) -> None:
        super().__init__(cause)
        self.cause = cause


def drive_run(engine: Engine, run: str, config: Config, progress: Progress, storage: str,
              retry_failed: bool = False, accept_environment: bool = False) -> None:
    """Drive a recorded run until it has ended or is asked to stop, and report the outcome to ``progress``.

    Args:
        engine: engine of the run's database.
        run: its name.
        config: its config.
        progress: receives the steps.
        storage: root of the artifact store.
        retry_failed: retrain failed trials, including those that the selection does not need.
        accept_environment: continue although device, torch or code have changed.

    Raises:
        NotStartedError: no cluster is available, or the artifact store cannot be written.
        BusyError: another driver holds the run.
        ClnpError: as :func:`orchestrator.driver.transitions.drive`.
    """
    try:
        reason = _drive(engine, run, config, progress, storage, retry_failed, accept_environment)
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
           accept_environment: bool) -> str:
    """Drive the run; return why it was stopped, or an empty text."""
    store = Store(engine)
    with hold(store, run, progress.stopping) as keeper, ExitStack() as connected:
        def step(text: str) -> None:
            with suppress(DatabaseError):  # it may come back; required writes wait for it
                tell_step(progress, store, keeper.lease, text)

        try:
            register(storage, engine)
            cluster = connected.enter_context(connect(config, storage, step))
        except BusyError:
            raise
        except ClnpError as error:
            raise NotStartedError(error) from error
        keeper.listen()  # Ray has replaced our signal handlers
        step("starting a worker to determine its environment")
        from orchestrator.driver.grace import Grace
        from orchestrator.driver.stages.context import RunContext
        from orchestrator.driver.transitions import drive

        patience = Patience(config.resources.database_patience_seconds, keeper.should_stop, progress.notice)
        context = RunContext(PatientStore(engine, patience), PatientReads(engine, patience), keeper,
                             Grace(keeper, config.resources.stop_time_limit_seconds), config, storage, cluster, progress)
        with watching(cluster.head, run, lambda reason: keeper.stop(reason, at_once=True), keeper.let_go):
            drive(context, retry_failed, accept_environment)
        if keeper.should_stop():
            progress.stopped(keeper.reason)
            return keeper.reason
    return ""
