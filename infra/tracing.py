"""How is one request followed through the processes? Spans, where a process has a tracer; nothing where it has none.

This module knows no library. `infra/otlp.py` has the tracer that sends spans to a collector, and is imported only where
one is named. What a span says is names, outcomes and numbers: never what a person wrote, nor an id of one.
docs/adr/0089-traces.md says where the spans are and what they cost.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

import msgspec
from structlog.contextvars import bound_contextvars

from commands.answers import Answer
from commands.dispatch import Commands, Request
from domain.recorded import RecordedEvent
from infra.metrics.measured import outcome_of

Kind = Literal["internal", "server", "client", "consumer"]
Attribute = str | int | float | Sequence[str]

MOST_FOLLOWED = 100
"""Requests of one batch of views that get a span: a batch near the head has few."""


class Span(Protocol):
    """A piece of work under way. `traceparent` names it to others (W3C Trace Context)."""

    traceparent: str
    trace_id: str

    def set(self, name: str, value: Attribute) -> None:
        """Say something of it."""

    def fail(self, reason: str) -> None:
        """Say that it failed, by a name of the failure."""

    def end(self) -> None:
        """Say that it is over."""


class Tracer(Protocol):
    """Makes spans. It raises nothing and waits for nobody, whatever becomes of the spans."""

    def begin(self, name: str, *, parent: str | None, kind: Kind = "internal", started_ns: int | None = None) -> Span:
        """Begin a span under the one that `parent` names, else a trace; `started_ns` since the epoch, else now."""


_tracer: Tracer | None = None
_span: ContextVar[Span | None] = ContextVar("span", default=None)


def tracer() -> Tracer | None:
    """Return this process's tracer, if it has one."""
    return _tracer


@contextmanager
def traced_by(made: Tracer) -> Iterator[None]:
    """Let the process have a tracer meanwhile."""
    global _tracer  # noqa: PLW0603 - as with the instruments of metrics: one a process
    before, _tracer = _tracer, made
    try:
        yield
    finally:
        _tracer = before


def current() -> Span | None:
    """Return the span of the command that this thread carries out, if it is traced."""
    return _span.get() if _tracer is not None else None


class TracedCommands:
    """Carries out each command in a span of its own, which its events name as the one that they come from."""

    def __init__(self, commands: Commands, made: Tracer) -> None:
        self._commands = commands
        self._tracer = made

    def execute(self, request: Request) -> Answer:
        """Return the answer; raises what the commands do."""
        span = self._tracer.begin(f"command {request.command}", parent=request.traceparent)
        token = _span.set(span)
        try:
            with bound_contextvars(trace_id=span.trace_id):
                answer = self._commands.execute(msgspec.structs.replace(request, traceparent=span.traceparent))
            span.set("caselog.outcome", "replayed" if answer.replayed else "accepted")
        except Exception as error:
            outcome = outcome_of(error)
            span.set("caselog.outcome", outcome)
            if outcome in {"failed", "unavailable"}:
                span.fail(type(error).__name__)
            raise
        else:
            return answer
        finally:
            _span.reset(token)
            span.end()


def begin_append(events: int) -> Span | None:
    """Begin the span of an append of so many events, under the command's; none where nothing is traced."""
    parent = current()
    if _tracer is None or parent is None:
        return None
    span = _tracer.begin("append", parent=parent.traceparent)
    span.set("caselog.events", events)
    return span


class _Trace(msgspec.Struct, gc=False):
    traceparent: str | None = None


_decode = msgspec.json.Decoder(_Trace).decode


def traceparent_of(metadata_json: bytes) -> str | None:
    """Return the span that an event's metadata names, whatever else may be wrong with it."""
    if b'"traceparent"' not in metadata_json:
        return None
    try:
        return _decode(metadata_json).traceparent
    except msgspec.MsgspecError:
        return None


def trace_of(metadata_json: bytes) -> dict[str, str]:
    """Return `trace_id` for a log line about an event, where the event names a trace."""
    named = traceparent_of(metadata_json)
    return {} if named is None else {"trace_id": named[3:35]}


def seen_by(views: Iterable[str], records: Sequence[RecordedEvent], started_ns: int) -> None:
    """Tell that views have taken a batch: a span under each command whose sampled events are in it."""
    if _tracer is None:
        return
    last: dict[str, RecordedEvent] = {}
    for record in records:
        named = traceparent_of(record.metadata_json)
        if named is not None and named.endswith("1"):
            last[named] = record
            if len(last) == MOST_FOLLOWED:
                break
    names = sorted(views) if last else ()
    for named, record in last.items():
        span = _tracer.begin("views", parent=named, kind="consumer", started_ns=started_ns)
        span.set("caselog.views", names)
        span.set("caselog.batch_events", len(records))
        span.set("caselog.position", record.position or 0)
        span.end()


def begin_delivery(event: RecordedEvent) -> Span | None:
    """Begin the span of an attempt to send an event to a webhook, under its command; none where that is not traced."""
    named = traceparent_of(event.metadata_json)
    if _tracer is None or named is None:
        return None
    span = _tracer.begin("webhook", parent=named, kind="client")
    span.set("caselog.position", event.position or 0)
    return span
