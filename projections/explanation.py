"""Why is this work entry billed so? One line of a statement, from the facts behind it to each draw and credit.

It is told from the events of the subscription and of the cases that the entry stood on, up to the close of the period
where that is closed: a closed month is explained by what was known when it was closed (SUPPORT_POLICY B8).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from domain.plan import Terms
from domain.rating.months import month_before, month_of
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    MonthStarted,
    PeriodClosed,
    SubscriptionStarted,
    WorkRated,
    WorkRevised,
)
from projections.account import Account, account_of
from projections.explanation_facts import facts_of
from projections.reading import Json, without_nulls
from projections.statement import credit_shape, draw_shape
from projections.statement_positions import together
from projections.subscription import PackRow
from projections.wording import spoken
from projections.work_entry import DrawnFrom, GivenBack, Posting, WorkRow


def tickets_of(records: Iterable[RecordedEvent], entry_id: str) -> list[str]:
    """Return the streams of the cases that an entry stood on, in that order, from its subscription's events."""
    return list(
        dict.fromkeys(
            f"ticket-{record.event.ticket_id}"
            for record in records
            if isinstance(record.event, WorkRated | WorkRevised) and record.event.entry_id == entry_id
        )
    )


def explanation(
    records: Sequence[RecordedEvent], cases: Iterable[RecordedEvent], period: str, entry_id: str
) -> Json | None:
    """Explain what a statement shows of an entry in a month; `None` where nothing of it is posted there.

    `records` are the subscription's events, `cases` those of the streams that `tickets_of` names, each in its order.
    """
    closed = next(
        (each.position for each in records if isinstance(each.event, PeriodClosed) and each.event.month == period), None
    )
    account = account_of(records)
    row = next((each for each in account.work if each.entry_id == entry_id), None) if account else None
    posting = row.posting(period) if row else None
    if account is None or row is None or posting is None:
        return None
    zone = account.subscription.zone
    terms = _terms_at(records, row.started_at) or account.subscription.terms
    known = [each for each in (*records, *cases) if closed is None or (each.position or 0) < closed]
    named = {position for draw in posting.draws for position in draw.positions}
    told: Json = {
        "customer_id": row.customer_id,
        "period": period,
        "state": "open" if closed is None else "closed",
        "entry_id": entry_id,
        "ticket_id": posting.ticket_id,
        "case_number": posting.case_number,
        "agent": row.agent,
        "started_at": row.started_at,
        "facts": facts_of(sorted(known, key=lambda each: each.position or 0), entry_id, named),
        "billed": _billed(posting, terms),
        "class": posting.work_class,
        "settlement": _settlement(row, posting),
        "rating": _rating(row, posting, zone) if posting.draws else None,
        "grants": grants_before(account, row, posting) if posting.draws else [],
        "draws": [{**draw_shape(draw), "rule": rule, "says": says} for draw, rule, says in _drawn(posting)],
        "credits": [{**credit_shape(row, each), "rule": "B8", "says": _given_back(each)} for each in posting.credits],
        "as_of_position": account.position,
    }
    return without_nulls(told)


def grants_before(account: Account, row: WorkRow, posting: Posting) -> list[Json]:
    """What each grant that covers the entry had left when its turn came, in the order in which they are drawn (B5, B6).

    Drawing each until the entry's need is met gives its draws. None for work that draws on no grant.
    """
    before = [
        earlier
        for other in account.work
        for earlier in other.postings
        if (earlier.rating_at, other.started_at, other.entry_id) < (posting.rating_at, row.started_at, row.entry_id)
    ]
    draws = [draw for each in before for draw in each.draws]
    covering: list[Json] = []
    if posting.work_class == "included":
        covering += _of_months(account, posting, draws)
    if posting.work_class in {"included", "billable"}:
        settled = [each for other in account.work for each in other.postings if each.month <= posting.month]
        restored = [credit for each in settled for credit in each.credits if credit.restored]
        for pack in sorted(account.packs, key=_precedence):
            if pack.effective_at <= posting.rating_at and (
                pack.expires_at is None or posting.rating_at < pack.expires_at
            ):
                drawn = sum(draw.seconds for draw in draws if draw.pack_id == pack.pack_id)
                back = sum(credit.seconds for credit in restored if credit.pack_id == pack.pack_id)
                covering.append(
                    without_nulls(
                        {
                            "source": "pack",
                            "pack_id": pack.pack_id,
                            "left_seconds": pack.seconds - drawn + back,
                            "expires_at": pack.expires_at,
                            "positions": (pack.position,),
                        }
                    )
                )
    return covering


def _of_months(account: Account, posting: Posting, draws: Sequence[DrawnFrom]) -> list[Json]:
    own, former = account.month(posting.month), account.month(month_before(posting.month))
    found: list[Json] = []
    if own is None:
        return found
    if former is not None and former.rollover_seconds:
        drawn = sum(each.seconds for each in draws if (each.source, each.month) == ("rollover", former.month))
        found.append(
            {
                "source": "rollover",
                "month": former.month,
                "left_seconds": former.rollover_seconds - drawn,
                "expires_at": own.ends_at,
                "positions": former.positions,
            }
        )
    if own.allowance_seconds and own.granted_at <= posting.rating_at:
        drawn = sum(each.seconds for each in draws if (each.source, each.month) == ("allowance", own.month))
        found.append(
            {
                "source": "allowance",
                "month": own.month,
                "left_seconds": own.allowance_seconds - drawn,
                "expires_at": own.ends_at,
                "positions": own.positions,
            }
        )
    return found


def _precedence(pack: PackRow) -> tuple[Any, ...]:
    """Soonest expiry first, none last, then `effective_at`, then the id by bytes (B5)."""
    return (pack.expires_at is None, pack.expires_at or pack.effective_at, pack.effective_at, pack.pack_id)


def _terms_at(records: Iterable[RecordedEvent], at: datetime) -> Terms | None:
    """The terms of the month that has an instant (B2)."""
    agreed: dict[datetime, Terms] = {}
    terms: Terms | None = None
    found: Terms | None = None
    for record in records:
        event = record.event
        if isinstance(event, SubscriptionStarted):
            agreed[event.starts_at] = event.terms
        elif isinstance(event, MonthStarted):
            terms = event.terms or agreed.get(event.starts_at, terms)
            if event.starts_at <= at:
                found = terms
    return found


def _billed(posting: Posting, terms: Terms) -> Json:
    worked, billed = spoken(posting.duration_seconds), spoken(posting.billed_seconds)
    increment, least = terms.billing_increment_seconds, terms.minimum_charge_seconds
    if not posting.billed_seconds:
        says = "a void entry is not billed"
    else:
        says = f"{worked}, rounded up to the next {spoken(increment)}"
        says += f", but {spoken(least)} at least: {billed}" if least else f": {billed}"
    return {
        "rule": "B3",
        "duration_seconds": posting.duration_seconds,
        "billing_increment_seconds": increment,
        "minimum_charge_seconds": least,
        "billed_seconds": posting.billed_seconds,
        "says": says,
    }


def _rating(row: WorkRow, posting: Posting, zone: str) -> Json:
    if posting.rating_at == row.started_at:
        says = "it is rated as of when the work began, in the order of all work"
    else:
        own = month_of(row.started_at, zone)
        says = f"{own} was closed: it is rated as of the start of {posting.month}, then the earliest open month"
    return {"rule": "B7", "rating_at": posting.rating_at, "says": says}


def _settlement(row: WorkRow, posting: Posting) -> Json | None:
    """How the billed time compares with what stands of the entry in closed months; none where nothing does (B8)."""
    former = [each for each in row.postings if each.month < posting.month]
    drawn = sum(draw.seconds for each in former for draw in each.draws if draw.source != "hold")
    frozen = drawn - sum(credit.seconds for each in former for credit in each.credits)
    if not frozen:
        return None
    was, billed, stands = former[-1].work_class, posting.billed_seconds, spoken(frozen)
    if posting.work_class != was:
        says = (
            f"it was {was}, and is {posting.work_class} now: all of the {stands} that closed months drew is given back"
        )
        anew = "held until the cause is ruled on" if posting.work_class == "pending" else "rated anew"
        says += f", and {spoken(billed)} {anew}" if billed else ""
    elif billed < frozen:
        says = (
            f"closed months drew {stands}, and {spoken(billed)} is billed now: {spoken(frozen - billed)} is given back"
        )
        says += ", last draw first"
    elif billed > frozen:
        says = (
            f"closed months drew {stands}, and {spoken(billed)} is billed now: {spoken(billed - frozen)} is rated anew"
        )
    else:
        says = f"closed months drew {stands}, which is what is billed now: nothing is left to settle"
    return {
        "rule": "B8",
        "frozen_seconds": frozen,
        "frozen_class": was,
        "billed_seconds": billed,
        "says": says,
        "positions": together(*(each.positions for each in former)),
    }


def _drawn(posting: Posting) -> Iterable[tuple[DrawnFrom, str, str]]:
    for draw in posting.draws:
        time = spoken(draw.seconds)
        match draw.source:
            case "rollover":
                yield draw, "B5, B6", f"{time} of what {draw.month} left over, which included work draws first"
            case "allowance":
                yield draw, "B5", f"{time} of the allowance of {draw.month}"
            case "pack":
                first = " " if posting.work_class == "billable" else ", after rollover and allowance, "
                yield draw, "B5", f"{time} of pack {draw.pack_id}{first}as the pack that expires soonest"
            case "on_demand":
                yield draw, "B5, B9", f"{time} that no grant covers, on demand"
            case "emergency":
                yield draw, "B5, B9", f"{time} of an emergency out of scope, never from allowance or packs"
            case "hold":
                yield draw, "B5", f"{time} held until the cause is ruled on; not owed"
            case "waived":
                yield draw, "B4", f"{time} waived by decision"


def _given_back(credit: GivenBack) -> str:
    time = f"{spoken(credit.seconds)} that {credit.posted_month} drew"
    match credit.source:
        case "rollover" | "allowance":
            return f"{time} from {credit.source}; that of a closed month is not restored"
        case "pack" if credit.restored:
            return f"{time} from pack {credit.pack_id}, to which they go back"
        case "pack":
            return f"{time} from pack {credit.pack_id}, which has expired: given back in money"
        case _:
            as_what = {"on_demand": "on demand", "emergency": "as an emergency"}.get(
                credit.source, f"as {credit.source}"
            )
            return f"{spoken(credit.seconds)} billed {as_what} in {credit.posted_month}, given back"
