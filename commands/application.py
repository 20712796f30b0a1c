"""Streams as the write side sees them: loaded, folded, and appended to through the `eventsourcing` library."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from eventsourcing.application import Application
from eventsourcing.utils import EnvType

from commands.memory import Loaded, Memory
from commands.ports import Claim, Guard, IdempotencyRecord, Log
from commands.snapshots import Snapshots
from domain.recorded import RecordedEvent
from domain.tags import decode

SNAPSHOT_EVENTS = 500
"""A stream's state is kept after so many events: to fold them takes about 2 ms."""

S = TypeVar("S")

Evolve = Callable[[S | None, Any], S | None]
"""A fold of one aggregate: the state so far (none before its first event) and an event give the next state."""


class CaselogApplication(Application[str]):
    """The library's application around our log: streams are folded with our `evolve` functions, and remembered.

    `env` names the log's module (`PERSISTENCE_MODULE`) and its configuration.
    """

    name = "caselog"

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.event_log = cast("Log", self.recorder)
        self.memory = Memory()

    def load(self, stream_id: str, evolve: Evolve[S]) -> Loaded[S]:
        """Return the stream's state as the log has it; version 0 and no state where it has no event.

        What is remembered, or kept as a snapshot, is folded on with the events after it.
        """
        known = cast("Loaded[S] | None", self.memory.state(stream_id))
        snapshots = self.state_snapshots
        if known is not None:
            state, version = known.state, known.version
            events = self.event_log.replay(stream_id, after=version).events
        else:
            replay = self.event_log.replay(stream_id, fingerprint=snapshots.fingerprint)
            state, version, events = snapshots.restored(stream_id, replay)
        read = len(events)
        for version, tag, data in events:  # noqa: B007 - the last one is the stream's
            state = evolve(state, decode(tag, data))
        loaded = Loaded(stream_id, version, state)  # that there is no such stream is worth remembering, too
        self.memory.keep(loaded)
        if read >= SNAPSHOT_EVENTS:
            snapshots.take(loaded)
        return loaded

    def recall(self, stream_id: str, evolve: Evolve[S]) -> Loaded[S]:
        """Return the stream's state as it is remembered, unchecked; as the log has it where it is not, or in doubt."""
        known = cast("Loaded[S] | None", self.memory.state(stream_id))
        if known is None or self.memory.is_doubtful(stream_id):
            return self.load(stream_id, evolve)
        return Loaded(known.id, known.version, known.state, is_checked=False)

    def remember(self, loaded: Loaded[Any], loaded_version: int) -> None:
        """Remember the state that an append has led to; `loaded_version` is what it was decided on."""
        self.memory.keep(loaded)
        if loaded.version // SNAPSHOT_EVENTS > loaded_version // SNAPSHOT_EVENTS:
            self.state_snapshots.take(loaded)

    def holder(self, kind: str, key: str) -> str | None:
        """Return the id of the stream that holds a claim."""
        found = self.memory.holder(kind, key)
        if found is None:
            found = self.event_log.holder(kind, key)
            if found is not None:
                self.memory.keep_holder(kind, key, found)
        return found

    def close(self) -> None:
        """Write the snapshots under way, and let go of the database."""
        self.state_snapshots.close()
        super().close()

    @cached_property
    def state_snapshots(self) -> Snapshots:
        """The states of long streams."""
        return Snapshots(self.event_log)

    def read(self, stream_id: str) -> list[RecordedEvent]:
        """Return the events of a stream in their order, with their positions."""
        return [cast("RecordedEvent", event) for event in self.events.get(stream_id)]

    def append(
        self,
        events: Sequence[RecordedEvent],
        *,
        claims: Sequence[Claim] = (),
        releases: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
    ) -> int:
        """Append events of one or more streams; see `Log.append`."""
        stored = [self.mapper.to_stored_event(event) for event in events]
        return self.event_log.append(stored, claims=claims, releases=releases, guards=guards, idempotency=idempotency)
