"""What is a policy? A pure function from an event to the commands that it leads to, run once for each event of the log.

A policy decides nothing: whether anything happens is for the decider that gets the command, and that knows what has
happened already. So a policy may ask the same twice, or for what has been overtaken, with the same outcome.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import NAMESPACE_OID, uuid5

import msgspec

from commands.dispatch import Request
from domain.event import Event
from domain.recorded import RecordedEvent

POLICIES = "policies"


class Intent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A command that a policy asks for. Two with the same command and subject ask for the same.

    `once` says that it is carried out a single time, for good, whoever asks for it again and when.
    """

    command: str
    subject: str
    data: Mapping[str, Any]
    once: bool = False


React: TypeAlias = Callable[[RecordedEvent, Sequence[RecordedEvent]], Iterable[Intent]]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that joins two aggregates: `react` to the events `on`.

    It is given the event and, where it `reads_stream`, all events of that event's stream as they are by then.
    """

    name: str
    on: tuple[type[Event], ...]
    react: React
    reads_stream: bool = False


def intents_of(
    policies: Iterable[Policy], cause: RecordedEvent, read: Callable[[str], Sequence[RecordedEvent]]
) -> Iterator[tuple[Policy, Intent]]:
    """Yield what policies ask for on an event; `read` gives the events of a stream.

    What an import brought is another desk's past and leads to nothing. A live event of the same case or customer asks
    the whole question, so nothing is lost that still matters.
    """
    if cause.metadata.imported is not None:
        return
    for policy in policies:
        if isinstance(cause.event, policy.on):
            stream = read(cause.originator_id) if policy.reads_stream else ()
            for intent in policy.react(cause, stream):
                yield policy, intent


def request_for(policy: Policy, intent: Intent, cause: RecordedEvent) -> Request:
    """Return the command, with ids that follow from what is asked for and from the event that led to it."""
    key = f"{intent.command} {intent.subject}"
    return Request(
        command=intent.command,
        data=intent.data,
        fingerprint=key,
        caller=POLICIES,
        actor=f"policy {policy.name}",
        correlation_id=cause.metadata.correlation_id,
        causation_id=cause.metadata.event_id,
        traceparent=cause.metadata.traceparent,
        idempotency_key=str(uuid5(NAMESPACE_OID, key)) if intent.once else None,
        keep=True,
    )
