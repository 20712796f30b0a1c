"""Which events does each figure of a statement follow from?

Whoever reads the events at a figure's positions, and no others, can work the figure out again; `left_seconds` and
`owed_cents` are sums of other figures, and name the events of all of them.
"""

from collections.abc import Iterable, Sequence

from domain.rating.months import month_before
from projections.account import Account
from projections.reading import Json
from projections.subscription import MonthRow, PackRow
from projections.work_entry import DrawnFrom, GivenBack, Posting, WorkRow

Positions = tuple[int, ...]


def together(*several: Iterable[int]) -> Positions:
    """Return all of some positions, each once, in order."""
    return tuple(sorted({position for positions in several for position in positions}))


def figure_positions(
    account: Account, period: str, posted: Sequence[tuple[WorkRow, Posting]], purchases: Iterable[PackRow]
) -> Json:
    """Return the positions behind the fee, the allowance and the totals of a month, by the names of the figures.

    `posted` is what is posted in the month, `purchases` are the packs bought in it.
    """
    postings = [posting for _, posting in posted]
    fee = began(account.month(period))
    packs = together(row.position for row in purchases)
    credits_ = together(*(_behind(each, each.credits) for each in postings if each.credits))
    on_demand, emergency, hold = (_drawn(postings, source) for source in ("on_demand", "emergency", "hold"))
    return {
        "fee_cents": fee,
        "allowance": _allowance(account, period, postings),
        "totals": {
            "worked_seconds": together(
                *(posting.positions for row, posting in posted if posting.draws and row.first_month == period)
            ),
            "billed_seconds": together(*(_behind(each, each.draws) for each in postings if each.draws)),
            "on_demand_seconds": on_demand,
            "on_demand_cents": on_demand,
            "emergency_seconds": emergency,
            "emergency_cents": emergency,
            "packs_cents": packs,
            "credits_cents": credits_,
            "hold_cents": hold,
            "owed_cents": together(fee, packs, on_demand, emergency, credits_),
        },
    }


def _allowance(account: Account, period: str, postings: Sequence[Posting]) -> Json:
    """What came over follows from what the month before granted and from what was drawn of that in it (B6)."""
    before = month_before(period)
    former = [posting for row in account.work if (posting := row.posting(before))]
    granted = began(account.month(period))
    came_over = together(began(account.month(before)), _drawn(former, "allowance"))
    used = _drawn(postings, "allowance", "rollover")
    return {
        "granted_seconds": granted,
        "rollover_seconds": came_over,
        "used_seconds": used,
        "left_seconds": together(granted, came_over, used),
    }


def began(month: MonthRow | None) -> Positions:
    """Return the events that began a month; what closed it came after them."""
    if month is None:
        return ()
    return month.positions if month.closed_at is None else month.positions[:-1]


def _drawn(postings: Iterable[Posting], *sources: str) -> Positions:
    found = ((each, [draw for draw in each.draws if draw.source in sources]) for each in postings)
    return together(*(_behind(posting, draws) for posting, draws in found if draws))


def _behind(posting: Posting, parts: Iterable[DrawnFrom | GivenBack]) -> Positions:
    """The events behind some draws or credits of a posting, with the last that told all of it.

    A draw that stays keeps the positions of when it came about. Without the last event an earlier one would seem to
    say that a draw beside it stands, which has been replaced since.
    """
    told = [*(draw.positions for draw in posting.draws), *(credit.positions for credit in posting.credits)]
    everything = together(posting.positions, *told)
    return together(*(each.positions for each in parts), everything[-1:])
