"""What does a customer owe for a month, and why? Composed from the rows of the view `subscription`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from domain.rating.months import month_before
from projections.account import Account
from projections.reading import Json, without_nulls
from projections.statement_positions import figure_positions, together
from projections.subscription import MonthRow, PackRow
from projections.work_entry import DrawnFrom, GivenBack, Posting, WorkRow


def statement(account: Account, period: str, now: datetime | None = None) -> Json:
    """The `statement` of the HTTP contract for a month ("2026-11"), as it is at an instant.

    Beside the contract's fields it has `positions`, the events that began the month and closed it, and
    `figure_positions`, the events that each sum follows from.
    """
    posted = sorted(
        ((row, posting) for row in account.work if (posting := row.posting(period)) is not None), key=_in_order
    )
    entries = [(row, posting) for row, posting in posted if posting.draws]
    draws = [draw for _, posting in entries for draw in posting.draws]
    credits_ = [(row, credit) for row, posting in posted for credit in posting.credits]
    purchases = sorted(
        (row for row in account.packs if row.month == period), key=lambda row: (row.purchased_at, row.pack_id)
    )
    month = account.month(period)
    fee_cents = month.fee_cents if month else 0
    packs_cents = sum(row.price_cents for row in purchases)
    on_demand_cents, emergency_cents = (_cents(draws, source) for source in ("on_demand", "emergency"))
    credits_cents = sum(credit.amount_cents for _, credit in credits_)
    return {
        "customer_id": account.subscription.customer_id,
        "period": period,
        "state": "closed" if month and month.closed_at else "open",
        "currency": account.subscription.terms.currency,
        "entries": [_entry(row, posting) for row, posting in entries],
        "purchases": [_purchase(row) for row in purchases],
        "credits": [credit_shape(row, credit) for row, credit in credits_],
        "fee_cents": fee_cents,
        "allowance": allowance(account, period, now),
        "totals": {
            "worked_seconds": sum(posting.duration_seconds for row, posting in entries if row.first_month == period),
            "billed_seconds": sum(draw.seconds for draw in draws),
            "on_demand_seconds": _seconds(draws, "on_demand"),
            "on_demand_cents": on_demand_cents,
            "emergency_seconds": _seconds(draws, "emergency"),
            "emergency_cents": emergency_cents,
            "packs_cents": packs_cents,
            "credits_cents": credits_cents,
            "hold_cents": _cents(draws, "hold"),
            "owed_cents": fee_cents + packs_cents + on_demand_cents + emergency_cents - credits_cents,
        },
        "positions": month.positions if month else (),
        "figure_positions": figure_positions(account, period, posted, purchases),
        "as_of_position": account.position,
    }


def allowance(account: Account, month: str, now: datetime | None = None) -> Json:
    """What a month granted, what came over from the one before (B6), and what of both is drawn.

    Before it has begun nothing has come over: what the month before leaves is known at its end. That a month began
    after a cancelled subscription's last is recorded only when something happens in it; `now` says it until then.
    """
    own = account.month(month)
    before = account.month(month_before(month))
    if before and own is None and not _ended_with(account, before, now):
        before = None
    granted = own.allowance_seconds if own else 0
    rollover = before.rollover_seconds if before else 0
    used = (own.allowance_drawn if own else 0) + (before.rollover_drawn if before else 0)
    return {
        "granted_seconds": granted,
        "rollover_seconds": rollover,
        "used_seconds": used,
        "left_seconds": granted + rollover - used,
    }


def _ended_with(account: Account, month: MonthRow, now: datetime | None) -> bool:
    """Whether the subscription was cancelled as of a month's end, and that has passed."""
    last_months = {span.last_month for span in account.subscription.spans}
    return month.month in last_months and now is not None and month.ends_at <= now


def _in_order(posted: tuple[WorkRow, Posting]) -> tuple[Any, ...]:
    """The order that entries are rated in (B7)."""
    row, posting = posted
    return (posting.rating_at, row.started_at, row.entry_id)


def _entry(row: WorkRow, posting: Posting) -> Json:
    return {
        "entry_id": row.entry_id,
        "ticket_id": posting.ticket_id,
        "case_number": posting.case_number,
        "agent": row.agent,
        "started_at": row.started_at,
        "duration_seconds": posting.duration_seconds,
        "billed_seconds": posting.billed_seconds,
        "class": posting.work_class,
        "draws": [draw_shape(draw) for draw in posting.draws],
        "positions": together(posting.positions, *(draw.positions for draw in posting.draws)),
    }


def draw_shape(draw: DrawnFrom) -> Json:
    """A `draw` of the HTTP contract."""
    return without_nulls(msgspec.structs.asdict(draw))


def credit_shape(row: WorkRow, credit: GivenBack) -> Json:
    """A credit of an entry."""
    return {"entry_id": row.entry_id, **without_nulls(msgspec.structs.asdict(credit))}


def _purchase(row: PackRow) -> Json:
    return without_nulls(
        {
            "pack_id": row.pack_id,
            "hours": row.hours,
            "seconds": row.seconds,
            "price_cents": row.price_cents,
            "effective_at": row.effective_at,
            "expires_at": row.expires_at,
            "positions": (row.position,),
        }
    )


def _cents(draws: Iterable[DrawnFrom], source: str) -> int:
    return sum(draw.amount_cents for draw in draws if draw.source == source)


def _seconds(draws: Iterable[DrawnFrom], source: str) -> int:
    return sum(draw.seconds for draw in draws if draw.source == source)
