"""What does a record of the commands' topic ask for? One command or a batch of them, as `POST /v1/commands` takes them.

A record that nobody can read for that is a dead letter. One that can be read, and asks for what is wrong, is answered
like any request.
"""

import re
from typing import Any, Literal, get_args

import msgspec

from commands.wire.headers import LONGEST_BATCH, LONGEST_BODY, is_correlation_id, is_idempotency_key, is_traceparent
from commands.wire.json_text import MalformedJson, decode_json
from infra.kafka.consuming.fetched import NO_TEXT, FetchedRecord

CORRELATION_ID, IDEMPOTENCY_KEY, ACTOR = "correlation-id", "idempotency-key", "actor"
TRACEPARENT, CONTENT_TYPE, IF_MATCH = "traceparent", "content-type", "if-match"
HEADERS = (CORRELATION_ID, IDEMPOTENCY_KEY, ACTOR, TRACEPARENT, CONTENT_TYPE)
"""Headers that are read, in letters of any case; others are left alone."""

CALLER = "kafka"
"""Within what idempotency keys of commands by Kafka are told apart, and what their actors' names begin with."""

DeadCode = Literal[
    "unreadable", "no_value", "too_large", "invalid_header", "unsupported_media_type", "malformed_json", "no_command"
]
DEAD_CODES: tuple[str, ...] = get_args(DeadCode)

LONGEST_KEY = 64 * 1024
"""In bytes; an answer has its command's key, and has to have room beside it."""

ACTOR_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]{1,120}$"

_JSON = re.compile(r"application/json *(; *charset=\"?utf-?8\"?)?", re.IGNORECASE)
_ACTOR = re.compile(ACTOR_PATTERN)


class Address(msgspec.Struct, frozen=True, gc=False):
    """Where a record stands. A topic that is made anew under the same name counts from 0 again, with another id."""

    topic: str
    topic_id: str
    partition: int
    offset: int

    @property
    def name(self) -> str:
        """One text for it, which no other record ever has: its idempotency key where it brings none."""
        return f"kafka-{self.topic_id}-{self.partition}-{self.offset}"

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


class Asked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a record asks for: `commands` as they were sent, one, or many where it `is_batch`."""

    address: Address
    key: bytes | None
    commands: Any
    is_batch: bool
    idempotency_key: str | None
    correlation_id: str
    actor: str
    traceparent: str | None


class NoCommand(Exception):
    """A record that cannot be read as a command; `code` says of which kind, the text why."""

    def __init__(self, code: DeadCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def asked(record: FetchedRecord, topic_id: str) -> Asked:
    """Return what a record asks for. Raises `NoCommand`."""
    if record.unreadable is not None:
        raise NoCommand("unreadable", record.unreadable)
    if record.key is not None and len(record.key) > LONGEST_KEY:
        raise NoCommand("too_large", f"the key has {len(record.key)} bytes, at most {LONGEST_KEY} are taken")
    address = Address(record.topic, topic_id, record.partition, record.offset)
    headers = _headers(record)
    value = _value(record)
    is_batch = "commands" in value
    key = headers.get(IDEMPOTENCY_KEY)
    if is_batch and key is not None:
        raise NoCommand("invalid_header", "the idempotency key of a batch stands in each of its commands")
    if not is_batch and not isinstance(value.get("command"), str):
        raise NoCommand("no_command", "the value has neither a command by name nor a list of commands")
    named = headers.get(ACTOR)
    return Asked(
        address=address,
        key=record.key,
        commands=value,
        is_batch=is_batch,
        idempotency_key=key,
        correlation_id=headers.get(CORRELATION_ID, address.name),
        actor=CALLER if named is None else f"{CALLER}:{named}",
        traceparent=headers.get(TRACEPARENT),
    )


def _headers(record: FetchedRecord) -> dict[str, str]:
    """Return those headers that count, checked."""
    found: dict[str, str] = {}
    for name, value in record.headers:
        known = name.lower()
        if NO_TEXT in known:
            raise NoCommand("invalid_header", f"the name of a header is no UTF-8 text: {name}")
        if known == IF_MATCH:
            raise NoCommand("invalid_header", "the version to match stands in the value, as if_match")
        if known not in HEADERS:
            continue
        if known in found:
            raise NoCommand("invalid_header", f"the header {known} comes twice")
        try:
            found[known] = (value or b"").decode()
        except UnicodeDecodeError:
            raise NoCommand("invalid_header", f"the header {known} is no UTF-8 text") from None
    if (key := found.get(IDEMPOTENCY_KEY)) is not None and not is_idempotency_key(key):
        raise NoCommand("invalid_header", "idempotency-key must be 1 to 255 visible ASCII characters without a comma")
    if (sent := found.get(CORRELATION_ID)) is not None and not is_correlation_id(sent):
        raise NoCommand("invalid_header", "correlation-id must be 1 to 128 visible ASCII characters")
    if (actor := found.get(ACTOR)) is not None and _ACTOR.fullmatch(actor) is None:
        raise NoCommand("invalid_header", "actor must be 1 to 120 characters without control characters")
    if not is_traceparent(found.get(TRACEPARENT, "")):
        found.pop(TRACEPARENT, None)  # as the standard asks
    if _JSON.fullmatch(found.get(CONTENT_TYPE, "application/json")) is None:
        raise NoCommand("unsupported_media_type", f"content-type {found[CONTENT_TYPE]!r} is not application/json")
    return found


def _value(record: FetchedRecord) -> dict[str, Any]:
    if record.value is None:
        raise NoCommand("no_value", "the record has no value")
    length = len(record.value)
    if length > LONGEST_BATCH:
        raise NoCommand("too_large", f"the value has {length} bytes, at most {LONGEST_BATCH} are taken")
    try:
        value = decode_json(record.value)
    except MalformedJson as error:
        raise NoCommand("malformed_json", str(error)) from None
    if not isinstance(value, dict):
        raise NoCommand("no_command", "the value is no JSON object")
    if "commands" not in value and length > LONGEST_BODY:
        raise NoCommand("too_large", f"the command has {length} bytes, at most {LONGEST_BODY} are taken")
    return value
