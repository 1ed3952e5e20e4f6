"""Live events: one query a second for every run with listeners, shared by all of them."""

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator

import anyio
from anyio.to_thread import run_sync
from pydantic import TypeAdapter

from clnp_core.errors import DatabaseError, NotFoundError
from db.reads.pages import RunningTrial, RunSnapshot
from db.rows import EventRow
from orchestrator.service.database import Database
from orchestrator.service.schemas import RunSummary

LOOK_SECONDS, IDLE_SECONDS = 1.0, 3.0
"""Polling intervals for runs with and without a driver."""

ALIVE_SECONDS = 15.0
"""Maximum silence of a stream, so that proxies do not close it."""

EVENTS_AT_ONCE = 500
MOST_WAITING = 2_000
"""Maximum number of queued messages of a listener. Its stream then ends, and it may reconnect for the rest."""

LOOKS_AT_A_TIME = 2
"""Threads for the queries of all streams; other requests have separate threads."""

EVENT = TypeAdapter(EventRow)
SUMMARY = TypeAdapter(RunSummary)
RUNNING_TRIALS = TypeAdapter(list[RunningTrial])


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One encoded message. ``event_id`` is None for messages that are not events of the run."""

    content: bytes
    event_id: int | None = None

    @classmethod
    def of_event(cls, event: EventRow) -> "Message":
        """Return the message of an event."""
        return cls(b"id: %d\nevent: event\ndata: %b\n\n" % (event.id, EVENT.dump_json(event)), event.id)


KEEP_ALIVE = Message(b": alive\n\n")
BEGIN = Message(b"retry: 2000\n\n")


class Subscriber:
    """The queue of messages of one listener. Used by the event loop only."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._news = asyncio.Event()
        self.ended = False

    def put(self, messages: list[Message]) -> None:
        """Queue messages; disconnect a listener whose queue is full."""
        if len(self._waiting) + len(messages) > MOST_WAITING:
            self.end()
        if not messages or self.ended:
            return
        self._waiting.extend(messages)
        self._news.set()

    def end(self) -> None:
        """Nothing follows."""
        self._waiting.clear()
        self.ended = True
        self._news.set()

    async def next(self) -> list[Message]:
        """Return the queued messages; empty once it has ended; :data:`KEEP_ALIVE` after a silence."""
        if not self._waiting and not self.ended:
            try:
                await asyncio.wait_for(self._news.wait(), ALIVE_SECONDS)
            except TimeoutError:
                return [KEEP_ALIVE]
        self._news.clear()
        messages, self._waiting = list(self._waiting), deque()
        return messages


class Channel:
    """All listeners of one run, and the task that queries the database for them."""

    def __init__(self) -> None:
        self.listeners: set[Subscriber] = set()
        self.task: asyncio.Task[None] | None = None

    def send(self, messages: list[Message]) -> None:
        """To everybody."""
        for listener in self.listeners:
            listener.put(messages)

    def end(self) -> None:
        """For everybody."""
        for listener in self.listeners:
            listener.end()


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """The result of one query of a run: its progress, its running trials, and new events."""

    snapshot: RunSnapshot
    running: list[RunningTrial]
    events: list[EventRow]


class Streams:
    """The streams of a service. Used by its event loop only.

    Every event is sent exactly once: ids of a run's events increase in the order in which they become visible, since a writer
    locks the run's row.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channels: dict[str, Channel] = {}
        self._closed = False
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def listeners(self) -> int:
        """Number of open streams."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    def close(self) -> None:
        """End all streams, including future ones."""
        self._closed = True
        for channel in self._channels.values():
            channel.end()

    async def look(self, run: str, after_id: int | None = None) -> "Look":
        """Return the current state of a run, its running trials, and its events after a given one; without one, only the last.

        Raises:
            NotFoundError, DatabaseError: as :class:`~db.reads.reads.Reads`.
        """
        def read() -> Look:
            pages = self._database.pages
            snapshot = pages.snapshot(run)
            trains = snapshot.run.driver_lives and any(stage.trials_running for stage in snapshot.stages)
            running = pages.running_trials(run) if trains else []
            if after_id is not None:
                return Look(snapshot, running, pages.events(run, after_id, EVENTS_AT_ONCE))
            last = pages.last_event(run)
            return Look(snapshot, running, [] if last is None else [last])

        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(LOOKS_AT_A_TIME)
        return await run_sync(read, limiter=self._limiter)

    async def follow(self, run: str, position: int | None) -> AsyncIterator[bytes]:
        """Yield the messages of one listener.

        Args:
            run: name of the run.
            position: id of the last event that it has received; None for new events only.
        """
        listener, channel, first = Subscriber(), None, None
        try:
            if run not in self._channels:
                first = await self.look(run)
            if self._closed:
                return
            began = run not in self._channels
            channel = self._join(run, listener, first)
            if first is None or not began:  # what the channel sends from now on is news since before this look
                first = await self.look(run)
            newest = first.events[0].id if first.events else 0
            position = newest if position is None else min(position, newest)
            yield b"".join(each.content for each in (BEGIN, _progress(first.snapshot), *_epochs(first.running)))
            while position < newest and not listener.ended:
                missed = (await self.look(run, position)).events
                yield b"".join(Message.of_event(event).content for event in missed)
                position = missed[-1].id if missed else newest
            while messages := await listener.next():
                fresh = [each for each in messages if each.event_id is None or each.event_id > position]
                position = max([position, *(each.event_id for each in fresh if each.event_id is not None)])
                if fresh:
                    yield b"".join(each.content for each in fresh)
        except (NotFoundError, DatabaseError):
            return  # all sent messages are complete; a client that reconnects gets the error
        finally:
            if channel is not None:
                self._leave(run, channel, listener)

    def _join(self, run: str, listener: Subscriber, first: Look | None) -> Channel:
        """Add a listener to the channel of a run; one that does not exist begins with ``first``, which is then no news."""
        channel = self._channels.get(run)
        if channel is None:
            assert first is not None
            channel = self._channels[run] = Channel()
            channel.task = asyncio.create_task(self._watch(run, channel, first), name=f"clnp-stream-{run}")
        channel.listeners.add(listener)
        return channel

    def _leave(self, run: str, channel: Channel, listener: Subscriber) -> None:
        channel.listeners.discard(listener)
        if channel.listeners:
            return
        if self._channels.get(run) is channel:
            del self._channels[run]
        if channel.task is not None:
            channel.task.cancel()

    async def _watch(self, run: str, channel: Channel, first: Look) -> None:
        """Poll the run and distribute what is new since ``first``, until there are no listeners or the run is removed."""
        position = first.events[-1].id if first.events else 0
        shown, running = _summary(first), first.running
        pause = LOOK_SECONDS if first.snapshot.run.driver_lives else IDLE_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = IDLE_SECONDS
            try:
                look = await self.look(run, position)
            except NotFoundError:
                channel.end()
                return
            except DatabaseError:
                continue  # the database may come back, and no event is lost
            position = look.events[-1].id if look.events else position
            summary = _summary(look)
            channel.send([*map(Message.of_event, look.events), *([_progress(look.snapshot)] if summary != shown else []),
                          *_epochs([trial for trial in look.running if trial not in running])])
            shown, running = summary, look.running
            pause = (0.0 if len(look.events) == EVENTS_AT_ONCE else
                     LOOK_SECONDS if look.snapshot.run.driver_lives else IDLE_SECONDS)


def _summary(look: Look) -> RunSummary:
    """Return what a progress message is about; a heartbeat alone is no news."""
    return dataclasses.replace(RunSummary.of(look.snapshot), heartbeat_at=None)


def _progress(snapshot: RunSnapshot) -> Message:
    return Message(b"event: progress\ndata: %b\n\n" % SUMMARY.dump_json(RunSummary.of(snapshot)))


def _epochs(trials: list[RunningTrial]) -> list[Message]:
    """Return a message with the last epochs of running trials; none if there are none."""
    return [Message(b"event: epochs\ndata: %b\n\n" % RUNNING_TRIALS.dump_json(trials))] if trials else []
