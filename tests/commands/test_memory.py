"""What a process remembers saves reading, and never decides anything that the log would not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher
from commands.errors import VersionMismatch
from commands.handlers.catalogue import HANDLERS
from commands.memory import Loaded, Memory
from commands.ports import Replay
from domain.refusal import Refusal
from domain.ticket.refusals import TicketIsClosed
from infra.log.factory import environment_of
from tests.desk import PERSON, Desk, body_of

KIM = {"role": "staff", **PERSON}


@pytest.fixture
def other(desk: Desk, database: str, schema: str) -> Iterator[Dispatcher]:
    """A dispatcher with a memory of its own, as another process has one."""
    application = CaselogApplication(environment_of(database, schema))
    yield Dispatcher(application, desk.clock, HANDLERS)
    application.close()


@contextmanager
def reads(application: CaselogApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect which streams are read meanwhile."""
    log, read = application.event_log, []
    replay = type(log).replay

    def counting(self: Any, stream_id: str, **options: Any) -> Replay:
        read.append(stream_id)
        return replay(self, stream_id, **options)

    with monkeypatch.context() as patched:
        patched.setattr(type(log), "replay", counting)
        yield read


def test_a_second_command_on_a_case_reads_nothing(desk: Desk, ticket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.send("add-reply", ticket=ticket, author=KIM, body="one")
    with reads(desk.application, monkeypatch) as read:
        desk.send("add-reply", ticket=ticket, author=KIM, body="two")
        desk.send("log-work", **work(desk, ticket, "w-1"))
        desk.send("log-work", **work(desk, ticket, "w-2"))
    assert [stream_id for stream_id in read if stream_id.startswith("ticket-")] == []
    assert len(read) <= 1, "the subscription, once"


def work(desk: Desk, ticket: str, entry_id: str) -> dict[str, Any]:
    started_at = desk.clock.now().replace(minute=0, hour=16)
    return {
        "ticket": ticket,
        "entry_id": entry_id,
        "agent": "kim",
        "started_at": started_at,
        "duration_seconds": 600,
        "activity": "research",
    }


def test_two_processes_take_turns_on_one_case(desk: Desk, ticket: str, other: Dispatcher) -> None:
    versions = []
    for number in range(6):
        answer = desk.send("add-reply", via=other if number % 2 else None, ticket=ticket, author=KIM, body=f"{number}")
        versions.append(body_of(answer)["version"])
    assert versions == sorted(versions)
    assert len(set(versions)) == 6


def test_a_refusal_by_what_is_remembered_is_held_against_the_log(desk: Desk, ticket: str, other: Dispatcher) -> None:
    """Here the case is closed; another process has reopened it since."""
    desk.send("resolve-ticket", ticket=ticket, resolution="done")
    desk.send("close-ticket", ticket=ticket)
    with pytest.raises(TicketIsClosed):
        desk.send("add-reply", ticket=ticket, author=KIM, body="too late")
    desk.send("reopen-ticket", via=other, ticket=ticket, reason="it came back")
    assert body_of(desk.send("add-reply", ticket=ticket, author=KIM, body="in time"))["events"]


def test_an_acceptance_by_what_is_remembered_is_held_against_the_log(
    desk: Desk, ticket: str, other: Dispatcher
) -> None:
    desk.send("resolve-ticket", via=other, ticket=ticket, resolution="done")
    desk.send("close-ticket", via=other, ticket=ticket)
    with pytest.raises(Refusal, match="closed"):
        desk.send("add-reply", ticket=ticket, author=KIM, body="too late")


def test_a_repeat_that_changes_nothing_is_held_against_the_log(desk: Desk, ticket: str, other: Dispatcher) -> None:
    desk.send("assign-ticket", ticket=ticket, agent="kim")
    desk.send("assign-ticket", via=other, ticket=ticket, agent="lee")
    again = body_of(desk.send("assign-ticket", ticket=ticket, agent="kim"))
    assert [event["type"] for event in again["events"]] == ["TicketAssigned.v1"], "lee was in charge by then"


def test_an_if_match_is_held_against_the_log(desk: Desk, ticket: str, other: Dispatcher) -> None:
    here = body_of(desk.send("assign-ticket", ticket=ticket, agent="kim"))["version"]
    there = body_of(desk.send("assign-ticket", via=other, ticket=ticket, agent="lee"))["version"]
    with pytest.raises(VersionMismatch, match=f"at version {there}"):
        desk.send("assign-ticket", ticket=ticket, agent="max", if_match=here)
    desk.send("assign-ticket", via=other, ticket=ticket, agent="ann")
    assert desk.send("assign-ticket", ticket=ticket, agent="max", if_match=there + 1).status == 200


def test_a_customer_that_is_only_looked_at_is_guarded(
    desk: Desk, customer: str, other: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ticket(customer)
    desk.send("update-customer", via=other, customer_id=customer, name="Anew", contacts=[PERSON], products=["hub"])
    with reads(desk.application, monkeypatch) as read:
        desk.ticket(customer)
    assert f"customer-{customer}" in read


def test_that_there_is_no_stream_is_remembered_and_held_against_the_log(
    desk: Desk, customer: str, other: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    note: dict[str, Any] = {"customer_id": customer}
    desk.send("note-budget-use", **note)
    with reads(desk.application, monkeypatch) as read:
        desk.send("note-budget-use", **note)
    assert read == []
    terms: dict[str, Any] = {
        "customer_id": customer,
        "cadence": "monthly",
        "scope": "enhancement",
        "starts_on": desk.clock.now().date(),
    }
    desk.send("set-budget", via=other, amount_cents=100_00, **terms)
    with reads(desk.application, monkeypatch) as read:
        desk.send("note-budget-use", **note)
    assert f"budget-{customer}" in read
    assert body_of(desk.send("set-budget", amount_cents=200_00, **terms))["version"] == 2


def test_many_threads_of_two_processes_on_one_case_lose_and_double_nothing(
    desk: Desk, ticket: str, other: Dispatcher
) -> None:
    def reply(via: Dispatcher | None, name: str) -> None:
        for number in range(8):
            desk.send("add-reply", via=via, ticket=ticket, author=KIM, body=f"{name} {number}", key=f"{name}-{number}")

    threads = [
        threading.Thread(target=reply, args=(via, f"{name}{via is None}")) for via in (None, other) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = desk.events(f"ticket-{ticket}")
    assert [each.originator_version for each in events] == list(range(1, len(events) + 1))
    assert sum(type(each.event).__name__ == "StaffReplied" for each in events) == 32


class TestBounds:
    def test_streams_used_longest_ago_are_forgotten_first(self) -> None:
        memory = Memory(most_streams=2)
        for name in "ab":
            memory.keep(Loaded(name, 1, name))
        assert memory.state("a") is not None
        memory.keep(Loaded("c", 1, "c"))
        assert [memory.state(name) is not None for name in "abc"] == [True, False, True]

    def test_long_streams_leave_room_for_fewer(self) -> None:
        memory = Memory(most_events=100)
        memory.keep(Loaded("short", 10, "short"))
        memory.keep(Loaded("long", 95, "long"))
        assert memory.state("short") is None
        memory.keep(Loaded("longer", 500, "longer"))
        assert memory.state("long") is None
        assert memory.state("longer") is not None, "one is always remembered"
        memory.keep(Loaded("short", 10, "short"))
        assert memory.state("longer") is None
        assert memory.state("short") is not None

    def test_an_earlier_state_does_not_replace_a_later_one(self) -> None:
        memory = Memory()
        memory.keep(Loaded("a", 3, "later"))
        memory.keep(Loaded("a", 2, "earlier"))
        found = memory.state("a")
        assert found is not None
        assert found.state == "later"
