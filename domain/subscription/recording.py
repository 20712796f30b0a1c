"""What a change of draws is recorded as: work rated, rated anew, or revised (SUPPORT_POLICY B7, B8)."""

from datetime import datetime
from typing import TypedDict

from domain.rating.entries import Entry
from domain.rating.order import Step
from domain.subscription.events import Draw, Expiry, Recognition, WorkRated, WorkRerated, WorkRevised
from domain.subscription.state import Subscription


def told(state: Subscription, step: Step, now: datetime, *, caused_by: str) -> WorkRated | WorkRerated | WorkRevised:
    """Return the event that records a step. `caused_by` is the entry or pack that makes others draw otherwise."""
    before, entry, is_revised = step.change
    said = _said(state, step, now)
    if before is None:
        return WorkRated(
            **said,
            case_number=entry.case_number,
            agent=entry.agent,
            duration_seconds=entry.duration_seconds,
            work_class=entry.work_class,
            purpose=entry.purpose,
            billed_seconds=entry.billed_seconds,
        )
    if is_revised:
        return _revision(state, said, before, entry)
    return WorkRerated(**said, before=before.draws, caused_by=caused_by)


def _revision(state: Subscription, said: "_Said", before: Entry, entry: Entry) -> WorkRevised:
    was_open = state.book.is_open(before)
    return WorkRevised(
        **said,
        case_number=entry.case_number,
        agent=entry.agent,
        duration_seconds=entry.duration_seconds,
        worked_before_seconds=0 if before.voided else before.duration_seconds,
        voided=entry.voided,
        work_class=entry.work_class,
        purpose=entry.purpose,
        billed_seconds=entry.billed_seconds,
        before=before.draws if was_open else (),
        credits_before=before.credits if was_open else (),
        credits=entry.credits,
    )


class _Said(TypedDict):
    """What all three events say: which entry, where its draws are posted, and what they are now."""

    occurred_at: datetime
    subscription_id: str
    customer_id: str
    month: str
    entry_id: str
    ticket_id: str
    started_at: datetime
    rating_at: datetime
    draws: tuple[Draw, ...]
    recognised: tuple[Recognition, ...]
    expired: tuple[Expiry, ...]


def _said(state: Subscription, step: Step, now: datetime) -> _Said:
    entry = step.change.after
    return {
        "occurred_at": now,
        "subscription_id": state.subscription_id,
        "customer_id": state.customer_id,
        "month": state.book.month_at(entry.rating_at).month,
        "entry_id": entry.entry_id,
        "ticket_id": entry.ticket_id,
        "started_at": entry.started_at,
        "rating_at": entry.rating_at,
        "draws": entry.draws,
        "recognised": step.recognised,
        "expired": step.expired,
    }
