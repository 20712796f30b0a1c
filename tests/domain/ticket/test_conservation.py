"""R3: whatever two cases have lived through, a split or a merge loses and makes no time, no work and no reply."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clocks.arithmetic import due_at, elapsed_seconds
from domain.clocks.levels import ServiceLevels
from domain.clocks.state import Clocks, Instance
from domain.refusal import Refusal
from domain.ticket.commands import (
    Command,
    CorrectWork,
    DecideEmergency,
    DecideScope,
    LogCall,
    LogWork,
    OpenTicket,
    RequestEmergency,
    RuleCause,
    SetCategory,
    SetUrgency,
    TicketCommand,
    VoidWork,
)
from domain.ticket.decide import decide
from domain.ticket.refusals import RulingPending, TicketIsClosed, TicketIsResolved
from domain.ticket.scope import WorkFacts, work_facts
from domain.ticket.state import Closed, Resolved, Ticket
from tests.domain.clocks.test_random_lives import START, desks, minutes
from tests.domain.ticket.cases import (
    WORDS,
    closed,
    customer_writes,
    due_recorded,
    noted,
    opened,
    reopened,
    resolved,
    resumed,
    staff_replies,
    waits_for_customer,
    waits_for_partner,
)
from tests.domain.ticket.topics import NEW, SECOND, Told, merging, splitting

Act = Callable[[datetime, ServiceLevels], TicketCommand]


def of(command: type[Command], **fields: Any) -> Act:
    """An act of that command."""

    def act(now: datetime, levels: ServiceLevels) -> TicketCommand:
        made: Any = command(now=now, levels=levels, **fields)
        return made  # type: ignore[no-any-return]

    return act


def logs(number: int) -> Act:
    def act(now: datetime, levels: ServiceLevels) -> TicketCommand:
        started_at = now - timedelta(hours=1)
        fields: dict[str, Any] = {"agent": "bo", "started_at": started_at, "activity": "support"}
        return LogWork(now=now, levels=levels, entry_id=f"e{number}", duration_seconds=600 * number, **fields)

    return act


def waits(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return waits_for_customer(now, levels=levels)


def waits_for_other(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return waits_for_partner(now, levels=levels)


def resolves(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return resolved(now, levels=levels)


def calls(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return LogCall(now=now, levels=levels, at=now - timedelta(minutes=45), with_whom=WORDS)


COMMON: list[Act] = [
    customer_writes,
    customer_writes,
    staff_replies,
    noted,
    waits,
    waits_for_other,
    resumed,
    resolves,
    reopened,
    closed,
    calls,
    of(SetUrgency, urgency="high"),
    of(SetCategory, category="new_feature"),
    of(RequestEmergency, kind="after_hours", symptom="website_down"),
    of(DecideEmergency, accepted=True, reason=WORDS),
    of(RuleCause, scope="out_of_scope", reason=WORDS),
    of(DecideScope, scope="waived", reason=WORDS),
]


def on_entries(first: int) -> list[Act]:
    """What can be done with the entries of a case, which has ids of its own."""
    ids = range(first, first + 3)
    return [
        *(logs(number) for number in ids),
        *(of(CorrectWork, entry_id=f"e{number}", duration_seconds=7, reason=WORDS) for number in ids),
        of(VoidWork, entry_id=f"e{first}", reason=WORDS),
    ]


def lives(first_entry: int) -> st.SearchStrategy[list[tuple[int, Act]]]:
    acts = st.sampled_from([*COMMON, *on_entries(first_entry)])
    return st.lists(st.tuples(minutes, acts), max_size=14).map(lambda life: sorted(life, key=lambda each: each[0]))


class Lives(NamedTuple):
    """Two cases of a desk, each with what is done at which minute after its receipt, and when it ends."""

    levels: ServiceLevels
    first: Told
    second: Told
    now: datetime


@st.composite
def two_lives(draw: st.DrawFn) -> Lives:
    levels = draw(desks())
    receipts = [START + timedelta(minutes=draw(st.integers(0, 2000))) for _ in range(2)]
    first = told(levels, opened(receipts[0], levels), draw(lives(1)), 0)
    second = told(levels, opened(receipts[1], levels, ticket_id="t2", case_number="C-000002"), draw(lives(4)), SECOND)
    return Lives(levels, first, second, max(receipts) + timedelta(days=15, minutes=draw(minutes)))


def told(levels: ServiceLevels, request: OpenTicket, acts: list[tuple[int, Act]], after_position: int) -> Told:
    story = Told([])
    commands: list[TicketCommand] = [request]
    commands += [act(request.now + timedelta(minutes=minute), levels) for minute, act in acts]
    for command in commands:
        try:
            decided = decide(command, story.state if story.events else None)
        except Refusal:
            continue
        story = story.having(decided, after_position + len(story.events) + 1)
    return story


def looked_at(case: Told, lives: Lives, position: int = 90) -> Told:
    """The case once what fell due before the split or merge is recorded."""
    return case.having(decide(due_recorded(lives.now, lives.levels), case.state), position)


def instances(clocks: Clocks) -> dict[str, Instance]:
    return {each.clock: each for each in clocks.latest}


def counted(instance: Instance, clocks: Clocks, lives: Lives) -> int:
    return elapsed_seconds(instance, clocks.pauses_of(instance.clock), lives.levels.calendars, lives.now)


def billing(*states: Ticket) -> dict[str, WorkFacts]:
    """The facts of all entries but the case that each stands on."""
    found = [(key, facts) for state in states for key, facts in work_facts(state).items()]
    assert len(dict(found)) == len(found), "an entry stands on one case"
    return {
        key: WorkFacts(
            ticket_id="",
            case_number="",
            duration_seconds=facts.duration_seconds,
            voided=facts.voided,
            work_class=facts.work_class,
            purpose=facts.purpose,
        )
        for key, facts in found
    }


def due_as_counted(case: Told, lives: Lives) -> None:
    for each in case.clocks.running:
        if not each.missed:
            assert each.due_at == due_at(each, case.clocks.pauses_of(each.clock), lives.levels.calendars)


def pending_work(state: Ticket, entry_ids: Any) -> bool:
    emergency = state.case.emergency
    return bool(entry_ids) and state.case.is_emergency and emergency is not None and emergency.cause is None


@settings(max_examples=300)
@given(two_lives(), st.data())
def test_a_split_conserves_time_work_and_replies(lives: Lives, data: st.DataObject) -> None:
    source = looked_at(lives.first, lives)
    entry_ids = tuple(each.entry_id for each in source.state.case.entries if data.draw(st.booleans()))
    positions = tuple(each for each in source.replies if data.draw(st.booleans()))
    try:
        parted = splitting(lives.now, lives.first, levels=lives.levels, entry_ids=entry_ids, reply_positions=positions)
    except (TicketIsClosed, TicketIsResolved):
        assert isinstance(source.state, Closed | Resolved)
        return
    except RulingPending:
        assert pending_work(source.state, entry_ids)
        return
    stays, made = lives.first.having(parted.source, 90), Told([]).having(parted.new, NEW + 1)

    assert billing(stays.state, made.state) == billing(source.state)
    assert sorted((*stays.replies, *made.replies)) == sorted(source.replies)
    assert stays.clocks == source.clocks
    mine, copies = instances(source.clocks), instances(made.clocks)
    assert set(copies) == {
        each.clock
        for each in mine.values()
        if (each.ended_at is None and each.clock != "periodic_update") or each.clock == "first_response"
    }
    for name, copy in copies.items():
        assert (copy.number, copy.started_at, copy.ended_at) == (
            mine[name].number,
            mine[name].started_at,
            mine[name].ended_at,
        )
        assert counted(copy, made.clocks, lives) == counted(mine[name], source.clocks, lives)
        assert [each.breached_at for each in copy.breaches] == [each.breached_at for each in mine[name].breaches]
    due_as_counted(made, lives)


@settings(max_examples=300)
@given(two_lives())
def test_a_merge_conserves_time_work_and_replies(lives: Lives) -> None:
    source, survivor = looked_at(lives.first, lives), looked_at(lives.second, lives, 190)
    try:
        made = merging(lives.now, lives.first, lives.second, levels=lives.levels)
    except (TicketIsClosed, TicketIsResolved):
        assert isinstance(survivor.state, Closed | Resolved)
        return
    except RulingPending:
        assert pending_work(source.state, source.state.case.entries)
        return
    left, after = lives.first.having(made.source, 90), lives.second.having(made.survivor, 190)

    assert billing(after.state) == billing(source.state, survivor.state)
    assert billing(left.state) == {}
    assert sorted(after.replies) == sorted((*source.replies, *survivor.replies))
    for name, ended in instances(left.clocks).items():
        was = instances(source.clocks)[name]
        assert ended.end_kind == (was.end_kind or "cancelled")
        assert ended.breaches == was.breaches
        assert counted(ended, left.clocks, lives) == counted(was, source.clocks, lives)
    before, now = instances(survivor.clocks), instances(after.clocks)
    assert {k: v for k, v in now.items() if k != "next_response"} == {
        k: v for k, v in before.items() if k != "next_response"
    }
    if "next_response" in before:
        former, running = before["next_response"], now["next_response"]
        if former.ended_at is None:
            assert running.number == former.number
            assert running.started_at <= former.started_at
            assert running.breaches == former.breaches
    due_as_counted(after, lives)
    assert left.clocks.running == ()
