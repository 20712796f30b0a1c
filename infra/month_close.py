"""How are the ended months of all customers closed? Each customer for itself, each month by a command of its own.

The commands have ids derived from customer and month, and a closed month stays closed. So it can be interrupted at any
point and asked again: that goes on where it stopped, and changes nothing where all is done.
"""

from collections.abc import Callable
from uuid import NAMESPACE_OID, uuid5

import msgspec

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.errors import RequestError
from commands.ports import Clock
from domain.refusal import Refusal
from domain.subscription.closing import ended_months
from domain.subscription.state import Subscription, evolve
from infra.feed import claims_of
from infra.postgres.pool import ConnectionPool

CALLER = "close-months"

Progress = Callable[[int, int], None]
"""Told after each customer: how many are done, of how many."""


class CloseFailure(msgspec.Struct, frozen=True):
    """A month that could not be closed, and so none after it of the same customer."""

    customer_id: str
    month: str
    reason: str


class CloseReport(msgspec.Struct, frozen=True):
    """What was done: months closed now, of how many customers with a subscription, and what failed."""

    customers: int
    closed: int
    failures: tuple[CloseFailure, ...]


def close_months(
    *,
    application: CaselogApplication,
    dispatcher: Dispatcher,
    pool: ConnectionPool,
    clock: Clock,
    through: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> CloseReport:
    """Close the months that have ended of every customer, up to `through` ("2026-11") where that is given.

    A customer whose month cannot be closed is reported and does not stop the others. Raises what `Dispatcher.execute`
    raises where the database is lost: then the next run goes on.
    """
    with pool.connection() as connection:
        streams = claims_of(connection, "live_subscription")
    closed = 0
    failures: list[CloseFailure] = []
    for done, (customer_id, stream_id) in enumerate(streams.items(), 1):
        for month in _to_close(application, stream_id, clock, through):
            try:
                dispatcher.execute(_request(customer_id, month))
            except (Refusal, RequestError) as refused:
                failures.append(CloseFailure(customer_id, month, f"{refused.detail} ({refused.code})"))
                break
            closed += 1
        progress(done, len(streams))
    return CloseReport(len(streams), closed, tuple(failures))


def _to_close(application: CaselogApplication, stream_id: str, clock: Clock, through: str | None) -> list[str]:
    state: Subscription | None = application.load(stream_id, evolve).state
    if state is None:
        return []
    return [month for month in ended_months(state, clock.now()) if through is None or month <= through]


def _request(customer_id: str, month: str) -> Request:
    key = f"{month}:{customer_id}"
    return Request(
        command="close-period",
        data={"customer_id": customer_id, "period": month},
        fingerprint=key,
        caller=CALLER,
        actor=CALLER,
        correlation_id=str(uuid5(NAMESPACE_OID, f"{CALLER}/{key}")),
        idempotency_key=key,
        keep=True,
    )
