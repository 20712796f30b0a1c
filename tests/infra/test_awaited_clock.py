"""Who sets the test clock finds everything done that fell due on the way, however far it was."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api import compose
from commands.dispatch import Request
from domain.budget import BudgetThresholdReached
from domain.subscription.events import MonthStarted
from domain.ticket.events import IncidentResolutionAnnounced, ServiceLevelBreached
from infra import awaited_clock, policies, timekeeper
from infra.awaited_clock import StillBehind
from infra.config import Config
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.desk import PERSON, body_of

MONDAY = datetime(2037, 11, 2, 17, 0, tzinfo=UTC)
"""10:00 in Denver on a working day that no system's clock has reached."""


class Standing:
    """A whole desk with a test clock, its caretaker in a thread that can be stopped and started."""

    def __init__(self, dsn: str, schema: str, stack: ExitStack) -> None:
        self._config = Config.from_environment(
            {"CASELOG_DATABASE_URL": dsn, "CASELOG_SCHEMA": schema, "CASELOG_TEST_CLOCK": "1", "CASELOG_POOL_SIZE": "4"}
        )
        self._dsn = dsn
        compose.prepare(self._config, dsn)
        projector = Projector(dsn, schema, VIEWS, poll_seconds=0.1)
        projector.start()
        stack.callback(projector.stop)
        self.application = stack.enter_context(compose.application(self._config, dsn))
        self._services = stack.enter_context(compose.api_services(self._config, dsn))
        self._caretaker = ExitStack()
        stack.callback(self.rest)

    def work(self) -> None:
        """Let what happens by itself happen."""
        caretaker = self._caretaker.enter_context(compose.timekeeper(self._config, self._dsn))
        thread = threading.Thread(target=caretaker.run)
        thread.start()
        self._caretaker.callback(thread.join)
        self._caretaker.callback(caretaker.request_stop)

    def rest(self) -> None:
        self._caretaker.close()

    def at(self, instant: datetime) -> None:
        """Set the clock."""
        assert self._services.test_clock is not None
        self._services.test_clock.set(instant)

    def send(self, command: str, **data: Any) -> Any:
        request = Request(
            command=command, data=data, fingerprint="", caller="test", actor="test", correlation_id="a test"
        )
        return body_of(self._services.commands.execute(request))

    def customer(self) -> str:
        customer_id: str = self.send("register-customer", name="Alpine", contacts=[PERSON], products=["website"])[
            "result"
        ]["customer_id"]
        self.send(
            "start-subscription", customer_id=customer_id, plan="standard", starts_on=MONDAY.date().replace(day=1)
        )
        return customer_id

    def ticket(self, customer_id: str) -> str:
        asked = {"category": "how_to", "subject": "Rates", "description": "How?", "requester": PERSON}
        ticket_id: str = self.send("open-ticket", customer_id=customer_id, **asked)["result"]["ticket_id"]
        return ticket_id

    def of(self, stream_id: str, kind: type[Any]) -> list[Any]:
        return [each.event for each in self.application.read(stream_id) if isinstance(each.event, kind)]

    def subscription(self, customer_id: str) -> str:
        stream_id = self.application.event_log.holder("live_subscription", customer_id)
        assert stream_id is not None
        return stream_id


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Standing]:
    with ExitStack() as stack:
        standing = Standing(database, schema, stack)
        standing.work()
        yield standing


def test_months_breaches_and_what_policies_make_of_them_are_done_when_the_clock_is_set(desk: Standing) -> None:
    desk.at(MONDAY)
    customer = desk.customer()
    ticket = desk.ticket(customer)
    desk.send(
        "set-budget", customer_id=customer, cadence="monthly", scope="all", amount_cents=15_000, starts_on=MONDAY.date()
    )
    desk.send("declare-incident", incident_id="storm", title="Storm", text="…")
    desk.send("link-incident", ticket=ticket, incident="storm")
    desk.send("resolve-incident", incident="storm", text="Over.")

    desk.at(MONDAY + timedelta(days=95))

    months = desk.of(desk.subscription(customer), MonthStarted)
    assert [month.month for month in months] == ["2037-11", "2037-12", "2038-01", "2038-02"]
    assert [month.starts_at for month in months[1:]] == [month.ends_at for month in months[:-1]]
    breaches = desk.of(f"ticket-{ticket}", ServiceLevelBreached)
    assert [(breach.clock, breach.breached_at) for breach in breaches] == [
        ("first_response", MONDAY + timedelta(days=1)),
        ("resolution", MONDAY + timedelta(days=2)),
    ]
    assert len(desk.of(f"ticket-{ticket}", IncidentResolutionAnnounced)) == 1
    told = desk.of(f"budget-{customer}", BudgetThresholdReached)
    assert {each.span_starts for each in told} >= {"2037-11"}
    assert len(told) == len({(each.span_starts, each.threshold_percent) for each in told})


def test_what_fell_due_while_nobody_was_there_is_done_before_the_answer(desk: Standing) -> None:
    desk.at(MONDAY)
    ticket = desk.ticket(desk.customer())
    desk.rest()
    coming_back = threading.Thread(target=desk.work)
    coming_back.start()
    desk.at(MONDAY + timedelta(days=2))
    coming_back.join()
    assert len(desk.of(f"ticket-{ticket}", ServiceLevelBreached)) == 1


def test_without_anybody_to_do_it_the_setting_says_so(desk: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.at(MONDAY)
    desk.ticket(desk.customer())
    desk.rest()
    monkeypatch.setattr(awaited_clock, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(StillBehind):
        desk.at(MONDAY + timedelta(days=2))


def test_nobody_waits_for_the_next_look_that_would_come_anyway(
    database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timekeeper, "IDLE_SECONDS", 3600)
    monkeypatch.setattr(policies, "IDLE_SECONDS", 3600)
    with ExitStack() as stack:
        desk = Standing(database, schema, stack)
        desk.work()
        desk.at(MONDAY)
        customer = desk.customer()
        for days in range(40, 160, 40):
            desk.at(MONDAY + timedelta(days=days))
        assert len(desk.of(desk.subscription(customer), MonthStarted)) == 5
