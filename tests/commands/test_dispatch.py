"""Repeats, rivals and stale readers: what the dispatcher makes of requests that meet others."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError

from commands.application import CaselogApplication
from commands.dispatch import ATTEMPTS, Dispatcher, Handler
from commands.errors import Conflict, IdempotencyKeyReused, UnknownCustomer, UnknownTicket, VersionMismatch
from commands.handlers.catalogue import HANDLERS
from commands.outcome import Outcome
from commands.ports import OutcomeUnknown
from commands.problems import KeptRefusal
from domain.recorded import RecordedEvent
from domain.refusal import Refusal
from domain.tags import tag_of
from domain.ticket.refusals import EntryExists, TicketIsClosed
from infra.log.factory import environment_of
from tests.desk import MONDAY, PERSON, Desk, body_of

Rival = Callable[[Handler, Callable[[], object]], Handler]
STAFF = {"role": "staff", **PERSON}


def types_of(desk: Desk, stream_id: str) -> list[str]:
    return [tag_of(type(recorded.event)) for recorded in desk.events(stream_id)]


def log_work(desk: Desk, ticket: str, **other: Any) -> Any:
    """Log a quarter of an hour that began when the test did, long enough ago."""
    desk.clock.instant = max(desk.clock.instant, MONDAY + timedelta(minutes=15))
    data = {"agent": "kim", "started_at": MONDAY, "duration_seconds": 900, "activity": "research", **other}
    return desk.send("log-work", ticket=ticket, **data)


def test_an_answer_names_every_event_with_its_place_in_the_log(desk: Desk, customer: str) -> None:
    answer = desk.send(
        "open-ticket", customer_id=customer, requester=PERSON, category="how_to", subject="Rates", description="How?"
    )

    body = body_of(answer)
    (recorded,) = desk.events(body["stream_id"])
    assert answer.status == 201
    assert answer.etag_version == body["version"] == 1
    assert body["position"] == recorded.position
    assert body["events"] == [
        {"stream_id": body["stream_id"], "type": "TicketOpened.v1", "version": 1, "position": recorded.position}
    ]
    assert body["stream_id"] == "ticket-" + body["result"]["ticket_id"]
    assert answer.location == "/v1/tickets/" + body["result"]["ticket_id"]


def test_a_repeat_under_the_same_key_gets_the_first_answer_to_the_byte(desk: Desk, customer: str) -> None:
    request: dict[str, Any] = {
        "customer_id": customer,
        "requester": PERSON,
        "category": "other",
        "subject": "S",
        "description": "D",
    }
    first = desk.send("open-ticket", key="k", **request)
    again = desk.send("open-ticket", key="k", **request)

    assert not first.replayed
    assert again.replayed
    assert (again.status, again.body, again.location) == (first.status, first.body, first.location)


def test_a_repeat_is_answered_even_when_the_command_would_be_refused_by_now(desk: Desk, ticket: str) -> None:
    first = desk.send("add-reply", key="k", ticket=ticket, author=STAFF, body="Hello")
    desk.send("resolve-ticket", ticket=ticket, resolution="done")
    desk.send("close-ticket", ticket=ticket, reason="done")

    assert desk.send("add-reply", key="k", ticket=ticket, author=STAFF, body="Hello").body == first.body
    with pytest.raises(TicketIsClosed):
        desk.send("add-reply", key="another", ticket=ticket, author=STAFF, body="Hello")


def test_a_key_with_another_body_is_refused_and_changes_nothing(desk: Desk, ticket: str) -> None:
    desk.send("assign-ticket", key="k", ticket=ticket, agent="kim")
    with pytest.raises(IdempotencyKeyReused):
        desk.send("assign-ticket", key="k", ticket=ticket, agent="lee")
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1", "TicketAssigned.v1"]


def test_a_key_is_the_commands_own(desk: Desk, ticket: str) -> None:
    desk.send("assign-ticket", key="k", ticket=ticket, agent="kim")
    assert not desk.send("resolve-ticket", key="k", ticket=ticket, resolution="done").replayed


def test_a_refusal_leaves_the_key_free(desk: Desk, ticket: str) -> None:
    with pytest.raises(Refusal):
        desk.send("close-ticket", key="k", ticket=ticket, reason="over")
    desk.send("resolve-ticket", ticket=ticket, resolution="done")
    assert not desk.send("close-ticket", key="k", ticket=ticket, reason="over").replayed


def test_a_refusal_that_is_kept_is_the_answer_to_every_repeat(desk: Desk, ticket: str) -> None:
    close: dict[str, Any] = {"key": "k", "keep_refusals": True, "ticket": ticket, "reason": "over"}
    with pytest.raises(Refusal) as first:
        desk.send("close-ticket", **close)
    desk.send("resolve-ticket", ticket=ticket, resolution="done")
    with pytest.raises(KeptRefusal) as again:
        desk.send("close-ticket", **close)
    assert (again.value.problem.code, again.value.problem.detail) == (first.value.code, first.value.detail)
    with pytest.raises(IdempotencyKeyReused):
        desk.send("close-ticket", **close | {"reason": "another"})
    assert "TicketClosed.v1" not in types_of(desk, f"ticket-{ticket}")
    assert not desk.send("close-ticket", **close | {"key": "another"}).replayed


def test_what_another_process_decided_of_a_request_first_is_its_answer(desk: Desk, ticket: str, rival: Rival) -> None:
    """Refused there and accepted here by one that was frozen meanwhile; and the other way round."""
    note: dict[str, Any] = {"key": "n", "keep_refusals": True, "if_match": 2, "ticket": ticket, "author": STAFF}

    def refused_there() -> None:
        with pytest.raises(VersionMismatch):
            desk.send("add-note", body="hello", **note)

    def assigned_meanwhile(work: Any, settings: Any, data: Any) -> Outcome:
        refused_there()
        desk.send("assign-ticket", ticket=ticket, agent="kim")
        return HANDLERS["add-note"](work, settings, data)

    with pytest.raises(KeptRefusal):
        desk.send("add-note", via=desk.dispatcher_with({"add-note": assigned_meanwhile}), body="hello", **note)
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1", "TicketAssigned.v1"]

    close: dict[str, Any] = {"key": "c", "keep_refusals": True, "ticket": ticket, "reason": "over"}
    accepted: list[bytes] = []

    def refused_here(work: Any, settings: Any, data: Any) -> Outcome:
        try:
            return HANDLERS["close-ticket"](work, settings, data)
        finally:
            if not accepted:
                desk.send("resolve-ticket", ticket=ticket, resolution="done")
                accepted.append(desk.send("close-ticket", **close).body)

    answer = desk.send("close-ticket", via=desk.dispatcher_with({"close-ticket": refused_here}), **close)
    assert (answer.replayed, answer.body) == (True, accepted[0])


def test_what_passes_is_never_kept(desk: Desk, ticket: str) -> None:
    def always_late(work: Any, settings: Any, data: Any) -> Outcome:
        outcome = HANDLERS["add-note"](work, settings, data)
        desk.send("add-note", ticket=ticket, author=STAFF, body="quicker")
        return outcome

    def away(*_: Any) -> Outcome:
        raise OperationalError("the database is away")

    note: dict[str, Any] = {"key": "k", "keep_refusals": True, "ticket": ticket, "author": STAFF, "body": "late"}
    for handler, passing in ((always_late, Conflict), (away, OperationalError)):
        with pytest.raises(passing):
            desk.send("add-note", via=desk.dispatcher_with({"add-note": handler}), **note)
    assert not desk.send("add-note", **note).replayed


def test_a_repeat_without_a_key_that_changes_nothing_has_no_events(desk: Desk, ticket: str) -> None:
    desk.send("assign-ticket", ticket=ticket, agent="kim")
    answer = desk.send("assign-ticket", ticket=ticket, agent="kim")
    assert answer.status == 200
    assert body_of(answer)["events"] == []
    assert body_of(answer)["version"] == 2


def test_of_many_requests_at_once_under_one_key_one_is_recorded(desk: Desk, ticket: str) -> None:
    bodies: list[bytes] = []
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        bodies.append(desk.send("add-note", key="k", ticket=ticket, author=STAFF, body="once").body)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bodies) == 8
    assert len(set(bodies)) == 1
    assert types_of(desk, f"ticket-{ticket}").count("NoteAdded.v1") == 1


def test_a_decision_that_a_rival_overtook_is_taken_anew(desk: Desk, ticket: str, rival: Rival) -> None:
    overtaken = desk.dispatcher_with(
        {
            "assign-ticket": rival(
                HANDLERS["assign-ticket"], lambda: desk.send("assign-ticket", ticket=ticket, agent="kim")
            )
        }
    )
    answer = desk.send("assign-ticket", via=overtaken, ticket=ticket, agent="kim")

    assert body_of(answer)["events"] == [], "the rival assigned the same agent: nothing is left to do"
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1", "TicketAssigned.v1"]


def test_a_decision_that_a_rival_made_impossible_is_refused(desk: Desk, ticket: str, rival: Rival) -> None:
    def close() -> None:
        desk.send("resolve-ticket", ticket=ticket, resolution="done")
        desk.send("close-ticket", ticket=ticket, reason="over")

    overtaken = desk.dispatcher_with({"assign-ticket": rival(HANDLERS["assign-ticket"], close)})
    with pytest.raises(TicketIsClosed):
        desk.send("assign-ticket", via=overtaken, ticket=ticket, agent="kim")


def test_with_if_match_a_rival_is_a_mismatch_not_a_new_decision(desk: Desk, ticket: str, rival: Rival) -> None:
    overtaken = desk.dispatcher_with(
        {
            "assign-ticket": rival(
                HANDLERS["assign-ticket"], lambda: desk.send("assign-ticket", ticket=ticket, agent="lee")
            )
        }
    )
    with pytest.raises(VersionMismatch):
        desk.send("assign-ticket", via=overtaken, if_match=1, ticket=ticket, agent="kim")


@pytest.mark.parametrize(("if_match", "accepted"), [(0, False), (1, True), (2, False)])
def test_if_match_is_the_version_before_the_command(desk: Desk, ticket: str, if_match: int, accepted: bool) -> None:
    if accepted:
        assert desk.send("assign-ticket", if_match=if_match, ticket=ticket, agent="kim").etag_version == 2
    else:
        with pytest.raises(VersionMismatch):
            desk.send("assign-ticket", if_match=if_match, ticket=ticket, agent="kim")


def test_somebody_always_overtaken_is_told_of_the_conflict(desk: Desk, ticket: str) -> None:
    def always_late(work: Any, settings: Any, data: Any) -> Outcome:
        outcome = HANDLERS["add-note"](work, settings, data)
        desk.send("add-note", ticket=ticket, author=STAFF, body="quicker")
        return outcome

    with pytest.raises(Conflict):
        desk.send(
            "add-note", via=desk.dispatcher_with({"add-note": always_late}), ticket=ticket, author=STAFF, body="late"
        )
    bodies = [recorded.event.body.text for recorded in desk.events(f"ticket-{ticket}")[1:]]  # type: ignore[attr-defined]
    assert bodies == ["quicker"] * ATTEMPTS


def test_nothing_is_decided_by_a_setting_that_another_process_has_replaced(desk: Desk, customer: str) -> None:
    other_process = desk.dispatcher_with({})
    desk.ticket(customer)  # now our dispatcher has the settings in memory
    target = {"when": {}, "clock": "first_response", "target_seconds": 60, "calendar": "24x7"}
    desk.send("publish-sla-policy", via=other_process, policy="strict", targets=[target])

    opened = desk.events("ticket-" + desk.ticket(customer))[0].event

    segments = {segment.clock: segment for segment in opened.segments}  # type: ignore[attr-defined]
    assert segments["first_response"].target_seconds == 60
    assert segments["first_response"].policy_version == 2


def test_what_changes_nothing_is_not_decided_by_a_replaced_setting_either(desk: Desk, ticket: str) -> None:
    """The timekeeper's dispatcher knows the old policy; by the new one the case has something to record."""
    timekeeper = desk.dispatcher_with({})
    assert body_of(desk.send("record-due-ticket", via=timekeeper, id=ticket))["events"] == []
    target = {"when": {}, "clock": "first_response", "target_seconds": 60, "calendar": "24x7"}
    desk.send("publish-sla-policy", policy="strict", targets=[target])

    (changed,) = body_of(desk.send("record-due-ticket", via=timekeeper, id=ticket))["events"]
    assert changed["type"] == "ServiceLevelsChanged.v1"


def test_nothing_is_refused_by_a_setting_that_another_process_has_replaced(desk: Desk, customer: str) -> None:
    other_process = desk.dispatcher_with({})
    desk.ticket(customer)  # now our dispatcher has the calendar in memory, by which it is open at ten
    closed_now: dict[str, Any] = {"tz": "America/Denver", "hours": {"mon-fri": "13:00-17:00"}}
    desk.send(
        "publish-calendar", via=other_process, calendar="business", holidays=[], overrides={}, breaks={}, **closed_now
    )
    emergency = {"kind": "after_hours", "symptom": "website_down"}

    desk.ticket(customer, emergency=emergency)


def test_a_case_that_counts_by_newer_settings_than_are_in_memory_is_decided_by_those(desk: Desk, ticket: str) -> None:
    ours = desk.dispatcher_with({})
    desk.send("assign-ticket", via=ours, ticket=ticket, agent="kim")
    longer: dict[str, Any] = {"tz": "America/Denver", "hours": {"mon-fri": "08:00-18:00"}}
    desk.send("publish-calendar", calendar="business", holidays=[], overrides={}, breaks={}, **longer)
    desk.send("record-due-ticket", id=ticket)

    answer = desk.send("wait-for-customer", via=ours, ticket=ticket, reason="Which weekend?")
    assert [event["type"] for event in body_of(answer)["events"]] == ["WaitingStarted.v1"]


def test_work_is_in_the_ticket_and_in_the_subscription_or_in_neither(desk: Desk, ticket: str, rival: Rival) -> None:
    overtaken = desk.dispatcher_with(
        {"log-work": rival(HANDLERS["log-work"], lambda: log_work(desk, ticket, entry_id="first"))}
    )
    answer = body_of(log_work(desk, ticket, entry_id="second", via=overtaken))

    logged = [e.event.entry_id for e in desk.events(f"ticket-{ticket}")[1:]]  # type: ignore[attr-defined]
    (subscription,) = {e["stream_id"] for e in answer["events"]} - {f"ticket-{ticket}"}
    rated = [e.event.entry_id for e in desk.events(subscription) if hasattr(e.event, "entry_id")]
    assert sorted(logged) == sorted(rated) == ["first", "second"]


def test_the_answer_to_log_work_says_what_was_drawn_and_by_which_event(desk: Desk, ticket: str) -> None:
    answer = body_of(log_work(desk, ticket, entry_id="e1"))
    rated = next(event for event in answer["events"] if event["type"] == "WorkRated.v1")
    (draw,) = answer["result"]["draws"]
    assert draw == {
        "source": "allowance",
        "seconds": 900,
        "rate_cents_per_hour": 0,
        "multiplier": 1,
        "amount_cents": 0,
        "month": "2026-11",
        "positions": [rated["position"]],
    }
    again = body_of(log_work(desk, ticket, entry_id="e1"))
    assert again["events"] == []
    assert again["result"] == answer["result"]


def test_an_entry_id_belongs_to_one_ticket(desk: Desk, customer: str, ticket: str) -> None:
    log_work(desk, ticket, entry_id="e1")
    with pytest.raises(EntryExists):
        log_work(desk, desk.ticket(customer), entry_id="e1")


def test_what_a_request_names_must_exist(desk: Desk, ticket: str) -> None:
    with pytest.raises(UnknownTicket):
        desk.send("assign-ticket", ticket="C-999999", agent="kim")
    with pytest.raises(UnknownTicket):
        desk.send("assign-ticket", ticket="nobody's", agent="kim")
    with pytest.raises(UnknownCustomer):
        desk.ticket("nobody")
    with pytest.raises(UnknownCustomer):
        desk.send("buy-hours", customer_id="nobody", hours=5)


def test_a_case_number_names_its_ticket(desk: Desk, ticket: str) -> None:
    opened: Any = desk.events(f"ticket-{ticket}")[0].event
    answer = desk.send("assign-ticket", ticket=opened.case_number, agent="kim")
    assert body_of(answer)["stream_id"] == f"ticket-{ticket}"


def test_an_event_tells_who_caused_it_and_whose_it_is(desk: Desk, customer: str, ticket: str) -> None:
    (recorded,) = desk.events(f"ticket-{ticket}")
    metadata = recorded.metadata
    assert (metadata.actor, metadata.correlation_id, metadata.customer_id) == ("test", "a test", customer)
    assert metadata.command_id
    assert metadata.imported is None


def test_customers_cannot_have_two_live_subscriptions(desk: Desk, customer: str, rival: Rival) -> None:
    with pytest.raises(Refusal) as refused:
        desk.send("start-subscription", customer_id=customer, plan="standard", terms={"monthly_fee_cents": 1})
    assert refused.value.code == "subscription_exists"
    repeated = desk.send("start-subscription", customer_id=customer, plan="standard")
    assert body_of(repeated)["events"] == []


class LosingApplication(CaselogApplication):
    """Loses the connection once, just before or just after the append was committed: the sender cannot tell which."""

    name = "caselog"
    committed = True
    lost = 0

    def append(self, events: Sequence[RecordedEvent], **options: Any) -> int:
        if self.lost:
            return super().append(events, **options)
        self.lost += 1
        if self.committed:
            super().append(events, **options)
        raise OutcomeUnknown("the connection was lost during the append")


@pytest.mark.parametrize("committed", [True, False])
def test_after_a_lost_acknowledgement_the_key_tells_what_became_of_the_command(
    desk: Desk, ticket: str, database: str, schema: str, committed: bool
) -> None:
    environment = environment_of(database, schema)
    with LosingApplication(environment) as application:
        application.committed = committed
        losing = Dispatcher(application, desk.clock, HANDLERS)
        note: dict[str, Any] = {"ticket": ticket, "author": STAFF, "body": "once"}
        answer = desk.send("add-note", via=losing, key="k", **note)

    assert application.lost == 1
    assert answer.replayed is committed
    assert desk.send("add-note", key="k", **note).body == answer.body
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1", "NoteAdded.v1"]


def test_without_a_key_a_lost_acknowledgement_is_told_and_nothing_is_repeated(
    desk: Desk, ticket: str, database: str, schema: str
) -> None:
    environment = environment_of(database, schema)
    with LosingApplication(environment) as application, pytest.raises(OutcomeUnknown):
        losing = Dispatcher(application, desk.clock, HANDLERS)
        desk.send("add-note", via=losing, ticket=ticket, author=STAFF, body="once")
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1", "NoteAdded.v1"]
