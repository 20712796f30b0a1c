"""Why is a work entry billed so in a month? The facts, the rules, the draws and the credits, for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from projections.reading import Json
from projections.wording import spoken


def line_in_words(line: Json, currency: str, zone: ZoneInfo) -> Iterator[str]:
    """Tell what `projections.explanation.explanation` found, in lines; local times are the desk's."""

    def at(instant: datetime) -> str:
        return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}"

    yield f"{line['entry_id']}  work of {line['agent']} on {line['case_number']}, begun {at(line['started_at'])}"
    yield f"  in the statement of {line['customer_id']} for {line['period']}, which is {line['state']}"
    yield ""
    yield "what was recorded"
    for fact in line["facts"]:
        yield f"  {at(fact['occurred_at'])}  {fact['says']}{_events([fact['position']])}"
    yield ""
    yield "how it is rated"
    yield f"  {line['billed']['rule']:<8}{line['billed']['says']}"
    yield f"  {'B4':<8}its class is {line['class']}"
    if "settlement" in line:
        settled = line["settlement"]
        yield f"  {settled['rule']:<8}{settled['says']}{_events(settled['positions'])}"
    if "rating" in line:
        yield f"  {line['rating']['rule']:<8}{line['rating']['says']}: {at(line['rating']['rating_at'])}"
    else:
        yield f"  {'B7':<8}nothing of it is rated in {line['period']}"
    for grant in line["grants"]:
        left = f"{_grant(grant)} had {spoken(grant['left_seconds'])} left"
        until = f", until {at(grant['expires_at'])}" if "expires_at" in grant else ""
        yield f"  {'B5, B6':<8}{left}{until}{_events(grant['positions'])}"
    yield from _amounts("what it draws", line["draws"], currency)
    yield from _amounts("what is given back", line["credits"], currency)


def _grant(grant: Json) -> str:
    return f"pack {grant['pack_id']}" if grant["source"] == "pack" else f"the {grant['source']} of {grant['month']}"


def _amounts(title: str, amounts: Sequence[Json], currency: str) -> Iterator[str]:
    if not amounts:
        return
    yield ""
    yield title
    for each in amounts:
        yield f"  {each['rule']:<8}{each['says']}{_money(each, currency)}{_events(each['positions'])}"
    seconds = sum(each["seconds"] for each in amounts)
    cents = sum(each["amount_cents"] for each in amounts if each["source"] != "hold")
    yield f"  {'':<8}in all {spoken(seconds)}, {_decimal(cents)} {currency}"


def _money(each: Json, currency: str) -> str:
    """The amount and how it comes about (B9), where there is one; what is held is not owed."""
    if not each["amount_cents"]:
        return ""
    factor = f" x {each['multiplier']}" if each["multiplier"] != 1 else ""
    rate = f" at {_decimal(each['rate_cents_per_hour'])} an hour{factor}"
    held = ", if it is owed" if each["source"] == "hold" else ""
    return f": {_decimal(each['amount_cents'])} {currency}{rate}{held}"


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _events(positions: Sequence[int]) -> str:
    named = [str(position) for position in positions]
    return f"  event{'s' if len(named) > 1 else ''} {', '.join(named)}"
