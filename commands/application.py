"""Streams as the write side sees them: loaded, folded, and appended to through the `eventsourcing` library."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.utils import EnvType

from commands.ports import Claim, Guard, IdempotencyRecord, Log
from domain.recorded import RecordedEvent

S = TypeVar("S")

Evolve = Callable[[S | None, Any], S | None]
"""A fold of one aggregate: the state so far (none before its first event) and an event give the next state."""


class Loaded(msgspec.Struct, Generic[S], frozen=True, gc=False):
    """A stream folded to its state. `version` is that of its last event."""

    id: str
    version: int
    state: S | None


class CaselogApplication(Application[str]):
    """The library's application around our log: its repository folds our events with our `evolve` functions.

    `env` names the log's module (`PERSISTENCE_MODULE`) and its configuration.
    """

    name = "caselog"

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.event_log = cast("Log", self.recorder)

    def load(self, stream_id: str, evolve: Evolve[S]) -> Loaded[S]:
        """Return the stream's state; version 0 and no state where it has no event."""

        def fold(loaded: Loaded[S] | None, events: Iterable[RecordedEvent]) -> Loaded[S] | None:
            state = None if loaded is None else loaded.state
            last = None
            for recorded in events:
                state = evolve(state, recorded.event)
                last = recorded
            return loaded if last is None else Loaded(stream_id, last.originator_version, state)

        try:
            return cast(
                "Loaded[S]",
                self.repository.get(stream_id, projector_func=cast("Any", fold), deepcopy_from_cache=False),
            )
        except AggregateNotFoundError:
            return Loaded(stream_id, 0, None)

    def read(self, stream_id: str) -> list[RecordedEvent]:
        """Return the events of a stream in their order, with their positions."""
        return [cast("RecordedEvent", event) for event in self.events.get(stream_id)]

    def append(
        self,
        events: Sequence[RecordedEvent],
        *,
        claims: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
    ) -> int:
        """Append events of one or more streams; see `Log.append`."""
        stored = [self.mapper.to_stored_event(event) for event in events]
        return self.event_log.append(stored, claims=claims, guards=guards, idempotency=idempotency)
