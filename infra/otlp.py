"""Spans go to a collector by OTLP over HTTP, from a bounded queue of their own: what does not fit is dropped.

Only this module knows the OpenTelemetry libraries, which the extra `tracing` brings.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from infra.tracing import Attribute, Kind, traced_by

QUEUE = 2_048
"""Spans that wait for the collector at most, about 2 MB."""
EVERY_MS = 1_000
EXPORT_SECONDS = 2.0
"""How long one batch may take, tries included. At the end a process waits no longer than a batch or two for it."""
_TOLD_EVERY_SECONDS = 60.0

_KINDS = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "consumer": trace.SpanKind.CONSUMER,
}

log = structlog.get_logger()


class OtlpSpan:
    """One span of the library's, with the name that others know it by."""

    __slots__ = ("_span", "trace_id", "traceparent")

    def __init__(self, span: trace.Span) -> None:
        context = span.get_span_context()
        self._span = span
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"

    def set(self, name: str, value: Attribute) -> None:
        """Say something of it."""
        self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        """Say that it failed."""
        self._span.set_status(trace.StatusCode.ERROR, reason)

    def end(self) -> None:
        """Say that it is over."""
        self._span.end()


class OtlpTracer:
    """Makes spans whose end puts them into the queue."""

    def __init__(self, made: trace.Tracer) -> None:
        self._tracer = made

    def begin(
        self, name: str, *, parent: str | None, kind: Kind = "internal", started_ns: int | None = None
    ) -> OtlpSpan:
        """Begin a span."""
        span = self._tracer.start_span(name, context=_context(parent), kind=_KINDS[kind], start_time=started_ns)
        return OtlpSpan(span)


def _context(parent: str | None) -> Context:
    """Return the context under a W3C traceparent, which was checked on its way in; an empty one without."""
    empty = Context()  # never that of the thread: who is the parent is said
    if parent is None:
        return empty
    named = trace.SpanContext(
        int(parent[3:35], 16),
        int(parent[36:52], 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(parent[53:], 16)),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(named), empty)


class _TellSeldom(logging.Handler):
    """The library's complaints as lines of our log, without bodies and traces, one a minute at most."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at = -_TOLD_EVERY_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        if monotonic() - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = monotonic()
            log.warning("traces are lost, nothing else is", reason=record.getMessage()[:200])


@contextmanager
def traces_sent(endpoint: str, ratio: float, process: str) -> Iterator[None]:
    """Let this process send its spans to a collector, and what is left of them at the end.

    `ratio` of the traces that begin here are sampled; of those that a caller began it is the caller who decides.
    """
    library = logging.getLogger("opentelemetry")
    handler = _TellSeldom()
    library.addHandler(handler)
    library.propagate = False
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": "caselog", "caselog.process": process}),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attributes=16),
    )
    exporter = OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=QUEUE, schedule_delay_millis=EVERY_MS, max_export_batch_size=512)
    )
    try:
        with traced_by(OtlpTracer(provider.get_tracer("caselog"))):
            yield
    finally:
        provider.shutdown()
        library.removeHandler(handler)
