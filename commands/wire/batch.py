"""Many commands in one request: what it looks like, and what each of them is answered with."""

import re
from typing import Any, Self

import msgspec
from msgspec import UNSET, UnsetType

from commands.answers import Answer, etag
from commands.problems import Problem
from commands.wire.fields import Anything, Many, Text, WholeNumber
from commands.wire.headers import GREATEST_VERSION, IDEMPOTENCY_KEY_PATTERN
from commands.wire.schema import WireSchema, load

MOST_COMMANDS = 500


class IdempotencyKey(Text):
    """What the header of the same name holds."""

    pattern = IDEMPOTENCY_KEY_PATTERN
    expected = "must be visible ASCII characters without a comma"

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=255, **options)


class ExpectedVersion(WholeNumber):
    """A version as a number, or as the header If-Match has it."""

    def convert(self, value: Any) -> int:
        """Return the version, or raise `ValidationError`."""
        if type(value) is str and (match := re.fullmatch(r'"?([0-9]{1,9})"?', value)) is not None:
            return int(match[1])
        return super().convert(value)


class BatchCommand(WireSchema):
    """One command of a batch."""

    command = Text(longest=100, required=True)
    data = Anything(required=True, allow_none=True, metadata={"description": "As the command takes it by itself."})
    idempotency_key = IdempotencyKey()
    if_match = ExpectedVersion(least=0, most=GREATEST_VERSION)


class BatchCommands(Many):
    """The commands of a batch, each checked when its turn comes."""


class Batch(WireSchema):
    """Commands that are carried out in order; one that is refused does not stop the others."""

    commands = BatchCommands(Anything(allow_none=True), least=1, most=MOST_COMMANDS, required=True)


_BATCH = Batch()
_COMMAND = BatchCommand()


class BatchAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one command of a batch came to: `answer` or `problem`, with what the headers of its own answer would say."""

    status: int
    answer: msgspec.Raw | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET
    etag: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    replayed: bool = False

    @classmethod
    def of(cls, outcome: Answer | Problem) -> Self:
        """Return what a batch says of one command's answer or problem."""
        if isinstance(outcome, Problem):
            return cls(status=outcome.status, problem=outcome)
        return cls(
            status=outcome.status,
            answer=msgspec.Raw(outcome.body),
            etag=etag(outcome.etag_version),
            location=outcome.location,
            replayed=outcome.replayed,
        )


class OneCommand(msgspec.Struct, frozen=True, gc=False):
    """One command of several, its data not yet checked."""

    command: str
    data: Any
    idempotency_key: str | None
    if_match: int | None


def read_batch(body: Any) -> list[Any]:
    """Return the commands of a batch, each as it was sent.

    Raises `InvalidData` if it is no list of 1 to `MOST_COMMANDS`.
    """
    commands: list[Any] = load(_BATCH, body)["commands"]
    return commands


def read_one(item: Any) -> OneCommand:
    """Return one command of a batch. Raises `InvalidData`."""
    loaded = load(_COMMAND, item)
    return OneCommand(loaded["command"], loaded["data"], loaded.get("idempotency_key"), loaded.get("if_match"))
