"""What the views answer, from rows in PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.customer import CustomerRegistered
from domain.personal import Personal
from domain.subscription.events import PeriodClosed, SubscriptionEvent
from domain.ticket.events import (
    EmergencyDeclined,
    EmergencyRequested,
    ServiceLevelBreached,
    StaffReplied,
    TicketAssigned,
    TicketResolved,
    WorkLogged,
)
from infra.projection.rebuild import rebuild
from projections import customer, due, ledger, ledger_queries, progress, queue, setting, sla, ticket, ticket_queries
from projections.account import account_at, account_for_statement, account_of, subscription_streams
from projections.catalogue import VIEWS
from projections.folding import fold
from projections.ledger_queries import LedgerFilters
from projections.queue import QueueFilters
from projections.reading import InvalidCursor, Page, select
from projections.sla import SlaFilters
from projections.statement import statement
from projections.subscription import VIEW as SUBSCRIPTION
from projections.subscription_queries import subscription
from projections.ticket_queries import TicketFilters
from tests.domain.subscription.sentences import buy, denver, since_november, work
from tests.domain.ticket.cases import CALENDAR, POLICY, nov
from tests.infra.projection.conftest import Append
from tests.infra.projection.test_runner import folded, rows_of
from tests.projections.stories import ADA, SAM, START, Placed, opened, recorded
from tests.projections.subscription_events import winter

Project = Callable[[Sequence[Placed]], int]


@pytest.fixture
def project(database: str, schema: str, append: Append) -> Project:
    """A function that appends events and makes all views from them."""

    def make(events: Sequence[Placed]) -> int:
        head = append(events)
        for view in VIEWS:
            rebuild(database, schema, view)
        return head

    return make


def case(number: int, *, minute: int = 0, **fields: Any) -> Placed:
    return f"ticket-t{number}", opened(number, START + timedelta(minutes=minute), **fields)


def emergency(number: int, *, declined: bool = False) -> list[Placed]:
    ids: dict[str, Any] = {"ticket_id": f"t{number}", "customer_id": "c1", "occurred_at": START}
    asked = EmergencyRequested(kind="business_hours", symptom="website_down", **ids)
    answer = [EmergencyDeclined(reason=Personal("boost"), **ids)] if declined else []
    return [(f"ticket-t{number}", event) for event in (asked, *answer)]


def resolved(number: int) -> Placed:
    ids: dict[str, Any] = {"ticket_id": f"t{number}", "customer_id": f"c{number}"}
    return f"ticket-t{number}", TicketResolved(occurred_at=START, resolution=Personal("…"), **ids)


def all_pages(read: Callable[[str | None], Page], field: str) -> list[Any]:
    seen, cursor = [], None
    while True:
        page = read(cursor)
        seen += [item[field] for item in page.items]
        if page.next is None:
            return seen
        cursor = page.next


def test_the_queue_is_in_the_order_of_r8_over_pages_of_any_size(project: Project, connection: Connection) -> None:
    project(
        [
            case(1, minute=5, urgency="low"),
            case(2, minute=9),
            case(3, minute=4),
            case(4, minute=8, urgency="high"),
            case(5, minute=7),
            *emergency(5),
            case(6, minute=1),
            *emergency(6, declined=True),
            case(1_000_000, minute=4, case_number="C-1000000"),
        ]
    )
    expected = ["t5", "t4", "t6", "t3", "t1000000", "t2", "t1"]
    for limit in (1, 2, 50):

        def read(cursor: str | None, limit: int = limit) -> Page:
            return queue.page(connection, QueueFilters(), cursor=cursor, limit=limit)

        assert all_pages(read, "ticket_id") == expected


def test_the_queue_filters_and_shows_the_next_deadline_alone(project: Project, connection: Connection) -> None:
    ids: dict[str, Any] = {"ticket_id": "t1", "customer_id": "c1"}
    later = START + timedelta(minutes=30)
    project(
        [
            case(1),
            case(2, workable_from=START + timedelta(days=1)),
            ("ticket-t1", TicketAssigned(occurred_at=later, agent="Ann", **ids)),
            ("ticket-t1", StaffReplied(occurred_at=later, author=SAM, body=Personal("…"), **ids)),
            case(3),
            (
                "ticket-t3",
                TicketResolved(occurred_at=later, resolution=Personal("…"), ticket_id="t3", customer_id="c3"),
            ),
            case(4, workable_from=START + timedelta(days=1)),
            (
                "ticket-t4",
                EmergencyRequested(
                    occurred_at=later, kind="after_hours", symptom="website_down", ticket_id="t4", customer_id="c4"
                ),
            ),
        ]
    )

    def found(**filters: Any) -> list[str]:
        return [item["ticket_id"] for item in queue.page(connection, QueueFilters(**filters)).items]

    assert found() == ["t4", "t1", "t2"]
    assert found(agent="Ann") == ["t1"]
    assert found(customer="c2") == ["t2"]
    assert found(workable_at=START) == ["t4", "t1"]  # an emergency waits for no opening (R12)
    _, first, second = queue.page(connection, QueueFilters()).items
    assert first["next_due"] == {"clock": "resolution", "due_at": START + timedelta(hours=10)}
    assert second["next_due"] == {"clock": "first_response", "due_at": START + timedelta(hours=1)}
    assert (first["status"], second["status"]) == ("open", "new")
    assert "clocks" not in first


def test_cases_are_found_by_id_number_and_what_is_asked_of_them(project: Project, connection: Connection) -> None:
    head = project([case(1, category="new_feature"), case(2, minute=1), case(3, minute=2, urgency="high")])
    row = ticket_queries.find(connection, "C-000002")
    assert row is not None
    assert row == ticket_queries.find(connection, "t2")
    assert ticket_queries.find(connection, "C-000009") is None
    shown = ticket.shape(row)
    assert (shown["class"], shown["status"], shown["links"], shown["version"]) == ("included", "new", [], 1)

    def found(**filters: Any) -> list[str]:
        return [each["ticket_id"] for each in ticket_queries.search(connection, TicketFilters(**filters)).items]

    assert found() == ["t3", "t2", "t1"]
    assert found(urgency="high") == ["t3"]
    assert found(category="new_feature") == ["t1"]
    assert found(text="question 2") == ["t2"]
    assert found(text="ADA@") == ["t3", "t2", "t1"]
    assert found(text="%") == []
    assert found(received_before=START + timedelta(minutes=1)) == ["t1"]
    assert ticket_queries.search(connection, TicketFilters()).as_of_position == head


@pytest.mark.parametrize("cursor", ["", "!", "bm90IGpzb24", "WzFd"])
def test_a_text_that_is_no_cursor_of_the_list_is_refused(project: Project, connection: Connection, cursor: str) -> None:
    project([case(1)])
    with pytest.raises(InvalidCursor):
        ticket_queries.search(connection, TicketFilters(), cursor=cursor)


ENTRIES = ("nov-3", "nov-5", "nov-2")


def logged_work(entry_id: str) -> Placed:
    ids: dict[str, Any] = {"ticket_id": "t-1", "customer_id": "c-1", "entry_id": entry_id}
    facts: dict[str, Any] = {"agent": "Ann", "started_at": START, "duration_seconds": 60, "activity": "call"}
    return "ticket-t-1", WorkLogged(occurred_at=START, **ids, **facts)


def november() -> tuple[SubscriptionEvent, ...]:
    return (
        since_november()
        .having(
            work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
            work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
            buy(denver(11, 10)),
            work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
            work(denver(11, 15), "nov-2", denver(11, 2), 30),
        )
        .events
    )


def test_the_ledger_finds_entries_by_account_period_and_cause_and_shows_them_whole(
    project: Project, connection: Connection
) -> None:
    events = november()
    opening = ("ticket-t-1", opened(ticket_id="t-1", customer_id="c-1"))
    project([*(("subscription-s-1", each) for each in events), opening, *(logged_work(each) for each in ENTRIES)])

    def found(limit: int = 50, **filters: Any) -> list[str]:
        return all_pages(
            lambda cursor: ledger_queries.entries(connection, LedgerFilters(**filters), cursor=cursor, limit=limit),
            "entry",
        )

    assert found() == found(limit=1) == found(customer="c-1", period="2026-11")
    assert found(customer="c-2") == found(period="2026-12") == []
    assert found(account="deferred_packs") == found(account="deferred_packs", limit=1) != []
    entries = ledger_queries.entries(connection, LedgerFilters(caused_by="nov-2")).items
    assert [each["kind"] for each in entries] == ["rerating", "rerating", "work"]
    logged = {entry_id: position for position, entry_id in enumerate(ENTRIES, len(events) + 2)}
    posted = len(events) - 2
    assert [each["positions"] for each in entries] == [
        [posted, logged["nov-5"], logged["nov-2"]],
        [posted + 1, logged["nov-3"], logged["nov-2"]],
        [posted + 2, logged["nov-2"]],
    ]
    assert all(sum(line["amount"] for line in each["lines"]) == 0 for each in entries)
    assert found(caused_by="3") == ["3-0"]
    assert found(caused_by=str(logged["nov-2"])) == [each["entry"] for each in entries]
    assert len(found(as_of=denver(11, 14))) == len(found()) - 3


def test_entries_are_found_by_the_close_of_a_month_that_led_to_them(project: Project, connection: Connection) -> None:
    # All these events come from one command: the close is behind each of them.
    project([("subscription-s-1", each) for each in winter()])
    closed = 1 + [type(each) for each in winter()].index(PeriodClosed)
    entries = ledger_queries.entries(connection, LedgerFilters(caused_by=str(closed))).items
    assert entries
    assert all(closed in each["positions"] for each in entries)
    assert ledger_queries.entries(connection, LedgerFilters(caused_by="999")).items == []


def test_running_balances_are_the_sums_of_the_lines(project: Project, connection: Connection) -> None:
    project([("subscription-s-1", each) for each in november()])
    running = ledger_queries.balances(connection, LedgerFilters()).items
    summed = ledger_queries.balances(connection, LedgerFilters(as_of=denver(12, 31))).items
    assert running == summed != []
    then = ledger_queries.balances(connection, LedgerFilters(as_of=denver(11, 14), account="on_demand")).items
    assert [each["amount"] for each in then] == [-45 * 60]


def test_the_ledger_s_rows_are_those_of_a_fold_in_memory(project: Project, connection: Connection) -> None:
    story: list[Placed] = [("subscription-s-1", each) for each in winter()]
    project(story)
    memory = fold(ledger.VIEW, recorded(story))
    lines = select(connection, ledger.LedgerLine, "FROM ledger t ORDER BY position, part, line")
    assert lines == memory.journals["ledger"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT customer_id, account, commodity, amount FROM ledger_balance")
        assert {row[:3]: row[3] for row in cursor} == memory.totals["ledger_balance"]


@pytest.mark.parametrize("events", [november(), tuple(winter())], ids=["november", "winter"])
def test_statement_and_subscription_are_the_same_from_rows_and_from_events(
    project: Project, connection: Connection, events: tuple[SubscriptionEvent, ...]
) -> None:
    story: list[Placed] = [("subscription-s-1", each) for each in events]
    project(story)
    then = account_of(recorded(story))
    assert then is not None
    for month in ("2026-10", "2026-11", "2026-12", "2027-01"):
        account = account_for_statement(connection, "c-1", month)
        assert account is not None
        assert statement(account, month) == statement(then, month)
    until = events[-1].occurred_at
    now = account_at(connection, "c-1", until)
    assert now is not None
    assert subscription(now, until) == subscription(then, until)
    assert account_for_statement(connection, "c-2", "2026-11") is None
    assert account_at(connection, "c-2", until) is None
    assert subscription_streams(connection, "c-1") == ["subscription-s-1"]
    assert rows_of(connection, SUBSCRIPTION) == folded(SUBSCRIPTION, story)


def breach(number: int, minute: int) -> Placed:
    at = START + timedelta(minutes=minute)
    return f"ticket-t{number}", ServiceLevelBreached(
        occurred_at=at,
        ticket_id=f"t{number}",
        customer_id=f"c{number}",
        clock="first_response",
        instance=1,
        target_seconds=3600,
        due_at=START + timedelta(hours=1),
        breached_at=at,
        calendar="24x7",
        calendar_version=0,
        policy_version=1,
    )


def test_sla_lists_what_was_missed_and_what_falls_due(project: Project, connection: Connection) -> None:
    project([case(1), case(2, minute=20), case(3, minute=10), breach(1, 61), breach(3, 71)])
    missed = sla.missed(connection, SlaFilters())
    assert [item["ticket_id"] for item in missed.items] == ["t3", "t1"]
    for limit in (1, 50):

        def read(cursor: str | None, limit: int = limit) -> Page:
            return sla.due_soon(connection, SlaFilters(), cursor=cursor, limit=limit)

        assert all_pages(read, "ticket_id") == ["t2", "t1", "t3"]
        assert all_pages(read, "clock") == ["first_response", "resolution", "resolution"]
    before = SlaFilters(before=START + timedelta(hours=2))
    assert [item["ticket_id"] for item in sla.due_soon(connection, before).items] == ["t2"]


def test_the_clocks_of_a_case_are_explained_by_the_calendars_published(
    project: Project, connection: Connection
) -> None:
    project([("calendar-business", CALENDAR), ("sla_policy", POLICY), case(1)])
    assert [each["kind"] for each in setting.published(connection)["items"]] == ["calendar", "sla_policy"]
    assert ("business", 1) in setting.calendars(connection)
    shown = sla.of_ticket(connection, "C-000001", START + timedelta(minutes=30))
    assert shown is not None
    clock = shown["clocks"][0]
    assert (clock["clock"], clock["elapsed_seconds"], clock["remaining_seconds"]) == ("first_response", 1800, 1800)
    assert [(each["kind"], each["seconds"], each["positions"]) for each in clock["why"]] == [("counted", 1800, (3,))]
    assert sla.of_ticket(connection, "nobody", START) is None


def test_a_deadline_is_due_once_its_second_has_passed_and_a_month_at_its_instant(
    project: Project, connection: Connection
) -> None:
    started = since_november().events
    project([case(1), *(("subscription-s-1", each) for each in started)])

    def found(now: Any, **options: Any) -> list[str]:
        return [row.stream_id for row in due.items(connection, now, limit=10, **options)]

    due_at = START + timedelta(hours=1)
    assert found(due_at) == found(due_at + timedelta(milliseconds=999)) == []
    assert found(due_at + timedelta(seconds=1)) == ["ticket-t1"]
    december = denver(12, 1, 0)
    assert found(december - timedelta(microseconds=1)) == ["ticket-t1"]
    assert found(december) == ["ticket-t1", "subscription-s-1"]
    missed_at = due_at + timedelta(seconds=1)
    assert found(december, after=(missed_at, "ticket-t1")) == ["subscription-s-1"]


def test_cases_that_count_by_other_settings_than_those_in_force_are_found(
    project: Project, connection: Connection
) -> None:
    project([case(1), case(2), resolved(2)])

    def found(policy: int, **calendars: int) -> list[str]:
        return [row.stream_id for row in due.by_other_settings(connection, policy, calendars, limit=10)]

    assert found(1, **{"24x7": 0}) == []
    assert found(2, **{"24x7": 0}) == ["ticket-t1"]
    assert found(1, **{"24x7": 1}) == ["ticket-t1"]


def test_customers_are_listed_by_id(project: Project, connection: Connection) -> None:
    def registered(number: int) -> Placed:
        event = CustomerRegistered(
            occurred_at=nov(2, 9),
            customer_id=f"c{number}",
            name=Personal("Firm"),
            contacts=(ADA,),
            products=("website",),
        )
        return f"customer-c{number}", event

    project([registered(2), registered(1), registered(3)])
    assert all_pages(lambda cursor: customer.page(connection, cursor=cursor, limit=2), "customer_id") == [
        "c1",
        "c2",
        "c3",
    ]
    found = customer.find(connection, "c1")
    assert found is not None
    assert found.contacts[0].email == "ada@example.org"


def test_progress_tells_of_each_view_and_its_lag(project: Project, append: Append, connection: Connection) -> None:
    head = project([case(1)])
    append([case(2), case(3)])
    found = progress.of_views(connection)
    assert {each["view"] for each in found} == {view.name for view in VIEWS}
    for each in found:
        assert (each["position"], each["lag_events"], each["state"], each["parked_keys"]) == (head, 2, "live", 0)
        assert each["lag_seconds"] >= 0
