"""What becomes of a command that came by Kafka? It is carried out, and whatever comes of it is its answer.

But for what passes: a database that is away, or rivals over the same streams. A command that met such a thing has no
answer yet, and is carried out again. The idempotency key that every command has here makes that safe: whatever was
decided of it is kept under that, acceptance or refusal, and the first to keep it wins. So a record that is read again,
and a process that wakes up late in the middle of one, come to the same answer, whatever has become of the desk since.
"""

import traceback
from collections.abc import Callable

import msgspec
import structlog
from eventsourcing.persistence import InternalError
from psycopg2.errors import InvalidSchemaName, UndefinedFunction, UndefinedTable

from commands.answers import Answer
from commands.dispatch import Commands, Request
from commands.errors import Conflict
from commands.problems import (
    FORBIDDEN,
    INTERNAL_ERROR,
    OUTCOME_UNKNOWN,
    TIMED_OUT,
    UNAVAILABLE,
    UNKNOWN_COMMAND,
    KeptRefusal,
    Problem,
    make_problem,
    problem_of,
)
from commands.wire.batch import OneCommand, read_batch, read_one
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.headers import is_idempotency_key
from domain.tags import UnknownTag
from infra.kafka.inbound.asked import CALLER, Asked

_PASSING = {UNAVAILABLE.code, TIMED_OUT.code, OUTCOME_UNKNOWN.code, Conflict.code}


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A command that was not carried out; `replayed` where that is the first answer again."""

    problem: Problem
    replayed: bool = False


_NO_DESK = (UndefinedTable, UndefinedFunction, InvalidSchemaName)

Outcome = Answer | Refused
Barred = Callable[[str], str | None]
"""Tells why a command may not come by Kafka; none where it may."""

log = structlog.get_logger()


class Postponed(Exception):
    """A command met what passes; it is carried out again."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What a record's commands came to, in order. `key`: the idempotency key of a command by itself."""

    asked: Asked
    outcomes: tuple[Outcome, ...] | Problem
    """A problem by itself where a batch is none."""
    key: str | None


class Answering:
    """Carries out what records ask for. Safe to use from many threads."""

    def __init__(self, commands: Commands, barred: Barred) -> None:
        self._commands = commands
        self._barred = barred

    def answer(self, asked: Asked) -> Answered:
        """Return what became of a record's commands, carried out in order. Raises `Postponed`."""
        if not asked.is_batch:
            key = _key(asked)
            return Answered(asked, (self._outcome(asked, asked.commands, key),), key)
        try:
            items = read_batch(asked.commands)
        except InvalidData as error:
            return Answered(asked, self._problem(error, asked), None)
        outcomes = [self._outcome(asked, item, f"{asked.address.name}-{number}") for number, item in enumerate(items)]
        return Answered(asked, tuple(outcomes), None)

    def _outcome(self, asked: Asked, item: object, default_key: str) -> Outcome:
        try:
            return self._execute(asked, read_one(item), default_key)
        except Exception as error:
            problem = self._problem(error, asked)
            if problem.code in _PASSING:
                raise Postponed(problem) from error
            return Refused(problem, replayed=isinstance(error, KeptRefusal))

    def _execute(self, asked: Asked, one: OneCommand, default_key: str) -> Outcome:
        known = COMMAND_TYPES.get(one.command)
        if known is None:
            unknown = f"there is no command {one.command!r}"
            return Refused(make_problem(UNKNOWN_COMMAND, unknown, asked.correlation_id))
        reason = self._barred(one.command)
        if reason is not None:
            return Refused(make_problem(FORBIDDEN, reason, asked.correlation_id))
        key = one.idempotency_key
        if key is not None and asked.idempotency_key not in {None, key}:
            raise InvalidData([FieldError("/idempotency_key", "must be the same as in the header, or left out")])
        return self._commands.execute(
            Request(
                command=one.command,
                data=known.load(one.data),
                fingerprint=known.fingerprint(one.data),
                caller=CALLER,
                actor=asked.actor,
                correlation_id=asked.correlation_id,
                traceparent=asked.traceparent,
                idempotency_key=default_key if key is None else key,
                keep=True,  # the record may come again as long as the topic has it, and that is longer than a day
                keep_refusals=True,
                if_match=one.if_match,
            )
        )

    def _problem(self, error: Exception, asked: Asked) -> Problem:
        problem = problem_of(error, asked.correlation_id)
        if problem is not None:
            return problem
        if isinstance(error, InternalError) or isinstance(error.__cause__, _NO_DESK):
            # A server that takes no writes now, such as one that is to stand by; or a desk that is being restored.
            return make_problem(UNAVAILABLE, UNAVAILABLE.description, asked.correlation_id)
        if isinstance(error, UnknownTag):
            reason = f"it follows an event of a newer release, {error}, which this one cannot read"
            log.error(
                "a command by Kafka needs a newer release",
                record=str(asked.address),
                correlation_id=asked.correlation_id,
                reason=reason,
            )
            return make_problem(INTERNAL_ERROR, f"{reason}: send it again once that runs", asked.correlation_id)
        log.error(
            "a command by Kafka failed",
            record=str(asked.address),
            correlation_id=asked.correlation_id,
            # As text: a renderer of its own might show the local variables, and so what people wrote.
            trace="".join(traceback.format_exception(error)),
        )
        return make_problem(INTERNAL_ERROR, INTERNAL_ERROR.description, asked.correlation_id)


def _key(asked: Asked) -> str:
    """Return the idempotency key of a command by itself: from the header, else from the value, else where it stands."""
    if asked.idempotency_key is not None:
        return asked.idempotency_key
    sent = asked.commands.get("idempotency_key")
    return sent if isinstance(sent, str) and is_idempotency_key(sent) else asked.address.name
