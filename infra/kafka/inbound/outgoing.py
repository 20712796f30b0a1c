"""What is sent for a record of commands: its answer, or the record itself as a dead letter with the reason."""

import msgspec

from commands.answers import Answer, etag
from commands.problems import MEDIA_TYPE, Problem
from commands.wire.batch import BatchAnswer
from infra.kafka.fetched import FetchedRecord
from infra.kafka.inbound.answering import Answered, Outcome, Refused
from infra.kafka.inbound.asked import CORRELATION_ID, IDEMPOTENCY_KEY, Address, NoCommand
from infra.kafka.names import Names
from infra.kafka.records import CONTENT_TYPE, Headers

_REPLAYED = ("idempotency-replayed", b"true")

_encode = msgspec.json.Encoder().encode


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A record to be sent to a topic; `kind` is what the figures call it."""

    kind: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def reply(answered: Answered, names: Names) -> Outgoing:
    """Return the answer of a record's commands: what HTTP answers, with what its headers and its status say."""
    asked = answered.asked
    headers = [("status", b"200"), ("content-type", CONTENT_TYPE)]
    kind = "answered"
    match answered.outcomes:
        case Problem() as problem:
            kind, value, headers = "refused", _encode(problem), _of_problem(problem)
        case (Refused(problem=problem, replayed=replayed),) if not asked.is_batch:
            kind, value, headers = "refused", _encode(problem), _of_problem(problem)
            if replayed:
                headers.append(_REPLAYED)
        case (Answer() as answer,) if not asked.is_batch:
            value = answer.body
            headers = [
                ("status", b"%d" % answer.status),
                ("content-type", CONTENT_TYPE),
                ("etag", etag(answer.etag_version).encode()),
                ("location", answer.location.encode()),
            ]
            if answer.replayed:
                headers.append(_REPLAYED)
        case outcomes:
            value = _encode({"answers": [_of_batch(outcome) for outcome in outcomes]})
    headers.append((CORRELATION_ID, asked.correlation_id.encode()))
    if answered.key is not None:
        headers.append((IDEMPOTENCY_KEY, answered.key.encode()))
    return Outgoing(kind, names.replies, asked.key, value, [*headers, *_request(asked.address)])


def dead_letter(record: FetchedRecord, topic_id: str, reason: NoCommand, names: Names) -> Outgoing:
    """Return a record that is no command as it came, with the reason in headers behind its own."""
    address = Address(record.topic, topic_id, record.partition, record.offset)
    return Outgoing(
        "dead",
        names.dead_commands,
        record.key,
        # kafka-python sends no record that has neither key nor value
        b"" if record.key is None and record.value is None else record.value,
        [
            *((name, value or b"") for name, value in record.headers),
            ("dead-code", reason.code.encode()),
            ("dead-reason", str(reason).encode()),
            ("dead-timestamp", b"%d" % record.timestamp),
            *_request(address),
        ],
    )


def _of_batch(outcome: Outcome) -> BatchAnswer:
    if isinstance(outcome, Refused):
        return BatchAnswer(status=outcome.problem.status, problem=outcome.problem, replayed=outcome.replayed)
    return BatchAnswer.of(outcome)


def _of_problem(problem: Problem) -> Headers:
    return [("status", b"%d" % problem.status), ("content-type", MEDIA_TYPE.encode())]


def _request(address: Address) -> Headers:
    return [
        ("request-topic", address.topic.encode()),
        ("request-topic-id", address.topic_id.encode()),
        ("request-partition", b"%d" % address.partition),
        ("request-offset", b"%d" % address.offset),
    ]
