"""The connection to Ray: a cluster started on this machine, or the one that ``RAY_ADDRESS`` names.

An existing cluster receives what its workers need: the local code of ``clnp_core`` and ``workers``, the user's benchmark
module, the name of the data folder, and the credentials of the bucket that stores the weights.
"""

import importlib.util
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clnp_core.errors import ClnpError, ConfigError, RunFailedError
from orchestrator.config.config import Config
from orchestrator.driver.local_ray import local_ray
from orchestrator.driver.ray_failure import check_address, cluster_address, of_address
from orchestrator.driver.scratch import scratch
from orchestrator.jobs.own_packages import ROOT, root_comes_first
from workers import user_modules
from workers.storage.schemes import store_type

SHIPPED = ("clnp", "clnp_core", "workers")
"""Our packages that workers import."""

FOR_WORKERS = {"THP_MEM_ALLOC_ENABLE": "1"}
"""Large torch tensors use huge pages where the system allows it, which makes a step about 5 % faster."""

THIS_MACHINE = "this machine"
"""Shown instead of an address for a cluster that was started here."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The resources of the connected cluster, and how many trials fit on it side by side; ``head`` is the ``HOST:PORT`` of
    its head process, ``nodes`` the current number of machines."""

    address: str
    head: str
    nodes: int
    cpus: float
    gpus: float
    parallel_trials: int


@contextmanager
def connect(config: Config, storage: str = "", told: Callable[[str], None] = lambda text: None) -> Iterator[Cluster]:
    """Connect to Ray for the duration of a block; a cluster started here ends with it.

    A process that is already connected (a notebook, a test) keeps its connection.

    Args:
        config: the run's.
        storage: root of the artifact store; workers on other machines receive the credentials of a bucket.
        told: called with a line before each slow step.

    Raises:
        ConfigError: a trial requests more than this machine has.
        RunFailedError: the cluster cannot be reached.
    """
    quiet_environment()
    if _is_connected():
        _refuse_files_in_the_way()
        yield _offer(config, "the connected cluster")
        return
    address = cluster_address()
    told(f"connecting to the Ray cluster at {address}" if address else "starting Ray on this machine")
    if not address and (error := misfit(config)) is not None:
        raise error
    with ExitStack() as connected:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray announces changes of its own defaults
                if address:
                    check_address(address)
                    connected.enter_context(_elsewhere(config, address, storage))
                else:
                    os.environ[user_modules.FOLDERS] = _folder_of_script()
                    connected.enter_context(local_ray(job_config=_job_config()))
        except ClnpError:
            raise
        except Exception as error:
            if address:
                raise of_address(error, address) from error
            raise RunFailedError(f"Ray does not start on this machine: {str(error).strip() or type(error).__name__}",
                                 "`clnp doctor` checks the installation") from error
        yield _offer(config, address or THIS_MACHINE)


@contextmanager
def _elsewhere(config: Config, address: str, storage: str) -> Iterator[None]:
    """Connect to an existing cluster and ship what its workers need."""
    import ray

    with scratch() as folder:
        shipped = folder / "code"
        shipped.mkdir()
        _stage_code(shipped, config.benchmark.name)
        try:
            ray.init(address=address, runtime_env=_runtime_environment(shipped, storage), log_to_driver=False,
                     logging_level=logging.ERROR)
            yield
        finally:
            ray.shutdown()


def offer_of_machine() -> tuple[float, float]:
    """Return the CPUs and GPUs that Ray would have on this machine, without starting it."""
    quiet_environment()
    from ray._private.accelerators import get_accelerator_manager_for_resource
    from ray._private.utils import get_num_cpus

    gpus = get_accelerator_manager_for_resource("GPU")
    if gpus is None:
        return get_num_cpus(), 0.0
    visible = gpus.get_current_process_visible_accelerator_ids()
    there = gpus.get_current_node_num_accelerators()
    return get_num_cpus(), there if visible is None else min(there, len(visible))


def misfit(config: Config) -> ConfigError | None:
    """Return an error if a trial requests more than this machine has; else None."""
    wanted = config.resources
    if wanted.gpus_per_trial == 0 and wanted.cpus_per_trial <= 1:
        return None
    return _misfit(config, *offer_of_machine())


def _misfit(config: Config, cpus: float, gpus: float) -> ConfigError | None:
    wanted = config.resources
    if wanted.cpus_per_trial <= cpus and wanted.gpus_per_trial <= gpus:
        return None
    return ConfigError(f"a trial requests {_count(wanted.cpus_per_trial, 'CPU')} and {_count(wanted.gpus_per_trial, 'GPU')}, "
                       f"{THIS_MACHINE} has {cpus:g} and {gpus:g}",
                       "lower resources.cpus_per_trial or gpus_per_trial, or name a cluster in RAY_ADDRESS")


def _count(number: float, thing: str) -> str:
    return f"{number:g} {thing}" if number == 1 else f"{number:g} {thing}s"


def _is_connected() -> bool:
    """Whether this process is connected to Ray, without importing it, which is slow."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _job_config() -> Any:
    """Return a job config whose workers find modules as this process does. By default Ray puts the working folder and the
    folder of the script first on their path, so that a file ``queue.py`` there would shadow Python's own."""
    from ray.job_config import JobConfig

    class OnlyOurs(list[str]):
        """The folders that Ray puts first on the workers' path; Ray adds others with :meth:`extend`."""

        def extend(self, folders: Iterable[str]) -> None:
            """Ignore what Ray adds. :func:`workers.user_modules.search_working_folder` searches the working folder last."""

    job = JobConfig()
    job._py_driver_sys_path = OnlyOurs([str(ROOT)] if root_comes_first() else [])
    return job


def _folder_of_script() -> str:
    """Return the folder of the running script, if Python searches it for modules; the folder of a console command does not
    count."""
    folder = Path(sys.argv[0]).resolve().parent if sys.argv and sys.argv[0] else None
    searched = folder is not None and str(folder) in sys.path and folder != Path(sys.executable).parent
    return str(folder) if searched else ""


def _refuse_files_in_the_way() -> None:
    """Refuse files that shadow our packages: workers of a connection made elsewhere search the working folder first.

    Raises:
        ConfigError: a file there has the name of one of our packages.
    """
    for name in SHIPPED:
        found = user_modules.file_of(name, [Path.cwd()])
        if found is not None and found.resolve() != user_modules.ROOT / name / "__init__.py":
            raise ConfigError(f"{found} would be imported by the workers in place of clnp's own package {name!r}",
                              "rename it, or start in another folder")


def _offer(config: Config, address: str) -> Cluster:
    import ray

    total: dict[str, float] = ray.cluster_resources()
    cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
    wanted = config.resources
    fits = [cpus / wanted.cpus_per_trial]
    if wanted.gpus_per_trial:
        fits.append(gpus / wanted.gpus_per_trial)
    parallel = int(min(fits) + 1e-9)
    if address == THIS_MACHINE and (error := _misfit(config, cpus, gpus)) is not None:
        raise error
    if wanted.max_concurrent_trials is not None:
        parallel = min(parallel, wanted.max_concurrent_trials)
    nodes = sum(node["Alive"] for node in ray.nodes())
    return Cluster(address, ray.get_runtime_context().gcs_address, nodes, cpus, gpus, max(1, parallel))


def quiet_environment() -> None:
    """Set Ray's environment variables; call before Ray is imported. They disable result loggers, the change of the working
    folder and usage reports, and hide GPUs from a trial that requests none, so that ``gpus_per_trial`` decides where it
    computes. They leave time to detect a lost head (:mod:`orchestrator.driver.head_watch`) before Ray ends the process, and let
    our runtime environment override that of a submitted job."""
    defaults = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_CHDIR_TO_TRIAL_DIR": "0",
                "RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
                "TUNE_DISABLE_SIGINT_HANDLER": "1", "TUNE_FORCE_TRIAL_CLEANUP_S": "10",
                "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
                "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1", "RAY_AIR_NEW_OUTPUT": "0", "RAY_COLOR_PREFIX": "0",
                "RAY_gcs_rpc_server_reconnect_timeout_s": "120", "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
                "TUNE_GLOBAL_CHECKPOINT_S": "inf",  # snapshots of a whole sweep, which are never read
                "TUNE_MAX_PENDING_TRIALS_PG": "16",  # pending requests make an autoscaling cluster grow
                **FOR_WORKERS}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _runtime_environment(shipped: Path, storage: str) -> dict[str, object]:
    from workers.data.loader import data_folder

    variables = {"CLNP_DATA": str(data_folder()), "RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
                 **FOR_WORKERS}
    environment: dict[str, object] = {"working_dir": str(shipped), "env_vars": variables}
    if credentials := store_type(storage).credentials:
        environment["worker_process_setup_hook"] = _gives({name: os.environ[name] for name in credentials
                                                           if os.environ.get(name)})
    return environment


def _gives(secrets: Mapping[str, str]) -> Callable[[], None]:
    """Return a setup hook that every worker process calls at its start. Ray logs ``env_vars`` and shows them on its dashboard,
    but not the values in a closure."""

    def give_credentials() -> None:
        import os

        os.environ.update(secrets)

    return give_credentials


def _stage_code(folder: Path, benchmark: str) -> None:
    """Copy what workers import into one folder, which Ray ships and puts first on their path."""
    packages = [*SHIPPED]
    if ":" in benchmark:
        own = benchmark.partition(":")[0].split(".")[0]
        if own in user_modules.PACKAGES:
            raise ConfigError(f"benchmark {benchmark!r} has the name of clnp's own package {own!r}", "rename its module")
        packages.append(own)
        user_modules.search_working_folder()
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or not (spec.origin or spec.submodule_search_locations):
            raise ConfigError(f"benchmark {benchmark!r}: there is no module {name!r} here to ship to the workers",
                              "start clnp in the folder that holds the module")
        if spec.submodule_search_locations:
            package = Path(next(iter(spec.submodule_search_locations)))
            shutil.copytree(package, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif spec.origin:
            shutil.copy2(spec.origin, folder / Path(spec.origin).name)
