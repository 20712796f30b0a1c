"""R3: split and merge on a real log: both cases and the bill in one append, and what names a merged case."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from commands.dispatch import Handler
from commands.errors import UnknownTicket, VersionMismatch
from commands.handlers.catalogue import HANDLERS
from domain.tags import tag_of
from domain.ticket.refusals import (
    DifferentCustomers,
    EntryExists,
    SameTicket,
    TicketIsResolved,
    UnknownEntry,
    UnknownReply,
)
from tests.desk import MONDAY, PERSON, Desk, body_of

Rival = Callable[[Handler, Callable[[], object]], Handler]
STAFF = {"role": "staff", **PERSON}
TOPIC: dict[str, Any] = {"subject": "Another matter", "description": "And could you …", "category": "new_feature"}


@pytest.fixture
def other(desk: Desk, customer: str) -> str:
    """Return the id of a second case of the customer."""
    return desk.ticket(customer)


def types_of(desk: Desk, ticket: str) -> list[str]:
    return [tag_of(type(recorded.event)) for recorded in desk.events(f"ticket-{ticket}")]


def split(desk: Desk, ticket: str, **other: Any) -> Any:
    return body_of(desk.send("split-ticket", ticket=ticket, **TOPIC, **other))


def merge(desk: Desk, ticket: str, into: str, **other: Any) -> Any:
    return body_of(desk.send("merge-ticket", ticket=ticket, into=into, **other))


def log_work(desk: Desk, ticket: str, entry_id: str, seconds: int = 900) -> Any:
    desk.clock.instant = max(desk.clock.instant, MONDAY + timedelta(hours=2))
    data: dict[str, Any] = {"agent": "kim", "started_at": MONDAY, "duration_seconds": seconds, "activity": "research"}
    return body_of(desk.send("log-work", ticket=ticket, entry_id=entry_id, **data))


def reply(desk: Desk, ticket: str) -> int:
    position: int = body_of(desk.send("add-reply", ticket=ticket, author=STAFF, body="Hello"))["position"]
    return position


def case_number(desk: Desk, ticket: str) -> str:
    number: str = desk.events(f"ticket-{ticket}")[0].event.case_number  # type: ignore[attr-defined]
    return number


def test_a_split_makes_a_case_with_a_number_of_its_own(desk: Desk, ticket: str) -> None:
    answer = desk.send("split-ticket", ticket=ticket, **TOPIC)
    made = body_of(answer)["result"]

    assert answer.status == 201
    assert answer.location == f"/v1/tickets/{made['ticket_id']}"
    assert types_of(desk, ticket) == ["TicketOpened.v1", "TicketSplit.v1"]
    assert types_of(desk, made["ticket_id"]) == ["TicketOpened.v1", "TicketSplitOff.v1"]
    assert [event["position"] for event in body_of(answer)["events"]] == [
        desk.events(f"ticket-{ticket}")[1].position,
        *(recorded.position for recorded in desk.events(f"ticket-{made['ticket_id']}")),
    ]
    desk.send("assign-ticket", ticket=made["case_number"], agent="kim")


def test_the_inherited_clocks_name_the_events_of_the_source(desk: Desk, ticket: str) -> None:
    waiting = body_of(desk.send("wait-for-customer", ticket=ticket, reason="Which weekend?"))["position"]
    made = split(desk, ticket)["result"]["ticket_id"]
    taken = desk.events(f"ticket-{made}")[1].event

    opened = desk.events(f"ticket-{ticket}")[0].position
    assert [each.positions for each in taken.clocks] == [(opened,), (opened,)]  # type: ignore[attr-defined]
    assert [each.position for each in taken.pauses] == [waiting]  # type: ignore[attr-defined]


def test_a_reply_goes_with_the_topic_by_its_position(desk: Desk, ticket: str) -> None:
    position = reply(desk, ticket)
    made = split(desk, ticket, reply_positions=[position])["result"]["ticket_id"]

    with pytest.raises(UnknownReply):
        split(desk, ticket, reply_positions=[position])
    split(desk, made, reply_positions=[position])


def test_a_reply_of_another_case_is_none_of_this_one(desk: Desk, ticket: str, other: str) -> None:
    with pytest.raises(UnknownReply):
        split(desk, ticket, reply_positions=[reply(desk, other)])


def test_a_merge_is_one_append_to_both_cases(desk: Desk, ticket: str, other: str) -> None:
    body = merge(desk, ticket, case_number(desk, other))

    assert body["result"] == {"ticket_id": other, "case_number": case_number(desk, other)}
    assert [(event["stream_id"], event["type"]) for event in body["events"]] == [
        (f"ticket-{ticket}", "TicketMerged.v1"),
        (f"ticket-{other}", "TicketAbsorbed.v1"),
    ]
    first, second = (event["position"] for event in body["events"])
    assert second == first + 1


def test_the_same_merge_again_does_nothing(desk: Desk, ticket: str, other: str) -> None:
    first = merge(desk, ticket, other)
    again = merge(desk, ticket, other)
    assert again["events"] == []
    assert again["result"] == first["result"]


def test_what_names_a_merged_case_acts_on_the_one_that_goes_on(desk: Desk, ticket: str, other: str) -> None:
    merge(desk, ticket, other)
    answer = desk.send("add-reply", ticket=case_number(desk, ticket), author=STAFF, body="Hello")

    assert answer.location == f"/v1/tickets/{other}"
    assert types_of(desk, other)[-1] == "StaffReplied.v1"
    assert types_of(desk, ticket)[-1] == "TicketMerged.v1"


def test_cases_are_followed_along_a_chain_of_merges(desk: Desk, customer: str, ticket: str, other: str) -> None:
    last = desk.ticket(customer)
    merge(desk, ticket, other)
    merge(desk, other, last)
    desk.send("assign-ticket", ticket=ticket, agent="kim")
    assert types_of(desk, last) == ["TicketOpened.v1", "TicketAbsorbed.v1", "TicketAssigned.v1"]


def test_a_merged_case_named_as_survivor_is_the_one_that_goes_on_for_it(
    desk: Desk, customer: str, ticket: str, other: str
) -> None:
    merge(desk, other, ticket)
    third = desk.ticket(customer)
    assert merge(desk, third, other)["result"]["ticket_id"] == ticket


def test_two_cases_that_became_one_are_merged(desk: Desk, customer: str, ticket: str, other: str) -> None:
    last = desk.ticket(customer)
    merge(desk, ticket, last)
    merge(desk, other, last)
    assert merge(desk, ticket, other)["events"] == []


def test_a_case_is_not_merged_into_itself_by_another_name(desk: Desk, ticket: str, other: str) -> None:
    merge(desk, other, ticket)
    for into in (ticket, case_number(desk, ticket), other):
        with pytest.raises(SameTicket):
            merge(desk, ticket, into)


def test_the_timekeeper_finds_nothing_to_do_on_a_merged_case(desk: Desk, ticket: str, other: str) -> None:
    merge(desk, ticket, other)
    desk.clock.forward(days=30)
    desk.send("record-due-ticket", id=ticket)
    assert types_of(desk, ticket)[-1] == "TicketMerged.v1"


def test_if_match_is_about_the_case_that_the_request_names(desk: Desk, ticket: str, other: str) -> None:
    desk.send("assign-ticket", ticket=other, agent="kim")
    desk.send("assign-ticket", ticket=other, agent="lee")
    with pytest.raises(VersionMismatch):
        merge(desk, ticket, other, if_match=3)
    merge(desk, ticket, other, if_match=1)
    with pytest.raises(VersionMismatch):
        desk.send("assign-ticket", ticket=ticket, agent="mo", if_match=1)
    desk.send("assign-ticket", ticket=ticket, agent="mo", if_match=2)


def test_a_survivor_that_does_not_exist_is_named(desk: Desk, ticket: str) -> None:
    with pytest.raises(UnknownTicket) as unknown:
        merge(desk, ticket, "C-999999")
    assert unknown.value.pointer == "/into"


def test_cases_of_two_customers_are_not_merged(desk: Desk, ticket: str) -> None:
    with pytest.raises(DifferentCustomers):
        merge(desk, ticket, desk.ticket(desk.customer()))


# Rivals between the decision and the append


def test_a_split_of_a_case_that_a_rival_resolves_is_refused(desk: Desk, ticket: str, rival: Rival) -> None:
    def resolve() -> None:
        desk.send("resolve-ticket", ticket=ticket, resolution="done")

    overtaken = desk.dispatcher_with({"split-ticket": rival(HANDLERS["split-ticket"], resolve)})
    with pytest.raises(TicketIsResolved):
        split(desk, ticket, via=overtaken)


def test_a_merge_into_a_case_that_a_rival_resolves_is_refused(
    desk: Desk, ticket: str, other: str, rival: Rival
) -> None:
    def resolve() -> None:
        desk.send("resolve-ticket", ticket=other, resolution="done")

    overtaken = desk.dispatcher_with({"merge-ticket": rival(HANDLERS["merge-ticket"], resolve)})
    with pytest.raises(TicketIsResolved):
        merge(desk, ticket, other, via=overtaken)
    assert types_of(desk, ticket) == ["TicketOpened.v1"]


@pytest.mark.parametrize("written_to", ["source", "survivor"])
def test_a_reply_that_a_rival_adds_to_either_case_is_merged_too(
    desk: Desk, ticket: str, other: str, rival: Rival, written_to: str
) -> None:
    positions: list[int] = []
    named = ticket if written_to == "source" else other
    overtaken = desk.dispatcher_with(
        {"merge-ticket": rival(HANDLERS["merge-ticket"], lambda: positions.append(reply(desk, named)))}
    )
    merge(desk, ticket, other, via=overtaken)

    absorbed = desk.events(f"ticket-{other}")[-1].event
    assert absorbed.reply_positions == (tuple(positions) if written_to == "source" else ())  # type: ignore[attr-defined]


def test_a_case_that_a_rival_merges_elsewhere_takes_the_other_along(
    desk: Desk, customer: str, ticket: str, other: str, rival: Rival
) -> None:
    last = desk.ticket(customer)
    overtaken = desk.dispatcher_with(
        {"merge-ticket": rival(HANDLERS["merge-ticket"], lambda: merge(desk, other, last))}
    )
    assert merge(desk, ticket, other, via=overtaken)["result"]["ticket_id"] == last
    assert types_of(desk, other)[-1] == "TicketMerged.v1"


def test_of_two_merges_in_opposite_directions_one_is_made(desk: Desk, ticket: str, other: str, rival: Rival) -> None:
    overtaken = desk.dispatcher_with(
        {"merge-ticket": rival(HANDLERS["merge-ticket"], lambda: merge(desk, other, ticket))}
    )
    with pytest.raises(SameTicket):
        merge(desk, ticket, other, via=overtaken)
    assert types_of(desk, ticket) == ["TicketOpened.v1", "TicketAbsorbed.v1"]
    assert types_of(desk, other) == ["TicketOpened.v1", "TicketMerged.v1"]


# Work


def subscription_events(desk: Desk, body: Any) -> list[Any]:
    (stream_id,) = {e["stream_id"] for e in body["events"] if e["stream_id"].startswith("subscription-")}
    return [recorded.event for recorded in desk.events(stream_id)]


def test_work_goes_with_the_topic_in_the_same_append(desk: Desk, ticket: str) -> None:
    rated = log_work(desk, ticket, "e1")
    log_work(desk, ticket, "e2")
    body = split(desk, ticket, entry_ids=["e1"])

    moved = [event for event in body["events"] if event["stream_id"].startswith("subscription-")]
    assert moved, "the bill knows on which case the entry stands"
    revised = subscription_events(desk, body)[-1]
    assert (revised.entry_id, revised.ticket_id) == ("e1", body["result"]["ticket_id"])
    assert revised.work_class == "included", "it keeps its class although the new case is a new feature"
    assert [draw.seconds for draw in revised.draws] == [draw["seconds"] for draw in rated["result"]["draws"]]
    with pytest.raises(UnknownEntry):
        split(desk, ticket, entry_ids=["e1"])


def test_an_entry_that_a_rival_logs_is_merged_too(desk: Desk, ticket: str, other: str, rival: Rival) -> None:
    overtaken = desk.dispatcher_with(
        {"merge-ticket": rival(HANDLERS["merge-ticket"], lambda: log_work(desk, ticket, "late"))}
    )
    body = merge(desk, ticket, other, via=overtaken)
    revised = subscription_events(desk, body)[-1]
    assert (revised.entry_id, revised.ticket_id) == ("late", other)


def test_a_repeat_of_log_work_is_one_on_the_case_that_has_the_entry_now(desk: Desk, ticket: str, other: str) -> None:
    first = log_work(desk, ticket, "e1")
    merge(desk, ticket, other)
    for named in (ticket, other):
        again = log_work(desk, named, "e1")
        assert again["events"] == []
        assert [draw["seconds"] for draw in again["result"]["draws"]] == [
            draw["seconds"] for draw in first["result"]["draws"]
        ]


def test_an_entry_that_has_moved_away_is_not_logged_again(desk: Desk, ticket: str) -> None:
    log_work(desk, ticket, "e1")
    made = split(desk, ticket, entry_ids=["e1"])["result"]["ticket_id"]
    split(desk, made, entry_ids=["e1"])
    for named in (ticket, made):
        again = log_work(desk, named, "e1")
        assert again["events"] == []
        assert sum(draw["seconds"] for draw in again["result"]["draws"]) == 900
    with pytest.raises(EntryExists):
        log_work(desk, ticket, "e1", seconds=1800)


def test_an_entry_is_corrected_where_it_stands(desk: Desk, ticket: str, other: str) -> None:
    log_work(desk, ticket, "e1")
    merge(desk, ticket, other)
    desk.send("correct-work", ticket=ticket, entry_id="e1", duration_seconds=600, reason="shorter")
    assert types_of(desk, other)[-1] == "WorkCorrected.v1"
