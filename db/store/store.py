"""Every write to the database.

One method is one transition and one transaction: after a crash it has either happened or not, and repeating it with the same
values changes nothing. Each write of a driver carries its :class:`~db.records.Lease` and is refused with
:class:`~clnp_core.errors.BusyError` once the lease no longer holds the run, so a driver that was considered dead and continues
cannot do any damage. Only drivers write results; other programs insert requests.

A :class:`Store` has no state except the engine; threads may share it. Every method raises
:class:`~clnp_core.errors.DatabaseError` if the database cannot be reached, is locked, or refuses;
:class:`~clnp_core.errors.NotFoundError` if a run, task or trial does not exist; and the errors that it documents. Nothing is
written in these cases.

==========================================  =====================================================
method                                      transition
==========================================  =====================================================
``create_run`` ``fork_run``                 a run, its stages PENDING
``create_group`` ``extend_group``           a group and all its runs, more runs of it
``acquire_lease`` ``heartbeat`` ``release_lease``  who drives the run
``begin_sweep`` ``add_trials``              stage PENDING → SWEEPING, trials PENDING
``trial_started`` ``trial_epochs``          trial → RUNNING
``trial_reported``                          trial → RUNNING → FINISHED, FAILED: its last report in one transaction
``trial_reported``                          trial → RUNNING → FINISHED, FAILED: its last report at once
``reusable_trials`` ``reuse_trials``        trial PENDING → FINISHED with the result of another run
``release_trials`` ``retry_trials``         trial RUNNING, FAILED → PENDING
``end_sweep``                               stage SWEEPING → SELECTING
``record_selection``                        stage SELECTING → COMMITTING
``record_commit``                           stage COMMITTING → COMMITTED
``fail_stage`` ``reopen_stage``             stage → FAILED and back
``deplete_stage``                           stage → DEPLETED
``request`` ``open_requests`` ``answer_request``  requests to the driver
``drop_trial_weights`` ``artifacts_restored``  weights of trials that were not chosen
``remove_run``                              the only deletion
``database_id``                             the name of the database in a shared artifact store
==========================================  =====================================================
"""

from db.store.artifact_writes import ArtifactWrites
from db.store.fork_writes import ForkWrites
from db.store.lease_writes import LeaseWrites
from db.store.reuse_writes import ReuseWrites
from db.store.run_writes import RunWrites
from db.store.stage_writes import StageWrites
from db.store.sweep_writes import SweepWrites
from db.store.trial_writes import TrialWrites


class Store(RunWrites, LeaseWrites, SweepWrites, TrialWrites, ReuseWrites, StageWrites, ArtifactWrites, ForkWrites):
    """Every write, on an engine of :func:`db.engine.open_database`."""
