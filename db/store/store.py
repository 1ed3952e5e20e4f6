"""Every write to the database.

One method is one transition is one transaction: after a crash it has happened or it has not, and calling it again with
the same values changes nothing. Each write of a driver carries its :class:`~db.records.Lease` and is refused with
:class:`~clnp_core.errors.BusyError` once the lease is no longer the run's, so that a driver which was thought dead and
wakes up can spoil nothing. Nobody else writes results: whoever wants something of a run inserts a request.

A :class:`Store` holds no state but the engine; threads may share it. Every method raises
:class:`~clnp_core.errors.DatabaseError` when the database cannot be reached, is locked, or refuses;
:class:`~clnp_core.errors.NotFoundError` for a run, task or trial that is not there; and what it names itself. Nothing is
written then.

==========================================  =====================================================
method                                      transition
==========================================  =====================================================
``create_run`` ``fork_run``                 a run, its stages PENDING
``create_group`` ``extend_group``           a group and all its runs, more runs of it
``acquire_lease`` ``heartbeat`` ``release_lease``  who drives the run
``begin_sweep`` ``add_trials``              stage PENDING → SWEEPING, trials PENDING
``trial_started`` ``trial_epochs``          trial → RUNNING
``trial_finished`` ``trial_failed``         trial → FINISHED, FAILED
``trial_reported``                          trial → RUNNING → FINISHED, FAILED: its last report at once
``reusable_trials`` ``reuse_trials``        trial PENDING → FINISHED with the result of another run
``release_trials`` ``retry_trials``         trial RUNNING, FAILED → PENDING
``end_sweep``                               stage SWEEPING → SELECTING
``record_selection``                        stage SELECTING → COMMITTING
``record_commit``                           stage COMMITTING → COMMITTED
``fail_stage`` ``reopen_stage``             stage → FAILED and back
``deplete_stage``                           stage → DEPLETED
``request`` ``open_requests`` ``answer_request``  what others ask of the driver
``drop_trial_weights`` ``artifacts_restored``  weights of trials that were not chosen
``remove_run``                              the only deletion
``database_id``                             what names the database in a shared artifact store
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
    """Every write, on the engine that :func:`db.engine.open_database` gave."""
