"""What is sent for a record of commands: its answer, or the record itself as a dead letter with the reason."""

import msgspec

from commands.answers import Answer, etag
from commands.problems import MEDIA_TYPE, Problem
from commands.wire.batch import BatchAnswer
from infra.kafka.consuming.fetched import FetchedRecord
from infra.kafka.inbound.answering import Answered, Outcome, Refused
from infra.kafka.inbound.asked import CORRELATION_ID, IDEMPOTENCY_KEY, Address, NoCommand
from infra.kafka.names import Names
from infra.kafka.records import CONTENT_TYPE, Headers
from infra.kafka.topics import LARGEST_COMMAND_BYTES

LARGEST_DEAD_BYTES = LARGEST_COMMAND_BYTES
"""Of key, value and headers of a record, as the topic of commands takes them."""

KEPT_BYTES = 1024 * 1024
"""How much of a value is kept of a record that is larger."""

LARGEST_REPLY_BYTES = LARGEST_COMMAND_BYTES

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
    """Return the answer of a record's commands: what HTTP answers, with what its headers and its status say.

    Problems do not name every field at fault where there are so many that no topic would take the answer.
    """
    made = _reply(answered, names)
    if made.value is None or len(made.value) <= LARGEST_REPLY_BYTES:
        return made
    return _reply(msgspec.structs.replace(answered, outcomes=_shortened(answered.outcomes)), names)


def _reply(answered: Answered, names: Names) -> Outgoing:
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
    """Return a record that is no command as it came, with the reason in headers behind its own.

    Of one that is larger than any topic of ours takes it, the beginning of its value, and how long it was.
    """
    address = Address(record.topic, topic_id, record.partition, record.offset)
    key, value, headers = record.key, record.value, [(name, text or b"") for name, text in record.headers]
    size = sum(len(part) for part in (key or b"", value or b"", record.header_bytes))
    if size > LARGEST_DEAD_BYTES:
        key, value, headers = None, (value or b"")[:KEPT_BYTES], [("dead-record-bytes", b"%d" % size)]
    return Outgoing(
        "dead",
        names.dead_commands,
        key,
        b"" if key is None and value is None else value,  # kafka-python sends no record that has neither
        [
            *headers,
            ("dead-code", reason.code.encode()),
            ("dead-reason", str(reason).encode()),
            ("dead-timestamp", b"%d" % record.timestamp),
            *_request(address),
        ],
    )


def _shortened(outcomes: tuple[Outcome, ...] | Problem) -> tuple[Outcome, ...] | Problem:
    if isinstance(outcomes, Problem):
        return _without_errors(outcomes)
    return tuple(
        msgspec.structs.replace(outcome, problem=_without_errors(outcome.problem))
        if isinstance(outcome, Refused)
        else outcome
        for outcome in outcomes
    )


def _without_errors(problem: Problem) -> Problem:
    if not problem.errors:
        return problem
    detail = f"{len(problem.errors)} fields are wrong: too many to name each in an answer"
    return msgspec.structs.replace(problem, errors=(), detail=detail)


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
