"""How does a month's bill come about? Each sum with its parts and the events behind it, for people."""

from collections.abc import Iterable, Iterator, Sequence

from projections.reading import Json
from projections.wording import spoken


def statement_in_words(shown: Json, figures: Json) -> Iterator[str]:
    """Tell what `projections.statement.statement` found, in lines; `figures` are its `figure_positions`."""
    totals, allowance, currency = shown["totals"], shown["allowance"], shown["currency"]
    behind = figures["totals"]
    yield f"{shown['customer_id']}  {shown['period']}, which is {shown['state']}; amounts in {currency}"
    yield ""
    yield "the allowance"
    for name, says in (("granted", "granted"), ("rollover", "came over"), ("used", "used"), ("left", "left")):
        seconds = allowance[f"{name}_seconds"]
        yield f"  {says:<12}{spoken(seconds):>14}{_events(figures['allowance'][f'{name}_seconds'])}"
    yield ""
    yield "what is owed"
    yield _sum("fee", shown["fee_cents"], figures["fee_cents"])
    yield _sum("packs", totals["packs_cents"], behind["packs_cents"])
    for each in shown["purchases"]:
        yield _part(f"{each['hours']} h, pack {each['pack_id']}", each["price_cents"], each["positions"])
    for source in ("on_demand", "emergency"):
        yield _sum(source.replace("_", " "), totals[f"{source}_cents"], behind[f"{source}_cents"])
        yield from _draws(shown["entries"], source)
    yield _sum("credits", -totals["credits_cents"], behind["credits_cents"])
    for each in shown["credits"]:
        if each["amount_cents"]:
            says = f"{spoken(each['seconds'])} of {each['entry_id']}, {each['source'].replace('_', ' ')}"
            yield _part(says, -each["amount_cents"], each["positions"])
    yield _sum("in all", totals["owed_cents"], ())
    if totals["hold_cents"]:
        yield ""
        yield "held until the cause is ruled on; not owed"
        yield _sum("hold", totals["hold_cents"], behind["hold_cents"])
        yield from _draws(shown["entries"], "hold")
    yield ""
    yield "the work"
    yield f"  {'worked':<12}{spoken(totals['worked_seconds']):>14}{_events(behind['worked_seconds'])}"
    yield f"  {'billed':<12}{spoken(totals['billed_seconds']):>14}{_events(behind['billed_seconds'])}"
    for entry in shown["entries"]:
        sources = ", ".join(f"{spoken(draw['seconds'])} {draw['source'].replace('_', ' ')}" for draw in entry["draws"])
        yield f"    {entry['case_number']}  {entry['entry_id']}  {sources}{_events(entry['positions'])}"


def _draws(entries: Iterable[Json], source: str) -> Iterator[str]:
    for entry in entries:
        for draw in entry["draws"]:
            if draw["source"] == source:
                says = f"{spoken(draw['seconds'])} of {entry['entry_id']} on {entry['case_number']}"
                yield _part(says, draw["amount_cents"], draw["positions"])


def _sum(says: str, cents: int, positions: Sequence[int]) -> str:
    return f"  {says:<12}{_decimal(cents):>14}{_events(positions)}"


def _part(says: str, cents: int, positions: Sequence[int]) -> str:
    return f"    {_decimal(cents):>12}  {says}{_events(positions)}"


def _decimal(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _events(positions: Sequence[int]) -> str:
    if not positions:
        return ""
    return f"  event{'s' if len(positions) > 1 else ''} {', '.join(str(position) for position in positions)}"
