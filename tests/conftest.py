"""What every test stands on."""

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# A developer's own database, storage and cluster are never touched by a test. CLNP_DATA stays: only read.
for _name in ("CLNP_DB_URL", "CLNP_STORAGE", "CLNP_TOKEN", "RAY_ADDRESS"):
    os.environ.pop(_name, None)
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]

# A shell lets what it starts in the background ignore Ctrl-C, and children inherit that: tests send Ctrl-C, and mean it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests share busy machines: how long one example takes says nothing. And a red build must be red again.
settings.register_profile("clnp", deadline=None, derandomize=True, database=None)
settings.load_profile("clnp")

RAY = "ray_with_logical_gpus"
"""The fixture that starts Ray. One cluster serves a whole run of the tests."""


class OneRayForAll(LoadScopeScheduling):
    """Keep the tests of a file together, and all that need Ray in one process, where they share one cluster."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return RAY if RAY in _source(file) else file


@cache
def _source(file: str) -> str:
    return (Path(__file__).parents[1] / file).read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute tests as :class:`OneRayForAll`, under ``--dist loadscope``."""
    return OneRayForAll(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that need Ray begin first, because together they take the longest."""
    items.sort(key=lambda item: RAY not in _source(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def ray_with_logical_gpus() -> Iterator[None]:
    """One real Ray for all tests of a session, with two CPUs and two logical GPUs that nothing computes on."""
    from orchestrator.driver.cluster import quiet_environment

    quiet_environment()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(address="local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real S3-compatible server, a process of its own from a wheel; yields the environment that names it. It has a bucket
    ``clnp``. Without that wheel its tests are skipped."""
    pytest.importorskip("moto", reason="the wheel moto is not installed")
    pytest.importorskip("s3fs", reason="the wheel s3fs is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("bucket") / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                                  stdout=file, stderr=file)
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a-key-for-tests",
                   "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests", "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        subprocess.run([sys.executable, "-c", "import s3fs; s3fs.S3FileSystem().mkdir('clnp')"],
                       env={**os.environ, **environment}, check=True)
        yield environment
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def bucket(bucket_server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]) -> str:
    """A fresh root in that bucket, with the environment that reaches it set for this process and those it starts."""
    for name, value in bucket_server.items():
        monkeypatch.setenv(name, value)
    return f"s3://clnp{tmp_path}"
