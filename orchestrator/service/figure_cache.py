"""Figures that were drawn lately, as JSON by their versions."""

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
    """Figures that were made lately, by their versions. Threads share them; one is made at a time."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._making = threading.Lock()

    def get(self, version: str, make: "Callable[[], Chart]") -> bytes:
        """The figure of a version as JSON.

        Args:
            version: of all that it shows, see :func:`orchestrator.service.etag.tag`.
            make: draws it, if it is not there.
        """
        with self._making:
            if version not in self._made:
                text = json.dumps(specification(make()), allow_nan=False, separators=(",", ":"))
                self._made[version] = text.encode("ascii")
                while len(self._made) > MOST_KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(version)
            return self._made[version]
