"""From a request to its answer: decide, append, decide anew after a conflict, answer a repeat as the first time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import random
from time import sleep
from typing import Any, Protocol

import msgspec
import uuid_utils
from eventsourcing.persistence import PersistenceError

from commands.answers import Answer, kept_refusal, kept_text, render
from commands.application import CaselogApplication
from commands.errors import Conflict, IdempotencyKeyReused, RequestError
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.ports import AppendConflict, Clock, GuardMoved, IdempotencyRecord, OutcomeUnknown
from commands.problems import problem_of
from commands.unit_of_work import Cause, UnitOfWork
from domain.recorded import RecordedEvent
from domain.refusal import Refusal

ATTEMPTS = 10
"""How often a command is decided before its request is answered with `conflict`."""


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A command as it arrives, its data already checked for form.

    `fingerprint` tells two bodies apart. An idempotency key is scoped to caller and command; `keep` makes it last for
    good. With `keep_refusals` it is used up by a refusal as well, so that no repeat comes through later: a sender whose
    commands are repeated by others than itself. `now` is set where a command did not happen when it arrives (an
    import).
    """

    command: str
    data: Mapping[str, Any]
    fingerprint: str
    caller: str
    actor: str
    correlation_id: str
    idempotency_key: str | None = None
    keep: bool = False
    keep_refusals: bool = False
    causation_id: str | None = None
    traceparent: str | None = None
    if_match: int | None = None
    now: datetime | None = None
    imported: str | None = None

    @property
    def key_scope(self) -> str:
        """Within what the idempotency key names one request."""
        return f"{self.caller}:{self.command}"


def own_request(command: str, data: Mapping[str, Any], who: str) -> Request:
    """Return a command that no client sends and nothing repeats, by `who` of the desk itself."""
    correlation_id = str(uuid_utils.uuid7())
    return Request(command=command, data=data, fingerprint="", caller=who, actor=who, correlation_id=correlation_id)


Handler = Callable[[UnitOfWork, Settings, Mapping[str, Any]], Outcome]
"""Turns a command's data into events of one or more streams of the unit of work."""


class Commands(Protocol):
    """Carries out commands."""

    def execute(self, request: Request) -> Answer:
        """Return the answer; raises what `Dispatcher.execute` does."""


class Dispatcher:
    """Carries out requests. Safe to use from many threads."""

    def __init__(self, application: CaselogApplication, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._application = application
        self._clock = clock
        self._handlers = handlers
        self._settings = Settings(application)

    def execute(self, request: Request) -> Answer:
        """Carry a request out and return its answer, or the first answer where the request is a repeat.

        Raises a `Refusal` (a rule), a `RequestError` (unknown, stale or conflicting), `KeptRefusal` (the first answer
        was one of these, and is kept), or the library's `PersistenceError` where the database cannot be had. After any
        of them nothing of the command is in the log, but for `OutcomeUnknown`: a request without an idempotency key,
        or one whose key cannot be asked for now.
        """
        for attempt in range(ATTEMPTS):
            if attempt > 1:  # the first conflict may be no rival's, but what this process remembered was old
                # Rivals over one stream step aside for a moment, each for another one, longer each time.
                sleep(random() * min(2**attempt, 128) / 1000)  # noqa: S311 - no secret
            try:
                return self._attempt(request)
            except (Refusal, RequestError):
                # A repeat is answered as the first time, whatever has become of the case since. Where the refusal was
                # kept, it is the first answer.
                if not request.keep_refusals and (kept := self._kept(request)) is not None:
                    return kept
                raise
            except AppendConflict as conflict:
                if (kept := self._kept(request)) is not None:
                    return kept
                if isinstance(conflict, GuardMoved):
                    self._settings.refresh()
            except OutcomeUnknown as unknown:
                if request.idempotency_key is None:
                    raise
                try:
                    kept = self._kept(request)
                except PersistenceError:
                    raise unknown from None
                if kept is not None:
                    return kept
        raise Conflict(f"{request.command} met {ATTEMPTS} conflicting changes in a row; try again")

    def _attempt(self, request: Request) -> Answer:
        cause = Cause(
            actor=request.actor,
            correlation_id=request.correlation_id,
            command_id=str(uuid_utils.uuid7()),
            causation_id=request.causation_id,
            traceparent=request.traceparent,
            imported=request.imported,
        )
        now = self._clock.now() if request.now is None else request.now
        work = UnitOfWork(self._application, now=now, cause=cause, if_match=request.if_match)
        try:
            outcome = self._handlers[request.command](work, self._settings, request.data)
            work.expect(outcome.stream)  # where the handler named no other, the one that the answer names
        except Exception as error:
            # Whatever came of it, it must not have come of settings that another process has replaced.
            work.confirm(_refusal(request, error))
            raise
        text = ""

        def record(events: Sequence[RecordedEvent]) -> IdempotencyRecord | None:
            nonlocal text
            text = kept_text(outcome, events)
            return _record(request, text) if outcome.keep else None

        appended = work.commit(record)
        return render(text, appended.first_position, replayed=False)

    def _kept(self, request: Request) -> Answer | None:
        """Return the answer kept for the request's key. Raises `IdempotencyKeyReused`, `KeptRefusal`."""
        if request.idempotency_key is None:
            return None
        kept = self._application.event_log.find_answer(request.key_scope, request.idempotency_key)
        if kept is None:
            return None
        if kept.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused(
                "this Idempotency-Key was used before with another body; a new request needs a new key"
            )
        return render(kept.answer, kept.first_position, replayed=True)


def _record(request: Request, answer: str) -> IdempotencyRecord | None:
    """Return the record that keeps a request's answer, if it has a key."""
    if request.idempotency_key is None:
        return None
    return IdempotencyRecord(
        scope=request.key_scope,
        key=request.idempotency_key,
        fingerprint=request.fingerprint,
        answer=answer,
        keep=request.keep,
    )


def _refusal(request: Request, error: Exception) -> IdempotencyRecord | None:
    """Return the record that keeps a refusal, where refusals are kept; what passes or is our fault is none."""
    if not (request.keep_refusals and isinstance(error, Refusal | RequestError)):
        return None
    problem = problem_of(error, request.correlation_id)
    return None if problem is None else _record(request, kept_refusal(problem))
