"""After the import, do the views say what the file says, counted by other means?

Each test runs on the invented sample, and on the real file where it is there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from projections import queue, setting, sla
from projections.account import account_for_statement
from projections.queue import QueueFilters
from projections.reading import select
from projections.sla import SlaRow
from projections.statement import statement
from projections.ticket import TicketRow
from tests.e2e.helpdesk_figures import CENTS_PER_HOUR, FEE_CENTS, business_seconds, by_customer
from tests.e2e.imported_desk import REAL, SAMPLE, ImportedDesk, imported_desk

UNSOLVED = ("new", "open", "waiting_customer")


@pytest.fixture(scope="session", params=["sample", "real"])
def desk(request: pytest.FixtureRequest, postgres_dsn: str) -> Iterator[ImportedDesk]:
    """A desk with the file imported, made once in a test run."""
    file = {"sample": SAMPLE, "real": REAL}[request.param]
    if not file.exists():
        pytest.skip(f"{REAL.name} is not beside the project, in ../shared/data")
    run = getattr(request.config, "workerinput", {}).get("testrunuid", "alone")
    with imported_desk(postgres_dsn, f"helpdesk_{request.param}_{run}"[:60], file) as made:
        yield made


@pytest.fixture(scope="session")
def tickets(desk: ImportedDesk) -> dict[str, TicketRow]:
    """The cases as the view has them, by the names that they have in the file."""
    return {row.subject: row for row in select(desk.connection, TicketRow, "FROM ticket t", {})}


def customer_id(name: str) -> str:
    return name.lower().replace(" ", "-")


def test_every_row_is_imported(desk: ImportedDesk) -> None:
    assert desk.report.failures == []
    assert desk.report.imported + desk.report.done_before == desk.report.rows
    assert desk.report.cases == len(desk.figures.cases)
    assert desk.report.customers == len(desk.figures.first_months)


def test_the_real_file_comes_to_the_known_counts(desk: ImportedDesk, tickets: dict[str, TicketRow]) -> None:
    statuses = Counter("unsolved" if row.status in UNSOLVED else row.status for row in tickets.values())
    reopenings = desk.rows("SELECT stream_id, count(*) FROM events WHERE type = 'TicketReopened.v1' GROUP BY 1")
    if desk.file == REAL:
        assert statuses == {"closed": 4558, "resolved": 10, "unsolved": 12}
        assert (len(reopenings), sum(count for _, count in reopenings)) == (152, 161)
        assert desk.report.rows == 21_348
        assert "more than one customer, where the first holds: 7 (" in desk.report.remarks[0]
    else:
        assert statuses == {"closed": 84, "resolved": 2, "unsolved": 4}


def test_each_case_has_the_status_that_its_rows_come_to(desk: ImportedDesk, tickets: dict[str, TicketRow]) -> None:
    expected = {
        "open": {"new", "open"},
        "waiting": {"waiting_customer"},
        "resolved": {"resolved"},
        "closed": {"closed"},
    }
    for name, case in desk.figures.cases.items():
        row = tickets[name]
        assert row.status in expected[case.status], name
        assert (row.customer_id, row.received_at) == (customer_id(case.customer), case.received_at)
    assert len(tickets) == len(desk.figures.cases)
    reopened = dict(desk.rows("SELECT stream_id, count(*) FROM events WHERE type = 'TicketReopened.v1' GROUP BY 1"))
    assert reopened == {
        f"ticket-{tickets[name].ticket_id}": case.reopenings
        for name, case in desk.figures.cases.items()
        if case.reopenings
    }


def test_the_queue_has_the_unsolved_cases_in_the_order_received(
    desk: ImportedDesk, tickets: dict[str, TicketRow]
) -> None:
    unsolved = sorted(
        (case.received_at, name) for name, case in desk.figures.cases.items() if case.status in {"open", "waiting"}
    )
    with desk.connection:
        page = queue.page(desk.connection, QueueFilters(), limit=100)
    assert [item["subject"] for item in page.items] == [name for _, name in unsolved]


def test_each_case_has_a_quarter_of_an_hour_for_every_taking_in_charge(
    desk: ImportedDesk, tickets: dict[str, TicketRow]
) -> None:
    worked = {name: row.worked_seconds for name, row in tickets.items()}
    assert worked == {name: 900 * len(case.worked) for name, case in desk.figures.cases.items()}


def test_each_work_entry_ends_at_the_instant_of_its_row(desk: ImportedDesk) -> None:
    found = Counter(desk.rows("SELECT customer_id, started_at, duration_seconds, billed_seconds FROM work_entry"))
    assert found == Counter(
        (customer_id(case.customer), started_at, 900, 900)
        for case in desk.figures.cases.values()
        for started_at in case.worked
    )


def test_the_ledger_has_the_work_of_each_customer(desk: ImportedDesk) -> None:
    found = desk.rows("SELECT customer_id, amount FROM ledger_balance WHERE account = 'worked' AND amount <> 0")
    assert dict(found) == {customer_id(name): seconds for name, seconds in by_customer(desk.figures).items()}


def test_the_journal_balances_entry_by_entry_in_money_and_in_seconds(desk: ImportedDesk) -> None:
    entries = desk.rows(
        "SELECT count(DISTINCT (position, part)), count(DISTINCT commodity) FROM ledger WHERE kind <> 'expiry'"
    )
    months = sum(map(len, desk.figures.months.values()))
    assert entries == [(months + sum(desk.figures.entries.values()), 2)]
    assert desk.rows("SELECT position FROM ledger GROUP BY position, part, commodity HAVING sum(amount) <> 0") == []


def test_nothing_is_left_of_an_allowance_whose_month_has_ended(desk: ImportedDesk) -> None:
    left = desk.rows(
        "SELECT customer_id, account FROM ledger_balance WHERE starts_with(account, 'allowance:') AND amount <> 0"
    )
    last = {customer_id(name): f"allowance:{max(months)}" for name, months in desk.figures.months.items()}
    assert left
    assert [(customer, account) for customer, account in left if last[customer] != account] == []


def test_every_month_of_a_subscription_has_its_fee(desk: ImportedDesk) -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    query = "SELECT customer_id, period, -amount FROM ledger WHERE account = 'income:subscription' ORDER BY period"
    for customer, period, cents in desk.rows(query):
        assert cents == FEE_CENTS
        found[customer].append(period)
    assert found == {customer_id(name): months for name, months in desk.figures.months.items()}


def test_each_customer_and_month_owes_what_the_naive_rating_says(desk: ImportedDesk) -> None:
    found = {
        (customer, period): (seconds, cents)
        for customer, period, seconds, cents in desk.rows(
            "SELECT customer_id, period, -sum(amount) FILTER (WHERE account = 'on_demand'),"
            " -sum(amount) FILTER (WHERE account = 'income:on_demand') FROM ledger"
            " WHERE account IN ('on_demand', 'income:on_demand') GROUP BY 1, 2"
        )
    }
    assert found == {(customer_id(name), month): owed for (name, month), owed in desk.figures.on_demand.items()}


def test_each_statement_adds_up_to_the_naive_rating(desk: ImportedDesk) -> None:
    on_demand = desk.figures.on_demand
    for (name, month), entries in desk.figures.entries.items():
        with desk.connection:
            account = account_for_statement(desk.connection, customer_id(name), month)
        assert account is not None
        found = statement(account, month)
        seconds, cents = on_demand.get((name, month), (0, 0))
        assert found["fee_cents"] == FEE_CENTS
        assert found["allowance"] == {
            "granted_seconds": 3600,
            "rollover_seconds": 0,
            "used_seconds": 900 * entries - seconds,
            "left_seconds": 3600 - 900 * entries + seconds,
        }
        totals: dict[str, Any] = found["totals"]
        assert totals["worked_seconds"] == totals["billed_seconds"] == 900 * entries
        assert (totals["on_demand_seconds"], totals["on_demand_cents"]) == (seconds, cents)
        assert totals["owed_cents"] == FEE_CENTS + cents == FEE_CENTS + seconds * CENTS_PER_HOUR // 3600


def test_each_breach_is_there_at_the_instant_that_its_target_was_passed(
    desk: ImportedDesk, tickets: dict[str, TicketRow]
) -> None:
    names = {row.ticket_id: name for name, row in tickets.items()}
    found = {
        (names[ticket_id], clock): breached_at
        for ticket_id, clock, breached_at in desk.rows("SELECT ticket_id, clock, breached_at FROM sla_breach")
    }
    assert found == desk.figures.breaches()


def test_the_clocks_have_counted_the_business_seconds_of_each_case(
    desk: ImportedDesk, tickets: dict[str, TicketRow]
) -> None:
    figures = desk.figures
    with desk.connection:
        calendars = setting.calendars(desk.connection)
        rows = {row.ticket_id: row for row in select(desk.connection, SlaRow, "FROM sla t", {})}
    for name, case in figures.cases.items():
        shape = sla.shape(rows[tickets[name].ticket_id], calendars, figures.end)
        elapsed = {clock["clock"]: clock["elapsed_seconds"] for clock in shape["clocks"]}
        assert elapsed == {
            "first_response": business_seconds([case.response_span(figures.end)]),
            "resolution": business_seconds(case.resolution_spans(figures.end)),
        }, name


def test_what_fell_due_was_recorded_between_the_rows_at_its_own_time(desk: ImportedDesk) -> None:
    query = "SELECT (data ->> 'occurred_at')::timestamptz FROM events WHERE metadata ->> 'imported' IS NOT NULL"
    occurred = [at for (at,) in desk.rows(f"{query} ORDER BY position")]
    assert occurred == sorted(occurred)
    late = desk.rows(
        "SELECT data FROM events WHERE type = 'ServiceLevelBreached.v1'"
        " AND (data ->> 'occurred_at')::timestamptz <> (data ->> 'breached_at')::timestamptz + interval '1 second'"
    )
    assert late == []
    late = desk.rows(
        "SELECT data FROM events WHERE type = 'MonthStarted.v1' AND data ->> 'occurred_at' <> data ->> 'starts_at'"
        " AND version > 2"
    )
    assert late == []


def test_every_event_names_the_import_and_its_customer(desk: ImportedDesk) -> None:
    assert desk.rows(
        "SELECT DISTINCT metadata ->> 'imported', metadata ->> 'actor', metadata ->> 'customer_id' IS NOT NULL"
        " FROM events WHERE split_part(stream_id, '-', 1) IN ('customer', 'subscription', 'ticket') ORDER BY 2"
    ) == [("helpdesk.v1", "import:helpdesk.v1", True), ("helpdesk.v1", "timekeeper", True)]


def test_the_timekeeper_has_the_streams_once_the_import_has_ended(desk: ImportedDesk) -> None:
    assert desk.rows("SELECT name, state, rows_done FROM imports") == [("helpdesk.v1", "ended", desk.report.rows)]


def test_a_second_run_adds_nothing(desk: ImportedDesk) -> None:
    state = "SELECT (SELECT position FROM log_head), (SELECT count(*) FROM idempotency), i::text FROM imports i"
    before = desk.rows(state)
    again = desk.import_again()
    assert desk.rows(state) == before
    assert (again.imported, again.done_before, again.failures) == (0, desk.report.rows, [])
    assert (again.cases, again.customers) == (desk.report.cases, desk.report.customers)
