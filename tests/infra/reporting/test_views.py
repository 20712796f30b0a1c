"""What reporting jobs read by SQL is what the API answers, and holds nothing that people wrote."""

import threading
from contextlib import closing
from typing import Any

import msgspec
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.projection.rebuild import Phase, rebuild
from infra.reporting.views import follow_switch, install_views
from projections import ticket
from projections.catalogue import VIEWS
from projections.reporting.catalogue import CHANGES, REPORTING_VIEWS, VERSION
from projections.reporting.view import Column, ReportingView, fingerprint
from tests.infra.reporting.conftest import SECRET, ReportingDesk

CASES = range(1, 7)


def test_statements_are_those_of_the_api_for_every_customer_and_month(desk: ReportingDesk) -> None:
    rows = desk.rows("SELECT * FROM statements ORDER BY customer_id, period")
    assert [(row["customer_id"], row["period"]) for row in rows] == [
        ("alpine", "2037-10"),
        ("alpine", "2037-11"),
        ("alpine", "2037-12"),
        ("beach", "2037-11"),
        ("beach", "2037-12"),
    ]
    for row in rows:
        told = desk.users.statement(row["period"], customer_id=row["customer_id"]).body
        assert {name: row[name] for name in told["totals"]} == told["totals"]
        assert (row["fee_cents"], row["state"], row["currency"]) == (told["fee_cents"], told["state"], told["currency"])
        assert {
            "granted_seconds": row["allowance_granted_seconds"],
            "rollover_seconds": row["rollover_seconds"],
            "used_seconds": row["allowance_used_seconds"],
            "left_seconds": row["allowance_granted_seconds"] + row["rollover_seconds"] - row["allowance_used_seconds"],
        } == told["allowance"]
    assert rows[2]["credits_cents"] == 150_00
    assert rows[1]["emergency_cents"] == 300_00


def test_what_is_owed_is_what_the_ledger_posts_to_receivable(desk: ReportingDesk) -> None:
    owed = desk.rows("SELECT customer_id, period, owed_cents AS cents FROM statements ORDER BY 1, 2")
    posted = desk.rows(
        "SELECT customer_id, period, sum(amount)::bigint AS cents FROM ledger_lines"
        " WHERE account = 'receivable' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert owed == posted
    assert sum(row["cents"] for row in posted) == sum(
        row["amount"] for row in desk.rows("SELECT amount FROM ledger_balances WHERE account = 'receivable'")
    )


def test_clocks_have_the_verdicts_of_the_api(desk: ReportingDesk) -> None:
    fields = ("clock", "instance", "started_at", "ended_at", "target_seconds", "calendar", "verdict", "breached_at")
    seen = set()
    for number in CASES:
        case = f"C-{number:06}"
        told = [
            tuple(each.get(name) for name in fields) for each in desk.users.asks(f"/v1/tickets/{case}/sla")["clocks"]
        ]
        rows = desk.rows("SELECT * FROM sla_clocks WHERE case_number = %s", case)
        assert sorted(map(str, told)) == sorted(str(tuple(_told(row[name]) for name in fields)) for row in rows)
        seen |= {(row["clock"], row["verdict"]) for row in rows}
    assert {
        ("first_response", "met"),
        ("first_response", "breached"),
        ("first_response", None),
        ("resolution", "breached"),
        ("resolution", None),
        ("periodic_update", "breached"),
    } <= seen


def _told(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S}Z" if hasattr(value, "hour") else value


def test_cases_and_the_queue_are_those_of_the_api(desk: ReportingDesk) -> None:
    rows = {row["case_number"]: row for row in desk.rows("SELECT * FROM cases")}
    assert len(rows) == len(CASES)
    for case, row in rows.items():
        told = desk.users.ticket(case)
        for name in ("customer_id", "category", "urgency", "status", "assignee", "team", "worked_seconds", "version"):
            assert row[name] == told.get(name), name
        assert row["emergency_state"] == told.get("emergency", {}).get("state")
        assert row["work_class"] == told["class"]
    queue = desk.rows("SELECT * FROM queue ORDER BY rank, received_at, case_number")
    items = desk.users.asks("/v1/queue")["items"]
    assert [(row["case_number"], row["rank"]) for row in queue] == [
        (each["case_number"], each["rank"]) for each in items
    ]
    due = [each.get("next_due", {}) for each in items]
    assert [(row["next_due_clock"], _told(row["next_due_at"])) for row in queue] == [
        (each.get("clock"), each.get("due_at")) for each in due
    ]
    assert any(due)


def test_spans_tell_when_each_case_was_open(desk: ReportingDesk) -> None:
    spans = desk.rows(
        "SELECT case_number, number, to_char(opened_at AT TIME ZONE 'America/Denver', 'MM-DD HH24') AS opened,"
        " to_char(s.ended_at AT TIME ZONE 'America/Denver', 'MM-DD HH24') AS ended, ended_by"
        " FROM case_spans s JOIN cases USING (ticket_id) ORDER BY case_number, number"
    )
    assert [tuple(row.values()) for row in spans] == [
        ("C-000001", 1, "11-02 10", "11-02 15", "resolved"),
        ("C-000001", 2, "11-03 09", "11-04 12", "resolved"),
        ("C-000002", 1, "11-02 10", None, None),
        ("C-000003", 1, "11-04 12", None, None),
        ("C-000004", 1, "11-04 12", "11-04 12", "merged"),
        ("C-000005", 1, "11-07 20", None, None),
        ("C-000006", 1, "12-02 10", None, None),
    ]


def test_work_and_what_it_drew(desk: ReportingDesk) -> None:
    work = desk.rows("SELECT entry_id, duration_seconds, billed_seconds, voided FROM work_entries ORDER BY 1")
    assert [tuple(row.values()) for row in work] == [
        ("a-1", 1200, 1800, False),
        ("a-2", 1800, 1800, False),
        ("b-1", 28_800, 28_800, False),
        ("b-2", 2700, 0, True),
    ]
    draws = desk.rows("SELECT entry_id, month, kind, source, seconds, amount_cents FROM work_draws ORDER BY 1, 2")
    assert [tuple(row.values()) for row in draws] == [
        ("a-1", "2037-11", "draw", "allowance", 1800, 0),
        ("a-2", "2037-11", "draw", "emergency", 3600, 300_00),
        ("a-2", "2037-12", "credit", "emergency", 1800, 150_00),
        ("b-1", "2037-11", "draw", "on_demand", 28_800, 1200_00),
    ]


def test_positions_say_where_each_view_stands(desk: ReportingDesk) -> None:
    head = desk.users.asks("/v1/events", limit=500)["items"][-1]["position"]
    rows = {row["view"]: row for row in desk.rows("SELECT * FROM positions")}
    assert rows.keys() == {view.name for view in REPORTING_VIEWS if view.sources}
    assert {(row["position"], row["log_position"]) for row in rows.values()} == {(head, head)}


@pytest.mark.parametrize("view", REPORTING_VIEWS, ids=lambda view: view.name)
def test_a_view_is_told_by_its_key_has_its_columns_and_nothing_that_people_wrote(
    desk: ReportingDesk, view: ReportingView
) -> None:
    rows = desk.rows(f"SELECT * FROM {view.name}")
    assert rows, "the desk of these tests has something in every view"
    assert len({tuple(row[name] for name in view.key) for row in rows}) == len(rows)
    assert SECRET.lower() not in repr(rows).lower()
    columns = desk.rows(
        "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,"
        " col_description(a.attrelid, a.attnum) AS comment, obj_description(a.attrelid) AS of_view"
        " FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 ORDER BY a.attnum",
        f"{desk.views}.{view.name}",
    )
    types = {"timestamptz": "timestamp with time zone"}
    assert [(each["name"], each["type"], each["comment"]) for each in columns] == [
        (column.name, types.get(column.type, column.type), column.comment) for column in view.columns
    ]
    assert columns[0]["of_view"] == view.comment


def test_a_rebuild_with_switch_leaves_the_views_right_readable_and_what_stands_on_them(desk: ReportingDesk) -> None:
    before = _all_rows(desk)
    with closing(desk.connection()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE VIEW {desk.views}.own AS SELECT count(*) AS open FROM {desk.views}.cases WHERE is_open"
            )
            cursor.execute(f"UPDATE {_live_table(connection, 'ticket')} SET status = 'planted'")
        assert {row["status"] for row in desk.rows("SELECT status FROM cases")} == {"planted"}
        for view in VIEWS:
            assert rebuild(desk.dsn, desk.schema, view).build is not None
        assert _all_rows(desk) == before, "rows of the new builds, the planted one gone"
        assert desk.rows("SELECT open FROM own") == [{"open": 4}]
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT bool_and(has_table_privilege(%s, c.oid, 'SELECT')) FROM pg_class c"
                " WHERE c.relnamespace = %s::regnamespace",
                (desk.views, desk.views),
            )
            assert cursor.fetchone() == (True,)
            cursor.execute(f"DROP VIEW {desk.views}.own")


def test_a_switch_waits_for_a_report_that_reads_and_comes_when_it_ends(desk: ReportingDesk) -> None:
    tried = threading.Event()

    def progress(phase: Phase, done: int, _total: int) -> None:
        if phase == "building":
            return
        if phase == "switching" and done == 0 and tries.acquire(blocking=False):
            return
        tried.set()

    tries = threading.Semaphore(1)  # the second attempt says that the first one found the view in use
    with closing(desk.connection()) as reader:
        with reader.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {desk.views}.cases")
            counted = cursor.fetchone()
        switching = threading.Thread(
            target=rebuild, args=(desk.dsn, desk.schema, ticket.VIEW), kwargs={"progress": progress}
        )
        switching.start()
        assert tried.wait(60)
        with reader.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {desk.views}.cases")
            assert cursor.fetchone() == counted, "the report reads on"
        reader.rollback()
        switching.join(60)
        assert not switching.is_alive()
    assert desk.rows("SELECT count(*) FROM cases") == [{"count": 6}]


def _live_table(connection: Connection, view: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = %s AND live", (view,))
        (build,) = cursor.fetchone() or (0,)
        return f"{view}_b{build}"


def _all_rows(desk: ReportingDesk) -> dict[str, list[dict[str, Any]]]:
    return {
        view.name: desk.rows(f"SELECT * FROM {view.name} ORDER BY {', '.join(view.key)}")
        for view in REPORTING_VIEWS
        if view.name != "positions"
    }


def test_a_view_that_the_live_build_cannot_give_goes_rather_than_tell_of_another_build(desk: ReportingDesk) -> None:
    asks_too_much = ReportingView(
        "future", "…", (Column("x", "text", "t.not_there_yet", "…"),), "FROM $ticket t", {"ticket": "ticket"}, ("x",)
    )
    with closing(desk.connection()) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE VIEW {desk.views}.future AS SELECT 'old' AS x")
        cursor.execute(
            "INSERT INTO reporting_views VALUES ('future', %s, %s)",
            (VERSION, msgspec.json.encode(asks_too_much).decode()),
        )
        follow_switch(cursor, "ticket")
        cursor.execute("SELECT to_regclass(%s), to_regclass(%s)", (f"{desk.views}.future", f"{desk.views}.cases"))
        gone, cases = cursor.fetchone() or (None, None)
        assert gone is None
        assert cases is not None, "the others are as they were"
        connection.rollback()


def test_an_older_release_leaves_the_views_of_a_newer_one_and_a_changed_one_is_made_anew(desk: ReportingDesk) -> None:
    def one(text: str) -> ReportingView:
        return ReportingView("desk", "…", (Column("x", "text", f"'{text}'", "…"),), "", {}, ("x",))

    with closing(desk.connection()) as connection, connection.cursor() as cursor:
        install_views(cursor, desk.schema, [one("newer")], VERSION + 1)
        install_views(cursor, desk.schema, [one("older")], VERSION)
        cursor.execute(f"SELECT x FROM {desk.views}.desk")
        assert cursor.fetchall() == [("newer",)]
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = %s::regnamespace", (desk.views,))
        assert cursor.fetchone() == (1,), "views that are no more are dropped"
        install_views(cursor, desk.schema, [one("newest")], VERSION + 2)
        cursor.execute(f"SELECT x FROM {desk.views}.desk")
        assert cursor.fetchall() == [("newest",)]
        connection.rollback()


def test_a_changed_column_is_told_in_the_changelog_as_a_new_version() -> None:
    assert fingerprint(REPORTING_VIEWS) == CHANGES[-1].fingerprint, (
        "a column of a reporting view has changed: add a Change with this fingerprint and what it is,"
        " and run python -m api.reporting_page"
    )
    assert [change.version for change in CHANGES] == list(range(1, len(CHANGES) + 1))
    assert len({change.fingerprint for change in CHANGES}) == len(CHANGES)
