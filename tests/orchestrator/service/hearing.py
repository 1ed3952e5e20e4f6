"""What an event stream says to somebody who listens."""

import json
import threading
import time
from typing import Any

import httpx

STREAM = "/api/v1/runs/demo/events/stream"


class Heard:
    """What a stream said, read by a thread of its own until the stream ends or enough has come."""

    def __init__(self, client: httpx.Client, enough: int | None = None, **asked: Any) -> None:
        self.messages: list[tuple[str | None, str, Any]] = []
        self.status, self.ended = 0, threading.Event()
        self._client, self._enough, self._asked = client, enough, asked
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with self._client.stream("GET", STREAM, **self._asked) as answer:
            self.status = answer.status_code
            message: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    message[name] = value
                    continue
                if "data" in message:
                    self.messages.append((message.get("id"), message["event"], json.loads(message["data"])))
                message = {}
                if self._enough is not None and len(self.events) >= self._enough:
                    break
        self.ended.set()

    @property
    def events(self) -> list[str]:
        """Messages of the events that came."""
        return [data["message"] for _, event, data in list(self.messages) if event == "event"]

    @property
    def progress(self) -> list[int]:
        """How many trials had ended, each time that was told."""
        return [data["trials_ended"] for _, event, data in list(self.messages) if event == "progress"]

    def wait(self, wanted: Any, seconds: float = 20.0) -> None:
        """Until something has been heard."""
        until = time.monotonic() + seconds
        while not wanted(self) and time.monotonic() < until:
            time.sleep(0.02)
        assert wanted(self), self.messages

    def end(self) -> None:
        """The thread has ended."""
        self._thread.join(20)
        assert self.ended.is_set()
