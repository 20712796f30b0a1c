"""What a desk must show after the import of a file like helpdesk.csv, counted from the rows by other means.

Nothing here is shared with what it checks: the rules are written down a second time, in their slowest form.
"""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")
QUIET = {"Resolve ticket", "Closed", "VERIFIED", "INVALID", "DUPLICATE", "RESOLVED"}
FIRST_RESPONSE_SECONDS = 9 * 3600
RESOLUTION_SECONDS = 18 * 3600
ALLOWANCE_SECONDS = 3600
FEE_CENTS = 15_000
CENTS_PER_HOUR = 15_000
WORK_SECONDS = 900

Span = tuple[datetime, datetime]


@dataclass
class CaseFigures:
    """One case. `running` are the spans in which it was neither resolved nor waiting for the customer."""

    customer: str
    received_at: datetime
    status: str = "open"
    reopenings: int = 0
    worked: list[datetime] = field(default_factory=list)
    first_resolved_at: datetime | None = None
    running: list[Span] = field(default_factory=list)
    running_since: datetime | None = None
    notes: int = 0

    def response_span(self, end: datetime) -> Span:
        """From receipt to the first response: here always the first resolution."""
        return self.received_at, self.first_resolved_at or end

    def resolution_spans(self, end: datetime) -> list[Span]:
        """The spans that count for `resolution`."""
        return self.running if self.running_since is None else [*self.running, (self.running_since, end)]


@dataclass
class Figures:
    """The whole file: cases by name, and the first month of each customer by name."""

    cases: dict[str, CaseFigures]
    first_months: dict[str, str]
    end: datetime

    def count(self, status: str) -> int:
        """How many cases have a status at the end; "open" counts those that wait too."""
        return sum(case.status == status for case in self.cases.values())

    @property
    def months(self) -> dict[str, list[str]]:
        """The months of each customer's subscription that began by the end of the file."""
        last = f"{self.end.astimezone(ROME):%Y-%m}"
        return {customer: months_between(first, last) for customer, first in self.first_months.items()}

    @property
    def entries(self) -> dict[tuple[str, str], int]:
        """How many quarters of an hour were worked, by customer and month of their start."""
        counted: Counter[tuple[str, str]] = Counter()
        for case in self.cases.values():
            for started_at in case.worked:
                counted[case.customer, f"{started_at.astimezone(ROME):%Y-%m}"] += 1
        return dict(counted)

    @property
    def on_demand(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Seconds and cents on demand by customer and month, where there are any."""
        found = {}
        for key, entries in self.entries.items():
            seconds = cents = 0
            left = ALLOWANCE_SECONDS
            for _ in range(entries):
                beyond = max(WORK_SECONDS - left, 0)
                left -= WORK_SECONDS - beyond
                seconds += beyond
                cents += int(Fraction(beyond * CENTS_PER_HOUR, 3600) + Fraction(1, 2))
            if seconds:
                found[key] = (seconds, cents)
        return found

    def breaches(self) -> dict[tuple[str, str], datetime]:
        """When each clock passed its target: by case and clock, up to the end of the file."""
        found = {}
        for name, case in self.cases.items():
            spans = {
                "first_response": ([case.response_span(self.end)], FIRST_RESPONSE_SECONDS),
                "resolution": (case.resolution_spans(self.end), RESOLUTION_SECONDS),
            }
            for clock, (counted, target) in spans.items():
                due_at = instant_of_target(counted, target)
                if due_at is not None:
                    found[name, clock] = due_at
        return found


def figures_of(path: Path) -> Figures:
    """Count a file, which must not have a broken row."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        rows = [(instant(row[3]), row[0], row[1], row[8]) for row in reader]
    rows.sort(key=lambda row: row[0])  # stable: rows of one instant stay in the order of the file
    cases: dict[str, CaseFigures] = {}
    first_months: dict[str, str] = {}
    for at, name, activity, customer in rows:
        first_months.setdefault(customer, f"{at.astimezone(ROME):%Y-%m}")
        if name not in cases:
            cases[name] = CaseFigures(customer, at, running_since=at)
        apply(cases[name], at, activity)
    return Figures(cases, first_months, rows[-1][0])


def apply(case: CaseFigures, at: datetime, activity: str) -> None:
    """Let one row happen to its case."""
    if case.status in {"resolved", "closed"} and activity not in QUIET:
        case.status = "open"
        case.reopenings += 1
        case.running_since = at
    if activity == "Take in charge ticket":
        case.worked.append(at - timedelta(seconds=WORK_SECONDS))
        case.status = "open"
        case.running_since = case.running_since or at
    elif activity == "Wait":
        case.status = "waiting"
        stop(case, at)
    elif activity == "Resolve ticket":
        case.status = "resolved"
        case.first_resolved_at = case.first_resolved_at or at
        stop(case, at)
    elif activity == "Closed":
        case.status = "closed"
    else:
        case.notes += 1


def stop(case: CaseFigures, at: datetime) -> None:
    """End the running span, if one runs."""
    if case.running_since is not None:
        case.running.append((case.running_since, at))
        case.running_since = None


def instant(text: str) -> datetime:
    """Return the instant of the file's local time."""
    local = datetime.strptime(text, "%Y/%m/%d %H:%M:%S.%f")  # noqa: DTZ007
    return local.replace(tzinfo=ROME).astimezone(UTC)


def months_between(first: str, last: str) -> list[str]:
    """Return the months from one to another, both included."""
    year, month = map(int, first.split("-"))
    months = []
    while (name := f"{year:04}-{month:02}") <= last:
        months.append(name)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return months


def business_spans(span: Span) -> list[Span]:
    """Return the parts of a span within Monday to Friday 08:30-17:30 in Rome, day by day."""
    start, end = span
    day = start.astimezone(ROME).date()
    found = []
    while day <= end.astimezone(ROME).date():
        if day.weekday() < 5:
            opening, closing = at_local(day, time(8, 30)), at_local(day, time(17, 30))
            if max(opening, start) < min(closing, end):
                found.append((max(opening, start), min(closing, end)))
        day += timedelta(days=1)
    return found


def at_local(day: date, at: time) -> datetime:
    """Return the instant of a local time in Rome."""
    return datetime.combine(day, at, ROME).astimezone(UTC)


def business_seconds(spans: list[Span]) -> int:
    """Return the seconds of spans that fall within business hours."""
    return sum(int((end - start).total_seconds()) for span in spans for start, end in business_spans(span))


def instant_of_target(spans: list[Span], target_seconds: int) -> datetime | None:
    """Return when the business seconds of spans have come to a target, if they go on after it."""
    left = target_seconds
    found = None
    for span in spans:
        for start, end in business_spans(span):
            seconds = int((end - start).total_seconds())
            if found is None and seconds >= left:
                found = start + timedelta(seconds=left)
            left -= seconds
        if found is not None and span[1] > found:  # open hours or not: it is late once the clock still runs after it
            return found
    return None


def by_customer(figures: Figures) -> dict[str, int]:
    """Return the worked seconds of each customer that had any."""
    worked: defaultdict[str, int] = defaultdict(int)
    for case in figures.cases.values():
        worked[case.customer] += WORK_SECONDS * len(case.worked)
    return {customer: seconds for customer, seconds in worked.items() if seconds}
