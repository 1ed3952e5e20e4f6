"""A driver's life: the lease, the cluster, and the loop between them."""

from contextlib import ExitStack

from sqlalchemy import Engine

from clnp_core.errors import ClnpError
from db.patience import Patience, PatientReads, PatientStore
from db.store import Store
from orchestrator.configuration.config import Config
from orchestrator.progress import Progress
from orchestrator.sharing import register


class NotStartedError(Exception):
    """There is no cluster to run on; the run has not been touched."""

    def __init__(self, cause: ClnpError) -> None:
        super().__init__(cause)
        self.cause = cause


def drive_run(engine: Engine, run: str, config: Config, progress: Progress, storage: str,
              retry_failed: bool = False, accept_environment: bool = False) -> None:
    """Drive a recorded run until it has ended or is asked to stop.

    Args:
        engine: of the database that records it.
        run: its name.
        config: its own.
        progress: who hears of the steps.
        storage: root of the artifact store.
        retry_failed: train trials again that failed, also those that the selection would go on without.
        accept_environment: go on although device, torch or code have changed.

    Raises:
        NotStartedError: there is no cluster to run on, or no store to write to.
        BusyError: another driver holds the run.
        ClnpError: as :func:`orchestrator.sequence.drive`.
    """
    from orchestrator.cluster import connect
    from orchestrator.keeper import hold

    with hold(Store(engine), run, progress.stopping) as keeper, ExitStack() as connected:
        try:
            register(storage, engine)
            cluster = connected.enter_context(connect(config))
        except ClnpError as error:
            raise NotStartedError(error) from error
        keeper.listen()  # Ray has put a handler of its own over ours
        from orchestrator.sequence import drive
        from orchestrator.stages.context import RunContext

        patience = Patience(config.resources.database_patience_seconds, keeper.should_stop, progress.notice)
        context = RunContext(PatientStore(engine, patience), PatientReads(engine, patience), keeper, config, storage, cluster,
                             progress)
        drive(context, retry_failed, accept_environment)
        if keeper.should_stop():
            progress.stopped(keeper.reason)
