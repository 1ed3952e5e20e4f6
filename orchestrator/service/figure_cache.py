"""Cache of recent figures as JSON, by version."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.figures.chart import specification

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart

MOST_KEPT = 32


class FigureCache:
    """Recent figures by version. Thread-safe; one figure is drawn at a time."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._making = threading.Lock()

    def get(self, version: str, make: "Callable[[], Chart]") -> bytes:
        """Return the figure of a version as JSON.

        Args:
            version: version of its data, see :func:`orchestrator.service.etag.tag`.
            make: draws it on a cache miss.
        """
        with self._making:
            if version not in self._made:
                text = json.dumps(specification(make()), allow_nan=False, separators=(",", ":"))
                self._made[version] = text.encode("ascii")
                while len(self._made) > MOST_KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(version)
            return self._made[version]
