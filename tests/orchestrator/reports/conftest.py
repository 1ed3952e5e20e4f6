"""The real run of the tests of the command line, gathered for a report, and a hostile one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.engine import open_database
from db.owner import this_owner
from db.reads.reads import Reads
from db.records import NewRun
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.reports.report_data import Gathered, gather
from tests.orchestrator.cli.conftest import TINY, Recorded, Written, recorded

__all__ = ["recorded"]

EVIL = "</script><script>alert(1)</script>&\"'<!--"


@pytest.fixture
def reads(recorded: Recorded) -> Iterator[Reads]:
    """Of the real run ``tiny``."""
    engine = open_database(f"sqlite:///{recorded.folder / '.clnp' / 'clnp.db'}")
    yield Reads(engine)
    engine.dispose()


@pytest.fixture
def tiny(reads: Reads) -> Gathered:
    """The real run ``tiny``, two tasks of two trials."""
    return gather(reads, "tiny")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Callable[[], Gathered]]:
    """A run whose every text would be markup, with one trial that has a result, and which has failed."""
    engine = open_database(f"sqlite:///{tmp_path / 'evil.db'}", create=True)
    store = Store(engine)
    config = {**Config.parse({**TINY, "name": "evil"}).resolved(), "note": EVIL}
    store.create_run(NewRun(EVIL, config, "digest", 0, EVIL, 2, "2", EVIL, {EVIL: EVIL}))
    run = Written(store, store.acquire_lease(EVIL, this_owner(), 60.0))
    run.begin(trials=2)
    run.finish(0)
    store.fail_stage(run.lease, 1, EVIL)
    run.let_go()
    yield lambda: gather(Reads(engine), EVIL)
    engine.dispose()
