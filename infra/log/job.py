"""One append, encoded by the thread that wants it, so that joining many into one statement costs next to nothing.

What `append_to_log` takes is in infra/postgres/migrations/0002_append.sql; this module is its other side.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from itertools import chain

import msgspec
from eventsourcing.persistence import DataError, StoredEvent, Tracking

from commands.ports import (
    AppendConflict,
    Claim,
    ClaimTaken,
    Guard,
    GuardMoved,
    IdempotencyKeyTaken,
    IdempotencyRecord,
    VersionConflict,
)
from infra.log.stored import LogEvent
from infra.tracing import Span

_encode = msgspec.json.Encoder().encode
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

APPEND = f"SELECT head_before, conflicts FROM append_to_log({', '.join(['%s'] * 13)})"


class TrackingConflict(AppendConflict):
    """The follower of another log has already come as far, or further."""

    reason = "tracking"


class Job:
    """One append, all or nothing. Raises where it cannot be encoded: `ValueError`, `UnicodeEncodeError`, `DataError`.

    `writes` and `reads` are what it depends on: two jobs of one statement must not write the same, nor may the later
    one read what the earlier one writes. `span` is its append's, where that is traced.
    """

    span: Span | None

    __slots__ = (
        "answers",
        "claims",
        "data",
        "event_count",
        "guards",
        "leads",
        "metadata",
        "raw",
        "reads",
        "releases",
        "size",
        "span",
        "streams",
        "trackings",
        "types",
        "versions",
        "writes",
    )

    def __init__(
        self,
        events: Sequence[StoredEvent],
        *,
        claims: Sequence[Claim] = (),
        releases: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
        tracking: Tracking | None = None,
    ) -> None:
        self.event_count = len(events)
        last: dict[str, int] = {}
        streams, versions, leads, types, data, metadata = [], [], [], [], [], []
        raw: list[bytes] | None = None
        size = 0
        for number, event in enumerate(events):
            stream_id, version = str(event.originator_id), event.originator_version
            if stream_id not in last:
                leads.append("t")
            elif last[stream_id] + 1 == version:
                leads.append("f")
            else:
                raise VersionConflict(f"{stream_id} would go from version {last[stream_id]} to {version}")
            last[stream_id] = version
            streams.append(_encode(stream_id))
            versions.append(version)
            types.append(_encode(event.topic))
            if isinstance(event, LogEvent):
                data.append(_text(event.state))
                metadata.append(_text(event.metadata))
                if raw is not None:
                    raw.append(b"null")
            else:
                if raw is None:
                    raw = [b"null"] * number
                raw.append(b'"' + b64encode(event.state) + b'"')
                data.append(b"null")
                metadata.append(b"null")
            size += len(event.state)
        self.size = size
        self.streams = b",".join(streams)
        self.versions = ",".join(map(str, versions))
        self.leads = ",".join(leads)
        self.types = b",".join(types)
        self.data = b",".join(data)
        self.metadata = b",".join(metadata)
        self.raw = raw
        self.guards, self.span = guards, None
        self.claims = [_open(claim) for claim in claims]
        self.releases = [_open(claim) for claim in releases]
        self.answers = [] if idempotency is None else [_open(idempotency)]
        self.trackings = [] if tracking is None else [_open(tracking)]
        writes: list[object] = list(last)
        if claims or releases:
            writes += [("claim", claim.kind, claim.key) for claim in chain(claims, releases)]
        if idempotency is not None:
            writes.append(("idempotency", idempotency.scope, idempotency.key))
        if tracking is not None:
            writes.append(("tracking", tracking.application_name))
        self.writes = writes
        self.reads: list[object] = [guard.stream_id for guard in guards]


def arguments(jobs: Sequence[Job]) -> tuple[str | None, ...]:
    """Return the arguments of `APPEND` for a group of jobs, numbered from 1."""
    numbers: list[str] = []
    raw: list[bytes] = []
    with_raw = any(job.raw is not None for job in jobs)
    for number, job in enumerate(jobs, 1):
        numbers += [str(number)] * job.event_count
        if with_raw:
            raw += job.raw or [b"null"] * job.event_count
    with_events = [job for job in jobs if job.event_count]
    return (
        "{" + ",".join(numbers) + "}",
        "{" + ",".join([job.leads for job in with_events]) + "}",
        _array([job.streams for job in with_events]),
        "{" + ",".join([job.versions for job in with_events]) + "}",
        _array([job.types for job in with_events]),
        _array([job.data for job in with_events]),
        _array([job.metadata for job in with_events]),
        _array(raw) if with_raw else None,
        _guards(jobs),
        _rows([job.releases for job in jobs]),
        _rows([job.claims for job in jobs]),
        _answers(jobs),
        _rows([job.trackings for job in jobs]),
    )


def outcomes(
    jobs: Sequence[Job], head_before: int, conflicts: Sequence[tuple[int, str, str | None, str]] | None
) -> list[int | Exception]:
    """Return for each job the position of its first event (the head of the log, if it has none), or its conflict."""
    refused: dict[int, Exception] = {}
    for number, conflict, kind, key in sorted(conflicts or (), key=lambda row: _TELLING.index(row[1])):
        refused.setdefault(number, _refusal(conflict, kind, key))
    head = head_before
    found: list[int | Exception] = []
    for number, job in enumerate(jobs, 1):
        if number in refused:
            found.append(refused[number])
        else:
            found.append(head + 1 if job.event_count else head)
            head += job.event_count
    return found


_TELLING = ("idempotency", "tracking", "version", "guard", "claim")
"""Which of several conflicts is reported: a repeated request is one before it is anything else."""


def _refusal(conflict: str, kind: str | None, key: str) -> AppendConflict:
    match conflict:
        case "idempotency":
            return IdempotencyKeyTaken(f"idempotency key {key!r} of {kind} has an answer")
        case "tracking":
            return TrackingConflict(f"notifications of {key!r} were tracked as far or further")
        case "version":
            return VersionConflict(f"{key} is not at the version that the append expects")
        case "guard":
            return GuardMoved(f"{key} has moved on")
        case _:
            return ClaimTaken(str(kind), key)


def _text(text: bytes) -> bytes:
    """Refuse what PostgreSQL would keep but could never read a field of."""
    if b"\\u0000" in text and _NUL.search(text):
        raise DataError("text cannot hold the character U+0000")
    return text


def _guards(jobs: Sequence[Job]) -> str | None:
    """Return each guard once, with the jobs that have it: those of the desk's settings are in nearly all of a group."""
    found: dict[tuple[str, int], list[int]] = {}
    for number, job in enumerate(jobs, 1):
        for guard in job.guards:
            found.setdefault((guard.stream_id, guard.version), []).append(number)
    if not found:
        return None
    rows = [
        {"jobs": numbers, "stream_id": stream_id, "version": version} for (stream_id, version), numbers in found.items()
    ]
    return _encode(rows).decode()


def _answers(jobs: Sequence[Job]) -> str | None:
    """Return the answers with the place, in the group, of the first event of each one's job."""
    rows: list[bytes] = []
    events = 0
    for number, job in enumerate(jobs, 1):
        first = events + (job.event_count > 0)
        rows += [b'{"job":%d,"first":%d,%b' % (number, first, row) for row in job.answers]
        events += job.event_count
    return _array(rows) if rows else None


def _open(row: Claim | IdempotencyRecord | Tracking) -> bytes:
    """Encode all of a row but its beginning, where the number of its job goes."""
    return _encode(row)[1:]


def _array(elements: list[bytes]) -> str:
    return (b"[" + b",".join(elements) + b"]").decode()


def _rows(rows_by_job: list[list[bytes]]) -> str | None:
    if not any(rows_by_job):
        return None
    return _array([b'{"job":%d,%b' % (number, row) for number, rows in enumerate(rows_by_job, 1) for row in rows])
