"""One decision: the streams it reads, the events it makes, and one append for all of them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import uuid_utils

from commands.application import CaselogApplication, Evolve
from commands.errors import VersionMismatch
from commands.memory import Loaded
from commands.ports import AppendConflict, Claim, Guard, IdempotencyRecord
from domain.event import Event
from domain.recorded import Metadata, RecordedEvent

S = TypeVar("S")


class Cause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who asked, and what for: what every event of the decision says of its origin.

    `imported` names the import whose events these are; `causation_id` the event that led to the command.
    """

    actor: str
    correlation_id: str
    command_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    imported: str | None = None


class Stream(Generic[S]):
    """A stream in a unit of work: as it was loaded, with the events decided since folded in."""

    def __init__(self, loaded: Loaded[S], evolve: Evolve[S]) -> None:
        self.id = loaded.id
        self.state = loaded.state
        self.loaded_version = loaded.version
        self.is_checked = loaded.is_checked
        self.pending: list[Event] = []
        self._evolve = evolve

    @property
    def version(self) -> int:
        """The stream's version once the pending events are appended."""
        return self.loaded_version + len(self.pending)

    def add(self, events: Iterable[Event]) -> None:
        """Take events into the decision and into the state."""
        for event in events:
            self.state = self._evolve(self.state, event)
            self.pending.append(event)


class Appended(msgspec.Struct, frozen=True, gc=False):
    """What an append put into the log: the position of its first event, and its events in order of position."""

    first_position: int
    events: tuple[RecordedEvent, ...]


class UnitOfWork:
    """Collects what one command reads and decides, and appends it in one piece.

    `now` is the instant of the decision (UTC). `if_match` is the version that the request expects of the stream it
    names; `expect` checks it, once.
    """

    def __init__(
        self, application: CaselogApplication, *, now: datetime, cause: Cause, if_match: int | None = None
    ) -> None:
        self.now = now
        self.cause = cause
        self._application = application
        self._if_match = if_match
        self._expected = False
        self._streams: dict[str, Stream[Any]] = {}
        self._left: dict[str, Loaded[Any]] = {}
        self._customer_of: dict[str, str | None] = {}
        self._claims: list[Claim] = []
        self._releases: list[Claim] = []
        self._guards: dict[str, int] = {}

    def stream(
        self, stream_id: str, evolve: Evolve[S], *, customer_id: str | None = None, is_new: bool = False
    ) -> Stream[S]:
        """Take a stream that the decision will write to: loaded once, or not at all where its id was just made.

        `customer_id` marks the events decided for it as that customer's.
        """
        stream = self._streams.get(stream_id)
        if stream is None:
            loaded = self._left.get(stream_id)
            if loaded is None:
                loaded = Loaded[S](stream_id, 0, None) if is_new else self._application.recall(stream_id, evolve)
            stream = self._streams[stream_id] = Stream(loaded, evolve)
        if customer_id is not None:
            self.belongs(stream, customer_id)
        return stream

    def adopt(self, earlier: Stream[Any]) -> None:
        """Let a stream be taken as an earlier unit of work left it in the log, without loading it again.

        If others have written to it since, the append is refused as after any load.
        """
        self._left[earlier.id] = Loaded(earlier.id, earlier.version, earlier.state, is_checked=False)

    @property
    def streams(self) -> Sequence[Stream[Any]]:
        """The streams taken so far, in the order in which their events are appended."""
        return tuple(self._streams.values())

    def belongs(self, stream: Stream[Any], customer_id: str) -> None:
        """Mark the events decided for a stream as that customer's."""
        self._customer_of[stream.id] = customer_id

    def expect(self, stream: Stream[Any]) -> None:
        """Hold the stream that the request names against its `If-Match`, the first time. Raises `VersionMismatch`."""
        if self._expected:
            return
        self._expected = True
        if self._if_match is not None and stream.loaded_version != self._if_match:
            raise VersionMismatch(
                f"{stream.id} is at version {stream.loaded_version}, the request expects {self._if_match}"
            )

    def holder(self, kind: str, key: str) -> str | None:
        """Return the id of the stream that holds a claim, or will with this append."""
        for claim in self._claims:
            if (claim.kind, claim.key) == (kind, key):
                return claim.stream_id
        return self._application.holder(kind, key)

    def read(self, stream_id: str) -> Sequence[RecordedEvent]:
        """Return the events of a stream as the log has them."""
        return self._application.read(stream_id)

    def claim(self, kind: str, key: str, stream_id: str) -> None:
        """Claim a key for a stream with the append."""
        self._claims.append(Claim(kind, key, stream_id))

    def release(self, kind: str, key: str, stream_id: str) -> None:
        """Give a claim of a stream back with the append.

        Only of a kind that nobody asks `holder` for: what a process remembers of it would be out of date.
        """
        self._releases.append(Claim(kind, key, stream_id))

    def guard(self, guards: Iterable[Guard]) -> None:
        """Name streams that the decision read: they must not have moved on when it is appended."""
        for guard in guards:
            self._guards[guard.stream_id] = guard.version

    def next_case_number(self) -> str:
        """Return a fresh case number, as customers see it (SUPPORT_POLICY R5)."""
        return f"C-{self._application.event_log.next_case_number():06d}"

    @property
    def changes(self) -> bool:
        """Whether there is anything to append."""
        return any(stream.pending for stream in self._streams.values())

    def commit(self, idempotency_for: Callable[[Sequence[RecordedEvent]], IdempotencyRecord | None]) -> Appended:
        """Append everything, with the record that `idempotency_for` makes of the events. Raises as `Log.append`."""
        recorded = [event for stream in self._streams.values() for event in self._recorded(stream)]
        first = self._append(recorded, idempotency_for(recorded))
        for stream in self._streams.values():
            if stream.pending:
                self._application.remember(Loaded(stream.id, stream.version, stream.state), stream.loaded_version)
        return Appended(first, tuple(recorded))

    def confirm(self, refusal: IdempotencyRecord | None = None) -> None:
        """Raise `GuardMoved` if a stream that was read has moved on: then even a refusal has to be decided anew.

        A `refusal` to be kept is kept if none has. Raises as `Log.append`.
        """
        for stream in self._streams.values():
            stream.pending.clear()
        if refusal is not None or self._guarded():
            self._append([], refusal)

    def _append(self, recorded: Sequence[RecordedEvent], idempotency: IdempotencyRecord | None) -> int:
        try:
            return self._application.append(
                recorded,
                claims=self._claims if recorded else (),
                releases=self._releases if recorded else (),
                guards=self._guarded(),
                idempotency=idempotency,
            )
        except AppendConflict:
            for stream in self._streams.values():
                self._application.memory.doubt(stream.id)
            raise

    def _guarded(self) -> list[Guard]:
        """Return what the append has to check of streams that it does not write to."""
        unchecked = {
            stream.id: stream.loaded_version
            for stream in self._streams.values()
            if not (stream.is_checked or stream.pending)
        }
        return [Guard(stream_id, version) for stream_id, version in (unchecked | self._guards).items()]

    def _recorded(self, stream: Stream[Any]) -> Iterable[RecordedEvent]:
        customer_id = self._customer_of.get(stream.id)
        for version, event in enumerate(stream.pending, stream.loaded_version + 1):
            yield RecordedEvent(stream.id, version, event, self._metadata_json(customer_id))

    def _metadata_json(self, customer_id: str | None) -> bytes:
        cause = self.cause
        return _encode(
            Metadata(
                event_id=str(uuid_utils.uuid7()),
                correlation_id=cause.correlation_id,
                actor=cause.actor,
                command_id=cause.command_id,
                causation_id=cause.causation_id,
                traceparent=cause.traceparent,
                customer_id=customer_id,
                imported=cause.imported,
            )
        )


_encode = msgspec.json.Encoder().encode
