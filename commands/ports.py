"""What the write side needs from outside: a log that appends atomically, and a clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent

POSITION_MARK = "\x1f"
"""Encloses, in a kept answer, the number of an event within its append, where that event's position goes.

A raw control character cannot occur in JSON text, so a mark cannot be confused with anything a client sent.
"""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A key that only one stream may hold, over all streams: a case number, an entry id, a live subscription."""

    kind: str
    key: str
    stream_id: str


class Guard(msgspec.Struct, frozen=True, gc=False):
    """A stream that a decision read without writing to it: it must still be at `version` at the append."""

    stream_id: str
    version: int


class IdempotencyRecord(msgspec.Struct, frozen=True, gc=False):
    """An answer kept with its command's events, so that a repeat of the request gets the same one.

    `fingerprint` tells another body under the same key, `answer` is JSON text with marks for the positions. `keep` is
    true for keys that never expire (imports, timekeeper); the others are kept for 24 hours.
    """

    scope: str
    key: str
    fingerprint: str
    answer: str
    keep: bool = False


class KeptAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the log kept for an idempotency key.

    `first_position` is that of the first event appended with it, or the head of the log where there was none.
    """

    fingerprint: str
    answer: str
    first_position: int


class AppendConflict(IntegrityError):
    """Nothing was appended, because the log is no longer as the decision found it; `reason` says in what."""

    reason: ClassVar[str] = "other"


class VersionConflict(AppendConflict):
    """A stream that was to be written has moved on."""

    reason = "version"


class GuardMoved(AppendConflict):
    """A stream that the decision read has moved on."""

    reason = "guard"


class ClaimTaken(AppendConflict):
    """Another stream holds a key that was to be claimed."""

    reason = "claim"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key!r} is taken")
        self.kind = kind
        self.key = key


class IdempotencyKeyTaken(AppendConflict):
    """A request with the same key was answered in the meantime: its answer is kept in the log."""

    reason = "idempotency_key"


class OutcomeUnknown(OperationalError):
    """The connection was lost while the append was under way: it may or may not have been committed."""


class TookTooLong(OperationalError):
    """The database has given a statement up; nothing of it was done."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The state of a stream at a version, as bytes, and the fingerprint of the code that made them."""

    stream_id: str
    version: int
    fingerprint: str
    state: bytes


class Replay(msgspec.Struct, frozen=True, gc=False):
    """What a stream is folded from: a snapshot, if there is one, and the events after it: version, tag, JSON text."""

    snapshot: Snapshot | None
    events: Sequence[tuple[int, str, bytes]]


class Log(Protocol):
    """The one ordered log, as the write side uses it. Every call may raise the library's `PersistenceError`s."""

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        claims: Sequence[Claim] = (),
        releases: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
    ) -> int:
        """Append all or nothing and return the position of the first event (the head of the log, if there is none).

        Raises an `AppendConflict`, or `OutcomeUnknown` if the connection broke.
        """

    def replay(self, stream_id: str, *, after: int = 0, fingerprint: str | None = None) -> Replay:
        """Return the events of a stream after a version, or after its snapshot with that fingerprint."""

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Keep the state of a stream, in the place of an earlier one."""

    def holder(self, kind: str, key: str) -> str | None:
        """Return the id of the stream that holds a claim."""

    def find_answer(self, scope: str, key: str) -> KeptAnswer | None:
        """Return the answer kept for an idempotency key."""

    def forget_answers(self, recorded_before: datetime, limit: int) -> int:
        """Delete at most so many answers that were not to be kept for good, and return how many they were."""

    def next_case_number(self) -> int:
        """Return a number that was never returned before, greater than all before (gaps allowed)."""


class Clock(Protocol):
    """The desk's clock."""

    def now(self) -> datetime:
        """Return the current instant (UTC, aware)."""
