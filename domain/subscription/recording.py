"""What a change of draws is recorded as: work rated, rated anew, or revised (SUPPORT_POLICY B7, B8)."""

from datetime import datetime

from domain.rating.entries import Entry
from domain.rating.order import Step
from domain.subscription.events import WorkRated, WorkRerated, WorkRevised
from domain.subscription.state import Subscription


def told(state: Subscription, step: Step, now: datetime, *, caused_by: str) -> WorkRated | WorkRerated | WorkRevised:
    """Return the event that records a step. `caused_by` is the entry or pack that makes others draw otherwise."""
    before, after, is_revised = step.change
    month = state.book.month_at(after.rating_at).month
    if before is None:
        return _rated(state, step, month, now)
    if is_revised:
        return _revision(state, step, before, month, now)
    return WorkRerated(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month,
        entry_id=after.entry_id,
        ticket_id=after.ticket_id,
        started_at=after.started_at,
        rating_at=after.rating_at,
        before=before.draws,
        draws=after.draws,
        recognised=step.recognised,
        expired=step.expired,
        caused_by=caused_by,
    )


def _rated(state: Subscription, step: Step, month: str, now: datetime) -> WorkRated:
    entry = step.change.after
    return WorkRated(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month,
        entry_id=entry.entry_id,
        ticket_id=entry.ticket_id,
        case_number=entry.case_number,
        agent=entry.agent,
        started_at=entry.started_at,
        duration_seconds=entry.duration_seconds,
        work_class=entry.work_class,
        billed_seconds=entry.billed_seconds,
        rating_at=entry.rating_at,
        draws=entry.draws,
        recognised=step.recognised,
        expired=step.expired,
        purpose=entry.purpose,
    )


def _revision(state: Subscription, step: Step, before: Entry, month: str, now: datetime) -> WorkRevised:
    entry = step.change.after
    was_open = state.book.is_open(before)
    return WorkRevised(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month,
        entry_id=entry.entry_id,
        ticket_id=entry.ticket_id,
        case_number=entry.case_number,
        agent=entry.agent,
        started_at=entry.started_at,
        duration_seconds=entry.duration_seconds,
        worked_before_seconds=0 if before.voided else before.duration_seconds,
        voided=entry.voided,
        work_class=entry.work_class,
        purpose=entry.purpose,
        billed_seconds=entry.billed_seconds,
        rating_at=entry.rating_at,
        before=before.draws if was_open else (),
        draws=entry.draws,
        credits_before=before.credits if was_open else (),
        credits=entry.credits,
        recognised=step.recognised,
        expired=step.expired,
    )
