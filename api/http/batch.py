"""Many commands in one request, each answered for itself, in order."""

import re
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from api.http.problems.errors import problem_of_any
from api.http.replies import etag
from api.http.requests import GREATEST_VERSION, IDEMPOTENCY_KEY_PATTERN
from commands.answers import Answer
from commands.problems import TIMED_OUT, UNAVAILABLE, Problem
from commands.wire.fields import Anything, Many, Text, WholeNumber
from commands.wire.schema import WireSchema, load

MOST_COMMANDS = 500


class Execute(Protocol):
    """Carries out one command."""

    def __call__(self, command: str, data: Any, key: str | None, if_match: int | None) -> Answer:
        """Return its answer; raises whatever it fails with."""


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


_LASTING = (UNAVAILABLE.code, TIMED_OUT.code)
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


def read_batch(body: Any) -> list[Any]:
    """Return the commands of a batch, each as it was sent.

    Raises `InvalidData` if it is no list of 1 to `MOST_COMMANDS`.
    """
    commands: list[Any] = load(_BATCH, body)["commands"]
    return commands


def answer_batch(commands: list[Any], execute: Execute) -> dict[str, list[BatchAnswer]]:
    """Carry out the commands one after the other and answer each in its place.

    What is wrong with one of them is that one's answer. Once the database is gone, or takes too long, the rest is
    answered the same without a try: each would wait in vain.
    """
    answers: list[BatchAnswer] = []
    for item in commands:
        before = answers[-1].problem if answers else UNSET
        if before is not UNSET and before.code in _LASTING:
            answers.append(BatchAnswer(status=before.status, problem=before))
        else:
            answers.append(_answer(item, execute))
    return {"answers": answers}


def _answer(item: Any, execute: Execute) -> BatchAnswer:
    try:
        loaded = load(_COMMAND, item)
        answer = execute(loaded["command"], loaded["data"], loaded.get("idempotency_key"), loaded.get("if_match"))
    except Exception as error:  # noqa: BLE001 - one failure is one answer; the others still get theirs
        problem = problem_of_any(error)
        return BatchAnswer(status=problem.status, problem=problem)
    return BatchAnswer(
        status=answer.status,
        answer=msgspec.Raw(answer.body),
        etag=etag(answer.etag_version),
        location=answer.location,
        replayed=answer.replayed,
    )
