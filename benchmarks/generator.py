"""A log of any length, as the desk itself would have written it: templates by the real deciders, stamped out by COPY.

The shape is that of a support desk's log: five events a case in the mean, their number geometric, one case in 10,000
with 123; 400 customers, a tenth of them with half of the cases. The same seed gives the same cases. Afterwards the desk
works on the log as on any other: claims, case numbers and positions go on where it ends.
"""

import io
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import log
from uuid import UUID

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from benchmarks.case_templates import CUSTOMERS, EventTemplate, Templates
from infra.postgres.migrations import migrate
from infra.postgres.pool import connect

HEAVY_CUSTOMERS = 40
"""So many of the customers have half of the cases."""

MEAN_EVENTS = 5
LONG_CASE = 123
CASES_A_LONG_ONE = 10_000
LONGEST_SHORT_CASE = 30
"""A geometric number above this (1 in 800) counts as this."""

EVENTS_A_MONTH = 40_000
MOST_MONTHS = 60
"""A longer log is of a busier desk, not of an older one."""

OPEN_CASES = 500
"""How many of the open cases that were made last are named: those a desk works on."""

_CHUNK = 20_000
_ACTIVE = 200
"""Cases whose events are interleaved."""
_MINUTES = 30
_EVENT_COLUMNS = "position, stream_id, version, type, data, metadata, recorded_at"


class Generated(msgspec.Struct, frozen=True):
    """What was made: how many events and cases there are, the customers, and some cases that are open."""

    events: int
    cases: int
    customers: list[str]
    open_cases: list[str]


def generate(
    url: str,
    schema: str,
    events: int,
    *,
    seed: int,
    at: datetime,
    told: Callable[[int], None] = lambda _: None,
) -> Generated:
    """Make a desk in a new schema whose log has about so many events; `told` hears how many there are.

    They are spread over the months up to that of `at` (UTC): a month has one instant, and its cases the half hour after
    it. All work is on demand, for the customers' plan has no allowance.
    """
    migrate(url, schema)
    months = max(1, min(MOST_MONTHS, round(events / EVENTS_A_MONTH)))
    instants = [_months_before(at, number) for number in reversed(range(months))]
    chance = random.Random(seed)
    templates = Templates(url, schema, instants[0])
    stamp: _Stamp | None = None
    try:
        with closing(connect(url, schema)) as connection:
            for number, instant in enumerate(instants, 1):
                templates.begin(instant)
                cases = {length: templates.case(length) for length in (*range(1, LONGEST_SHORT_CASE + 1), LONG_CASE)}
                stamp = stamp or _Stamp(connection, templates.subscriptions, chance)
                stamp.run(cases, instant, events * number // months, told)
            assert stamp is not None
            return stamp.made()
    finally:
        templates.close()


def _months_before(at: datetime, months: int) -> datetime:
    """Return `at`, or the same time of a weekday in the middle of an earlier month."""
    if months == 0:
        return at
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = at.replace(year=year, month=month + 1, day=12)
    return day - timedelta(days=max(0, day.weekday() - 4))


class _Case:
    """A case under way: what is left of its template, and what its texts are filled with."""

    __slots__ = ("left", "minute", "values", "version")

    def __init__(self, template: Sequence[EventTemplate], minute: int, values: dict[str, str]) -> None:
        self.left = iter(template)
        self.minute = minute
        self.values = values
        self.version = 0


class _Stamp:
    """Writes cases from templates behind what is in the log."""

    def __init__(self, connection: Connection, subscriptions: Mapping[str, str], chance: random.Random) -> None:
        self._connection = connection
        self._subscriptions = subscriptions
        self._customers = list(subscriptions)
        self._random = chance
        self._at = datetime.min.replace(tzinfo=UTC)
        self._templates: Mapping[int, Sequence[EventTemplate]] = {}
        self._texts: dict[tuple[EventTemplate, int], str] = {}
        self._open: deque[str] = deque(maxlen=OPEN_CASES)
        self._cases = 0
        self._position = self._number = 0
        self._versions: dict[str, int] = {}

    def run(
        self, templates: Mapping[int, Sequence[EventTemplate]], at: datetime, events: int, told: Callable[[int], None]
    ) -> None:
        """Write a month's cases until the log has so many events, and those under way to their ends."""
        self._templates, self._at = templates, at
        self._texts.clear()
        self._read_ends()
        under_way: list[_Case] = []
        planned = self._position
        rows: list[str] = []
        claims: list[str] = []
        choose = self._random.random
        while True:
            while planned < events and len(under_way) < _ACTIVE:
                length = self._length()
                under_way.append(self._case(length, claims))
                planned += length
            if not under_way:
                break
            place = int(choose() * len(under_way))
            case = under_way[place]
            event = next(case.left, None)
            if event is None:
                under_way[place] = under_way[-1]
                under_way.pop()
                continue
            rows.append(self._row(case, event))
            if len(rows) >= _CHUNK:
                self._write(rows, claims)
                told(self._position)
        self._write(rows, claims)
        told(self._position)
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("SELECT setval('case_number', %s)", (self._number,))

    def made(self) -> Generated:
        """Return what was made, once the server knows its tables."""
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE events, claims")
        return Generated(self._position, self._cases, self._customers, list(self._open))

    def _read_ends(self) -> None:
        """Learn where the log and the customers' streams end, which others have written to."""
        streams = [f"subscription-{each}" for each in self._subscriptions.values()]
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("SELECT position, (SELECT last_value FROM case_number) FROM log_head")
            [(self._position, self._number)] = cursor.fetchall()
            cursor.execute(
                "SELECT s.id, (SELECT max(version) FROM events WHERE stream_id = s.id) FROM unnest(%s) AS s (id)",
                (streams,),
            )
            self._versions = dict(cursor.fetchall())

    def _length(self) -> int:
        if self._random.random() < 1 / CASES_A_LONG_ONE:
            return LONG_CASE
        tries = log(1 - self._random.random()) / log(1 - 1 / MEAN_EVENTS)
        return min(1 + int(tries), LONGEST_SHORT_CASE)

    def _case(self, length: int, claims: list[str]) -> _Case:
        chance = self._random
        heavy = chance.random() < 0.5
        customer = self._customers[
            chance.randrange(HEAVY_CUSTOMERS) if heavy else chance.randrange(HEAVY_CUSTOMERS, CUSTOMERS)
        ]
        self._number += 1
        values = {
            "ticket": self._id(),
            "number": f"C-{self._number:06d}",
            "customer": customer,
            "subscription": self._subscriptions[customer],
            "entry": self._id(),
        }
        self._cases += 1
        if length < 3:
            self._open.append(values["ticket"])
        stream = f"ticket-{values['ticket']}"
        claims.append(f"case_number\t{values['number']}\t{stream}")
        if length >= 5:
            claims.append(f"entry\t{values['entry']}\t{stream}")
        return _Case(self._templates[length], chance.randrange(_MINUTES), values)

    def _id(self) -> str:
        """Return an id of version 7: those made later sort later, as the desk's do."""
        made = int(self._at.timestamp() * 1000) + self._number // 1000
        return str(
            UUID(int=made << 80 | 0x7 << 76 | (self._number % 1000) << 66 | 0x2 << 62 | self._random.getrandbits(62))
        )

    def _row(self, case: _Case, event: EventTemplate) -> str:
        self._position += 1
        position, values = self._position, case.values
        values["event"] = f"00000000-0000-7000-8000-{position:012x}"
        values["command"] = f"00000000-0000-7001-8000-{position:012x}"
        if event.of_case:
            stream = f"ticket-{values['ticket']}"
            case.version += 1
            version = case.version
        else:
            stream = f"subscription-{values['subscription']}"
            version = self._versions[stream] = self._versions[stream] + 1
        text = self._texts.get((event, case.minute))
        if text is None:
            text = self._texts[event, case.minute] = event.later(case.minute)
        return f"{position}\t{stream}\t{version}\t{event.type}\t{text % values}\t{event.metadata % values}"

    def _write(self, rows: list[str], claims: list[str]) -> None:
        """Write rows and claims, which are empty afterwards, and move the head, in one transaction."""
        if not rows:
            return
        with self._connection, self._connection.cursor() as cursor:
            _copy(cursor, f"events ({_EVENT_COLUMNS})", [f"{row}\t{self._at.isoformat()}" for row in rows])
            _copy(cursor, "claims (kind, key, stream_id)", claims)
            cursor.execute("UPDATE log_head SET position = %s", (self._position,))
        rows.clear()
        claims.clear()


def _copy(cursor: Cursor, target: str, lines: Sequence[str]) -> None:
    cursor.copy_expert(
        f"COPY {target} FROM STDIN", io.BytesIO(("\n".join(lines) + "\n" if lines else "").encode()), 1 << 20
    )
