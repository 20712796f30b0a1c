"""Imports of small files into a real desk."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from commands.dispatch import Dispatcher, Request
from commands.handlers.catalogue import HANDLERS
from infra.clock import SystemClock
from infra.csv_import.errors import AlreadyRunning, MappingChanged, UnreadableFile
from infra.csv_import.mapping import Mapping
from infra.csv_import.mapping_file import parse_mapping
from infra.csv_import.run import Report, run_import
from infra.postgres.pool import ConnectionPool, DatabaseUnavailable, connect
from tests.e2e.imported_desk import application, import_into
from tests.infra.csv_import.event_logs import SHOP, shop, written

CASE = [
    "A,Wait,2012-10-08 10:00:00,Ann,Acme",
    "A,Work,2012-10-09 11:00:00,Bob,Acme",
    "A,Done,2012-10-09 12:00:00,Bob,Acme",
    "A,Over,2012-10-10 12:00:00,Bob,Acme",
]
CASE_EVENTS = [
    "CustomerRegistered",
    "SubscriptionStarted",
    "MonthStarted",
    "TicketOpened",
    "WaitingStarted",
    "ServiceLevelBreached",
    "TicketAssigned",
    "WorkLogged",
    "WorkRated",
    "TicketResolved",
    "TicketClosed",
]


class Desk:
    """A desk in Rome to import small files into."""

    def __init__(self, dsn: str, schema: str, folder: Path) -> None:
        self.dsn = dsn
        self.schema = schema
        self.folder = folder

    def take(self, lines: list[str], mapping: Mapping | None = None, **options: Any) -> Report:
        """Import a file of these lines."""
        return import_into(self.dsn, self.schema, written(self.folder, lines), mapping or shop(), **options)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def events(self, *fields: str) -> list[Any]:
        """The imported events in the order of the log: their names, or with fields of theirs."""
        found = self.rows(
            "SELECT type, data::text FROM events WHERE metadata ->> 'imported' IS NOT NULL ORDER BY position"
        )
        names = [(tag.removesuffix(".v1"), msgspec.json.decode(data)) for tag, data in found]
        return [(name, *(data.get(field) for field in fields)) if fields else name for name, data in names]

    def state(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT name, state, rows_done, last_line FROM imports")


@pytest.fixture
def desk(database: str, schema: str, tmp_path: Path) -> Desk:
    return Desk(database, schema, tmp_path)


def lines_of(report: Report) -> list[int]:
    return [failure.line for failure in report.failures]


def test_a_case_lives_its_life_at_the_times_of_its_rows(desk: Desk) -> None:
    report = desk.take(CASE)
    assert (report.rows, report.imported, report.done_before, report.failures) == (4, 4, 0, [])
    assert (report.cases, report.customers, report.remarks) == (1, 1, [])
    assert desk.events() == CASE_EVENTS
    assert [at for _, at in desk.events("occurred_at")] == [
        *["2012-10-08T08:00:00Z"] * 5,
        "2012-10-09T08:00:01Z",  # nine business hours after 10:00 in Rome are over on the next day at 10:00
        *["2012-10-09T09:00:00Z"] * 3,
        "2012-10-09T10:00:00Z",
        "2012-10-10T10:00:00Z",
    ]


def test_work_ends_at_the_instant_of_its_row_and_the_subscription_begins_with_the_month(desk: Desk) -> None:
    desk.take(CASE)
    assert ("WorkLogged", "2012-10-09T08:45:00Z", 900) in desk.events("started_at", "duration_seconds")
    assert ("SubscriptionStarted", "2012-09-30T22:00:00Z") in desk.events("starts_at")


def test_months_begin_between_the_rows_in_their_turn(desk: Desk) -> None:
    desk.take(
        [
            "A,Wait,2012-10-31 10:00:00,Ann,Acme",
            "B,Wait,2012-10-31 10:00:00,Ann,Best",
            "A,Nothing,2012-12-03 10:00:00,Ann,Acme",
        ]
    )
    months = [
        (event[1], event[2], event[3]) for event in desk.events("month", "occurred_at", "customer_id") if event[1]
    ]
    assert months == [
        ("2012-10", "2012-10-31T09:00:00Z", "acme"),
        ("2012-10", "2012-10-31T09:00:00Z", "best"),
        ("2012-11", "2012-10-31T23:00:00Z", "acme"),
        ("2012-11", "2012-10-31T23:00:00Z", "best"),
        ("2012-12", "2012-11-30T23:00:00Z", "acme"),
        ("2012-12", "2012-11-30T23:00:00Z", "best"),
    ]


def test_a_month_begins_at_its_instant_and_a_deadline_is_missed_only_after_it(desk: Desk) -> None:
    desk.take(
        [
            "A,Wait,2012-10-30 11:30:00,Ann,Acme",  # first response due on Wednesday 31 October at 11:30
            "B,Nothing,2012-10-31 11:30:00,Ann,Acme",
        ]
    )
    assert "ServiceLevelBreached" not in desk.events()
    desk.take(
        [
            "A,Wait,2012-10-30 11:30:00,Ann,Acme",
            "B,Nothing,2012-10-31 11:30:00,Ann,Acme",
            "B,Nothing,2012-10-31 11:30:01,Ann,Acme",
            "B,Nothing,2012-11-01 00:00:00,Ann,Acme",
        ]
    )
    assert desk.events("occurred_at")[-3:] == [
        ("ServiceLevelBreached", "2012-10-31T10:30:01Z"),
        ("GrantExpired", "2012-10-31T23:00:00Z"),
        ("MonthStarted", "2012-10-31T23:00:00Z"),
    ]


def test_each_event_names_the_import_its_customer_and_its_row(desk: Desk) -> None:
    desk.take(CASE)
    metadata = [
        msgspec.json.decode(text)
        for (text,) in desk.rows("SELECT metadata::text FROM events WHERE stream_id <> 'desk' ORDER BY position")
    ]
    imported = [each for each in metadata if "imported" in each]
    assert {(each["imported"], each["customer_id"]) for each in imported} == {("shop.v1", "acme")}
    # a row is one command, and what fell due is the timekeeper's
    assert len({each["command_id"] for each in imported}) == 5
    assert [each["actor"] for each in imported].count("timekeeper") == 1


def test_a_second_run_adds_nothing_and_says_so(desk: Desk) -> None:
    desk.take(CASE)
    before = (desk.rows("SELECT position FROM log_head"), desk.rows("SELECT i::text FROM imports i"))
    report = desk.take(CASE)
    assert (report.imported, report.done_before, report.cases, report.customers) == (0, 4, 1, 1)
    assert (desk.rows("SELECT position FROM log_head"), desk.rows("SELECT i::text FROM imports i")) == before


def test_rows_added_to_the_file_are_imported_by_the_next_run(desk: Desk) -> None:
    desk.take(CASE[:2])
    report = desk.take(CASE)
    assert (report.imported, report.done_before) == (2, 2)
    assert desk.events() == CASE_EVENTS


def test_a_row_that_cannot_be_mapped_is_reported_and_the_others_go_on(desk: Desk) -> None:
    report = desk.take(
        [
            "A,Wait,2012-10-08 10:00:00,Ann,Acme",
            "A,Lunch,2012-10-08 10:01:00,Ann,Acme",
            "A,Work,not a time,Bob,Acme",
            "A,Work,2012-10-08 10:02:00,,Acme",
            f"A,Work,2012-10-08 10:03:00,{'x' * 129},Acme",
            "A,Work,2012-10-08 10:04:00,Bob",
            "B,Wait,2012-10-08 10:05:00,Ann,ACME",
            "A,Work,2012-10-08 11:00:00,Bob,Acme",
        ]
    )
    assert [(failure.line, failure.reason.split(";")[0]) for failure in report.failures] == [
        (3, "activity 'Lunch' is not in the mapping"),
        (4, "time 'not a time' is not of the form '%Y-%m-%d %H:%M:%S', or no such time exists"),
        (5, "agent is empty"),
        (6, "assign-ticket: /agent must have 1 to 128 characters"),
        (7, "has 4 columns, not the 5 of the header"),
        (8, "customer 'ACME' would get the id 'acme', which 'Acme' has"),
    ]
    assert (report.rows, report.imported) == (8, 2)
    assert desk.events() == [*CASE_EVENTS[:5], "TicketAssigned", "WorkLogged", "WorkRated"]


def test_a_row_that_a_rule_refuses_leaves_nothing_of_itself(desk: Desk) -> None:
    # In the first quarter of an hour of the first month, work would have begun before the subscription did.
    report = desk.take(["A,Work,2012-10-01 00:10:00,Bob,Acme", "A,Wait,2012-10-01 00:20:00,Bob,Acme"])
    assert [(each.line, each.reason) for each in report.failures] == [
        (2, "log-work: the subscription starts at 2012-09-30T22:00:00+00:00 (no_subscription)")
    ]
    assert desk.events() == CASE_EVENTS[:5]
    assert (report.imported, report.cases) == (1, 1)


def test_a_row_refused_once_is_not_tried_again_when_the_case_has_moved_on(desk: Desk) -> None:
    rows = [CASE[0], "A,Over,2012-10-08 10:30:00,Ann,Acme", CASE[2]]
    first = desk.take(rows)
    assert [(each.line, each.reason) for each in first.failures] == [
        (3, "close-ticket: only a resolved ticket can be closed (ticket_not_resolved)")
    ]
    head = desk.rows("SELECT position FROM log_head")
    assert desk.take(rows).failures == first.failures
    assert desk.rows("SELECT position FROM log_head") == head


def test_a_refused_row_that_was_repaired_is_imported_by_the_next_run(desk: Desk) -> None:
    desk.take([CASE[0], "A,Over,2012-10-08 10:30:00,Ann,Acme", CASE[2]])
    report = desk.take([CASE[0], "A,Work,2012-10-08 10:30:00,Ann,Acme", CASE[2]])
    assert (report.imported, report.done_before, report.failures) == (1, 2, [])
    assert "WorkLogged" in desk.events()


def test_the_first_row_of_a_case_repaired_later_opens_no_second_case(desk: Desk) -> None:
    broken = ["A,Wait,yesterday,Ann,Acme", *CASE[1:]]
    desk.take(broken)
    report = desk.take(["A,Nothing,2012-10-08 10:00:00,Ann,Acme", *CASE[1:]])
    assert (report.imported, report.done_before, report.failures) == (1, 3, [])
    assert desk.events().count("TicketOpened") == 1
    assert desk.events().count("SubscriptionStarted") == 1


def test_a_row_that_says_something_else_than_when_it_was_imported_is_reported(desk: Desk) -> None:
    desk.take(CASE)
    head = desk.rows("SELECT position FROM log_head")
    report = desk.take([CASE[0].replace("Ann", "Bob"), *CASE[1:]])
    assert [(each.line, "idempotency_key_reused" in each.reason) for each in report.failures] == [(2, True)]
    assert desk.rows("SELECT position FROM log_head") == head


def test_the_first_customer_of_a_case_holds_and_others_are_told(desk: Desk) -> None:
    report = desk.take([CASE[0], CASE[1].replace("Acme", "Best"), *CASE[2:]])
    assert report.failures == []
    assert report.remarks == ["cases that name more than one customer, where the first holds: 1 (A)"]
    customers = {name: customer for name, customer in desk.events("customer_id") if name.startswith(("Ticket", "Work"))}
    assert set(customers.values()) == {"acme"}
    assert desk.rows("SELECT stream_id FROM events WHERE type = 'CustomerRegistered.v1' ORDER BY 1") == [
        ("customer-acme",),
        ("customer-best",),
    ]


def test_another_zone_than_the_desks_is_remarked(desk: Desk) -> None:
    report = desk.take(CASE, parse_mapping(SHOP.replace("Europe/Rome", "UTC")))
    assert report.remarks == ["the desk counts days and months in Europe/Rome; the file's times are of UTC"]


def test_an_import_that_is_interrupted_says_so_and_the_next_run_ends_it(desk: Desk) -> None:
    def interrupt(doing: str, done: int, _total: int) -> None:
        if doing == "importing" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.take(CASE, progress=interrupt)
    assert [row[:2] for row in desk.state()] == [("shop.v1", "interrupted")]
    assert desk.events() == CASE_EVENTS[:9]
    report = desk.take(CASE)
    assert (report.imported, report.done_before) == (2, 2)
    assert [row[:3] for row in desk.state()] == [("shop.v1", "ended", 4)]
    assert desk.events() == CASE_EVENTS


def test_while_it_runs_an_import_is_not_ended(desk: Desk) -> None:
    seen = []
    desk.take(CASE, progress=lambda doing, _done, _total: seen.append(desk.state()) if doing == "importing" else None)
    assert [[row[1] for row in state] for state in seen] == [["running"]] * 4


def test_a_file_that_cannot_be_used_leaves_no_trace(desk: Desk) -> None:
    path = desk.folder / "empty.csv"
    path.write_bytes(b"")
    with pytest.raises(UnreadableFile):
        import_into(desk.dsn, desk.schema, path, shop())
    assert desk.state() == []


def test_a_mapping_that_changed_under_its_version_is_refused(desk: Desk) -> None:
    desk.take(CASE)
    with pytest.raises(MappingChanged, match="shop version 1"):
        desk.take(CASE, parse_mapping(SHOP + "\n"))


def test_a_new_version_of_a_mapping_imports_anew(desk: Desk) -> None:
    desk.take(CASE)
    report = desk.take(CASE, parse_mapping(SHOP.replace("version = 1", "version = 2")))
    assert (report.imported, report.done_before) == (4, 0)
    assert [name for name, *_ in desk.state()] == ["shop.v1", "shop.v2"]


def test_two_processes_cannot_run_the_same_import(desk: Desk) -> None:
    def meanwhile(doing: str, _done: int, _total: int) -> None:
        if doing == "importing":
            with pytest.raises(AlreadyRunning):
                desk.take(CASE)

    desk.take(CASE, progress=meanwhile)


def test_the_lock_is_free_again_after_an_import_whose_connections_stay_open(desk: Desk) -> None:
    path = written(desk.folder, CASE)
    with application(desk.dsn, desk.schema) as opened, closing(ConnectionPool(desk.dsn, desk.schema, 1)) as pool:
        run_import(path, shop(), application=opened, pool=pool, clock=SystemClock())
        assert desk.take(CASE).done_before == 4


def test_an_import_that_loses_its_database_stops_and_the_next_run_ends_it(desk: Desk) -> None:
    def cut(doing: str, done: int, _total: int) -> None:
        if doing == "importing" and done == 2:
            desk.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND (classid::bigint << 32) + objid::bigint"
                " = hashtextextended(current_schema() || ' import shop.v1', 0)"
            )

    with pytest.raises(DatabaseUnavailable, match="run the same command again"):
        desk.take(CASE, progress=cut)
    assert [row[1] for row in desk.state()] == ["running"]
    report = desk.take(CASE)
    assert report.imported + report.done_before == 4
    assert desk.events() == CASE_EVENTS
    assert [row[1] for row in desk.state()] == ["ended"]


def test_somebody_who_writes_to_an_imported_subscription_meanwhile_disturbs_nothing(desk: Desk) -> None:
    def buy(doing: str, done: int, _total: int) -> None:
        if doing == "importing" and done == 1:
            with application(desk.dsn, desk.schema) as other:
                Dispatcher(other, SystemClock(), HANDLERS).execute(
                    Request(
                        command="buy-hours",
                        data={"customer_id": "acme", "hours": 5, "effective_from": None},
                        fingerprint="",
                        caller="test",
                        actor="test",
                        correlation_id="a test",
                        now=datetime(2012, 10, 8, 9, tzinfo=UTC),
                    )
                )

    report = desk.take(CASE, progress=buy)
    assert (report.imported, report.failures) == (4, [])
    assert desk.events() == CASE_EVENTS
    rated = "SELECT version FROM events WHERE type IN ('HourPackPurchased.v1', 'WorkRated.v1') ORDER BY position"
    assert desk.rows(rated) == [(3,), (4,)]
