"""Which figures does the SLA report have? Each table by one question of SQL, all of them of one snapshot.

Days are those of the desk's zone. What a case or clock is counted under (urgency, team) is what it is now.
"""

from datetime import date
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.reporting.snapshot import snapshot
from projections.reporting.catalogue import REPORTING_VIEWS

_VIEWS = [
    view for view in REPORTING_VIEWS if view.name in {"sla_clocks", "cases", "case_spans", "work_entries", "desk"}
]
URGENCIES = ("high", "normal", "low")
AGES = ("under 1 day", "1 to 3 days", "3 to 7 days", "7 to 14 days", "14 to 30 days", "over 30 days")
NO_TEAM = "(no team)"


class Attained(msgspec.Struct, frozen=True):
    """How many targets of a clock were met and missed on cases of an urgency."""

    clock: str
    urgency: str
    met: int
    breached: int

    @property
    def percent(self) -> float:
        """Return the part that was met, in percent."""
        return 100 * self.met / (self.met + self.breached)


class Day(msgspec.Struct, frozen=True):
    """What a day did to the backlog: cases received or reopened, cases ended, and those open at its end."""

    day: date
    opened: int
    ended: int
    backlog: int


class Age(msgspec.Struct, frozen=True):
    """How many cases of an urgency are of an age, by the time since their receipt."""

    age: str
    urgency: str
    cases: int


class Work(msgspec.Struct, frozen=True):
    """What an agent worked on, or what was worked on the cases of a team."""

    name: str
    seconds: int
    entries: int
    cases: int


class SlaFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the days from `first` to `last`, both included, as of `position`."""

    first: date
    last: date
    zone: str
    position: int
    attained: list[Attained]
    days: list[Day]
    ages: list[Age]
    agents: list[Work]
    teams: list[Work]


def sla_figures(dsn: str, schema: str, first: date, last: date) -> SlaFigures:
    """Count from `first` to `last`. Raises as `snapshot`."""
    with snapshot(dsn, schema, _VIEWS) as seen:
        connection = seen.connection
        zone = str(_rows(connection, "SELECT zone FROM desk", {})[0][0])
        period = {"first": first, "last": last, "zone": zone}
        begins, ends = _rows(connection, _PERIOD, period)[0]
        within: dict[str, Any] = {**period, "begins": begins, "ends": ends, "no_team": NO_TEAM}
        return SlaFigures(
            first=first,
            last=last,
            zone=zone,
            position=seen.position,
            attained=[Attained(*row) for row in _rows(connection, _ATTAINED, within)],
            days=[Day(*row) for row in _rows(connection, _DAYS, within)],
            ages=[Age(AGES[place - 1], urgency, cases) for place, urgency, cases in _rows(connection, _AGES, within)],
            agents=[Work(*row) for row in _rows(connection, _AGENTS, within)],
            teams=[Work(*row) for row in _rows(connection, _TEAMS, within)],
        )


def _rows(connection: Connection, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


_PERIOD = """
SELECT %(first)s::timestamp AT TIME ZONE %(zone)s, (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s"""

_ATTAINED = """
SELECT clock, urgency, count(*) FILTER (WHERE verdict = 'met'), count(*) FILTER (WHERE verdict = 'breached')
FROM sla_clocks WHERE judged_at >= %(begins)s AND judged_at < %(ends)s
GROUP BY clock, urgency
ORDER BY array_position(ARRAY['first_response', 'next_response', 'resolution', 'periodic_update'], clock),
    array_position(ARRAY['high', 'normal', 'low'], urgency)"""

_DAYS = """
WITH moves AS (
    SELECT (opened_at AT TIME ZONE %(zone)s)::date AS day, 1 AS opened, 0 AS ended FROM case_spans
    WHERE opened_at < %(ends)s
    UNION ALL
    SELECT (ended_at AT TIME ZONE %(zone)s)::date, 0, 1 FROM case_spans WHERE ended_at < %(ends)s
), by_day AS (
    SELECT greatest(day, %(first)s::date - 1) AS day, sum(opened) AS opened, sum(ended) AS ended FROM moves GROUP BY 1
), days AS (
    SELECT d::date AS day FROM generate_series(%(first)s::date - 1, %(last)s::date, '1 day') d
)
SELECT day, opened, ended, backlog FROM (
    SELECT d.day, coalesce(b.opened, 0)::bigint AS opened, coalesce(b.ended, 0)::bigint AS ended,
        (sum(coalesce(b.opened, 0) - coalesce(b.ended, 0)) OVER (ORDER BY d.day))::bigint AS backlog
    FROM days d LEFT JOIN by_day b ON b.day = d.day
) x WHERE day >= %(first)s ORDER BY day"""

_AGES = """
SELECT width_bucket(extract(epoch FROM %(ends)s - c.received_at) / 86400, ARRAY[1, 3, 7, 14, 30]) + 1 AS age,
    c.urgency, count(*)
FROM case_spans s JOIN cases c ON c.ticket_id = s.ticket_id
WHERE s.opened_at < %(ends)s AND (s.ended_at IS NULL OR s.ended_at >= %(ends)s)
GROUP BY 1, 2 ORDER BY 1, array_position(ARRAY['high', 'normal', 'low'], c.urgency)"""

_WORKED = "w.started_at >= %(begins)s AND w.started_at < %(ends)s AND NOT w.voided"

_AGENTS = f"""
SELECT w.agent, sum(w.duration_seconds)::bigint, count(*), count(DISTINCT w.ticket_id)
FROM work_entries w WHERE {_WORKED} GROUP BY w.agent ORDER BY 2 DESC, 1"""

_TEAMS = f"""
SELECT coalesce(c.team, %(no_team)s), sum(w.duration_seconds)::bigint, count(*), count(DISTINCT w.ticket_id)
FROM work_entries w LEFT JOIN cases c ON c.ticket_id = w.ticket_id WHERE {_WORKED} GROUP BY 1 ORDER BY 2 DESC, 1"""
