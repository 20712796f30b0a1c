"""Why an entry is billed so: the facts, what each grant had left, and each draw and credit with its rule."""

from datetime import date, datetime
from typing import Any

from hypothesis import given, settings

from domain.event import Event
from domain.personal import Personal
from domain.recorded import RecordedEvent
from domain.subscription.events import PeriodClosed, SubscriptionEvent
from domain.ticket.events import (
    CategoryChanged,
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    ScopeDecided,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from projections.account import account_of
from projections.explanation import explanation, grants_before, tickets_of
from projections.statement import statement
from tests.domain.subscription.histories import History, happened, histories, long_histories, steps
from tests.domain.subscription.sentences import allowance, denver, on_demand, pack, rollover
from tests.projections.stories import METADATA, opened
from tests.projections.subscription_events import (
    bought,
    closed,
    credit,
    emergency,
    hold,
    month,
    plan_changed,
    rated,
    recorded,
    rerated,
    revised,
    settled,
    started,
    terms,
    waived,
    winter,
)

NOV_5 = rated(denver(11, 5), "nov-5", 50, allowance(60))


class Log:
    """A log that is written by hand, stream by stream."""

    def __init__(self) -> None:
        self.records: list[RecordedEvent] = []

    def add(self, stream_id: str, *events: Event) -> "Log":
        for event in events:
            position = len(self.records) + 1
            self.records.append(RecordedEvent(stream_id, position, event, METADATA, position))
        return self

    def of(self, kind: str) -> list[RecordedEvent]:
        return [each for each in self.records if each.originator_id.startswith(kind)]

    def explain(self, period: str = "2026-11", entry_id: str = "nov-5") -> dict[str, Any]:
        found = explanation(self.of("subscription"), self.of("ticket"), period, entry_id)
        assert found is not None
        return found


def said(moment: datetime, ticket_id: str = "t-1") -> dict[str, Any]:
    return {"occurred_at": moment, "ticket_id": ticket_id, "customer_id": "c-1"}


def logged(moment: datetime) -> WorkLogged:
    entry: dict[str, Any] = {"entry_id": "nov-5", "agent": "Ann", "activity": "research", "started_at": moment}
    return WorkLogged(duration_seconds=3000, **entry, **said(moment))


def begun() -> Log:
    """A case with work of 5 November, logged and rated."""
    log = Log().add("subscription-s-1", started(denver(11, 1), date(2026, 11, 1)), month("2026-11"))
    log.add("ticket-t-1", opened(ticket_id="t-1", customer_id="c-1"), logged(denver(11, 5)))
    return log.add("subscription-s-1", NOV_5)


def positions(found: dict[str, Any]) -> list[int]:
    return [fact["position"] for fact in found["facts"]]


@given(histories | long_histories)
@settings(max_examples=150)
def test_drawing_the_grants_as_explained_gives_the_draws_that_were_made(history: History) -> None:
    account = account_of(recorded(happened(history)))
    assert account is not None
    for row in account.work:
        for posting in row.postings:
            if posting.work_class not in {"included", "billable"}:
                assert grants_before(account, row, posting) == []
                continue
            needed = sum(draw.seconds for draw in posting.draws)
            expected: list[tuple[str, str | None, int]] = []
            for grant in grants_before(account, row, posting):
                assert grant["left_seconds"] >= 0
                if seconds := min(needed, grant["left_seconds"]):
                    needed -= seconds
                    expected.append((grant["source"], grant.get("pack_id") or grant.get("month"), seconds))
            if needed:
                expected.append(("on_demand", None, needed))
            assert [(draw.source, draw.pack_id or draw.month, draw.seconds) for draw in posting.draws] == expected


@given(long_histories)
@settings(max_examples=60)
def test_what_is_given_back_and_rated_anew_is_what_the_comparison_says(history: History) -> None:
    records = recorded(happened(history))
    account = account_of(records)
    assert account is not None
    for row in account.work:
        for posting in row.postings:
            found = explanation(records, [], posting.month, row.entry_id)
            assert found is not None
            back = sum(each["seconds"] for each in found["credits"])
            drawn = sum(each["seconds"] for each in found["draws"])
            compared = found.get("settlement")
            assert ("rating" in found) == bool(drawn)
            if compared is None:
                assert back == 0
            elif compared["frozen_class"] == found["class"]:
                difference = compared["billed_seconds"] - compared["frozen_seconds"]
                assert (drawn, back) == (max(difference, 0), max(-difference, 0))
            else:
                carried_over = found["class"] == "pending" and not drawn
                assert drawn == compared["billed_seconds"] or carried_over
                assert back == compared["frozen_seconds"]


@given(long_histories)
@settings(max_examples=60)
def test_a_closed_month_and_its_explanations_never_change(history: History) -> None:
    events: list[SubscriptionEvent] = []
    frozen: dict[str, tuple[Any, Any]] = {}
    for decided in steps(history):
        events += decided
        for event in decided:
            if isinstance(event, PeriodClosed):
                frozen[event.month] = shown_of(events, event.month)
    for period, then in frozen.items():
        assert shown_of(events, period) == then


def shown_of(events: list[SubscriptionEvent], period: str) -> tuple[Any, Any]:
    """The statement of a month, and the explanation of each of its lines."""
    records = recorded(events)
    account = account_of(records)
    assert account is not None
    lines = [explanation(records, [], period, row.entry_id) for row in account.work if row.posting(period)]
    assert all(lines)
    told: list[dict[str, Any]] = [statement(account, period), *(line for line in lines if line is not None)]
    for each in told:
        del each["as_of_position"]
    return told[0], told[1:]


def test_an_entry_of_its_own_month_is_explained_from_its_facts_to_its_draw() -> None:
    found = begun().explain()
    assert [(fact["position"], fact["type"]) for fact in found["facts"]] == [
        (3, "TicketOpened.v1"),
        (4, "WorkLogged.v1"),
    ]
    assert found["facts"][0]["says"] == "the case is how_to, included by default"
    assert found["facts"][1]["says"] == "Ann logged 50 min"
    assert found["billed"]["says"] == "50 min, rounded up to the next 15 min: 1 h"
    assert found["class"] == "included"
    assert found["rating"]["rating_at"] == denver(11, 5)
    assert found["grants"] == [
        {
            "source": "allowance",
            "month": "2026-11",
            "left_seconds": 3600,
            "expires_at": denver(12, 1, 0),
            "positions": (2,),
        }
    ]
    (draw,) = found["draws"]
    assert (draw["rule"], draw["says"], draw["positions"]) == ("B5", "1 h of the allowance of 2026-11", (5,))
    assert found["credits"] == []


def test_nothing_posted_in_the_month_is_nothing_to_explain() -> None:
    log = begun()
    assert explanation(log.of("subscription"), log.of("ticket"), "2026-12", "nov-5") is None
    assert explanation(log.of("subscription"), log.of("ticket"), "2026-11", "nov-6") is None
    assert explanation([], [], "2026-11", "nov-5") is None


def test_corrections_and_decisions_on_the_case_are_told_in_order() -> None:
    log = begun().add(
        "ticket-t-1",
        WorkCorrected(
            entry_id="nov-5",
            duration_seconds=1800,
            former_duration_seconds=3000,
            reason=Personal("Lunch"),
            **said(denver(11, 6)),
        ),
        CategoryChanged(category="new_feature", **said(denver(11, 6))),
        EmergencyAccepted(reason=Personal("Down"), **said(denver(11, 6))),
        CauseRuled(scope="out_of_scope", reason=Personal("Their host"), **said(denver(11, 6))),
        EmergencyDeclined(reason=Personal("Was not"), **said(denver(11, 6))),
        ScopeDecided(scope="billable", reason=Personal("Agreed"), **said(denver(11, 6))),
        WorkVoided(entry_id="other", former_duration_seconds=60, reason=Personal("…"), **said(denver(11, 6))),
        ScopeDecided(scope="waived", reason=Personal("Not this case"), **said(denver(11, 6), ticket_id="t-9")),
    )
    assert [fact["says"] for fact in log.explain()["facts"]][2:] == [
        "corrected from 50 min to 30 min: Lunch",
        "the case is new_feature, billable by default",
        "accepted as an emergency, pending a ruling: Down",
        "ruled out of scope: Their host",
        "declined as an emergency: Was not",
        "decided as billable: Agreed",
    ]


def test_of_the_ratings_anew_those_are_told_that_the_draws_follow_from() -> None:
    first = rerated(denver(11, 8), NOV_5, allowance(30), on_demand(30, 75_00), caused_by="nov-2")
    second = rerated(denver(11, 9), NOV_5, on_demand(60, 150_00), caused_by="nov-1", before=first.draws)
    found = begun().add("subscription-s-1", first, second).explain()
    assert positions(found) == [3, 4, 7]
    assert found["facts"][-1]["says"] == "it draws otherwise since nov-1 arrived or changed"


def test_a_decision_on_the_case_counts_while_the_entry_stands_on_it() -> None:
    moved = revised(denver(11, 7), NOV_5, ticket_id="t-2", case_number="C-000002")
    scope: dict[str, Any] = {"scope": "billable", "reason": Personal("Agreed")}
    log = begun().add("ticket-t-2", ScopeDecided(**scope, **said(denver(11, 6), "t-2")))
    log.add("subscription-s-1", moved)
    log.add("ticket-t-1", ScopeDecided(**scope, **said(denver(11, 8))))
    log.add("ticket-t-2", ScopeDecided(**scope, **said(denver(11, 9), "t-2")))
    found = log.explain()
    assert positions(found) == [3, 4, 7, 9]
    assert found["facts"][2]["says"] == "it moved to case C-000002 and keeps its class until that gets a decision"
    assert tickets_of(log.of("subscription"), "nov-5") == ["ticket-t-1", "ticket-t-2"]
    assert found["case_number"] == "C-000002"


def test_a_closed_month_is_explained_by_what_was_known_when_it_was_closed() -> None:
    log = begun().add("subscription-s-1", month("2026-12"), closed(denver(12, 2), "2026-11"))
    before = log.explain()
    back = credit(allowance(60), 60, "2026-11")
    log.add("ticket-t-1", ScopeDecided(scope="billable", reason=Personal("After all"), **said(denver(12, 3))))
    settlement = settled(
        denver(12, 3), NOV_5, "2026-12", work_class="billable", credits=(back,), draws=(on_demand(60, 150_00),)
    )
    log.add("subscription-s-1", settlement)
    assert log.explain() == {**before, "as_of_position": 9}
    later = log.explain("2026-12")
    assert (before["state"], later["state"]) == ("closed", "open")
    assert positions(later) == [3, 4, 8]
    assert later["rating"]["says"] == (
        "2026-11 was closed: it is rated as of the start of 2026-12, then the earliest open month"
    )
    (given_back,) = later["credits"]
    assert given_back["says"] == "1 h that 2026-11 drew from allowance; that of a closed month is not restored"
    assert given_back["rule"] == "B8"


def after_the_close(minutes: int, work_class: str = "included", **settlement: Any) -> Any:
    """What December says of an hour of included work that November closed with, once its facts are others."""
    log = begun().add("subscription-s-1", month("2026-12"), closed(denver(12, 2), "2026-11"))
    facts = {"billed_seconds": minutes * 60, "work_class": work_class, **settlement}
    log.add("subscription-s-1", settled(denver(12, 3), NOV_5, "2026-12", **facts))
    return log.explain("2026-12")


def test_a_credit_is_explained_by_what_stands_against_what_is_billed_now() -> None:
    found = after_the_close(30, credits=(credit(allowance(60), 30, "2026-11"),))
    assert found["settlement"] == {
        "rule": "B8",
        "frozen_seconds": 3_600,
        "frozen_class": "included",
        "billed_seconds": 1_800,
        "says": "closed months drew 1 h, and 30 min is billed now: 30 min is given back, last draw first",
        "positions": (5,),
    }
    assert "rating" not in found, "nothing is rated in December"
    assert found["grants"] == []


def test_what_is_rated_anew_after_a_close_is_the_difference() -> None:
    more = after_the_close(90, draws=(allowance(30, "2026-12"),))
    assert more["settlement"]["says"] == "closed months drew 1 h, and 1 h 30 min is billed now: 30 min is rated anew"
    assert "rating" in more
    other = after_the_close(
        60, "billable", credits=(credit(allowance(60), 60, "2026-11"),), draws=(on_demand(60, 150_00),)
    )
    assert other["settlement"]["says"] == (
        "it was included, and is billable now: all of the 1 h that closed months drew is given back, and 1 h rated anew"
    )


def test_where_no_month_was_closed_nothing_is_settled() -> None:
    assert "settlement" not in begun().explain()
    closed_as_it_was = begun().add("subscription-s-1", month("2026-12"), closed(denver(12, 2), "2026-11"))
    assert "settlement" not in closed_as_it_was.explain()


def test_the_billed_time_goes_by_the_terms_of_the_month_that_was_worked_in() -> None:
    dear = terms(billing_increment_seconds=3600, minimum_charge_seconds=7200)
    log = begun().add(
        "subscription-s-1",
        plan_changed(denver(11, 20), "2026-12", dear),
        month("2026-12", dear, plan="bigger", plan_version=1, terms=dear),
        rated(denver(12, 4), "dec-4", 50, allowance(60, "2026-12"), on_demand(60, 150_00)),
    )
    assert log.explain()["billed"]["billing_increment_seconds"] == 900
    assert (
        log.explain("2026-12", "dec-4")["billed"]["says"] == "50 min, rounded up to the next 1 h, but 2 h at least: 2 h"
    )


def test_the_terms_of_a_new_start_hold_from_its_month() -> None:
    new = terms(billing_increment_seconds=60)
    log = begun().add(
        "subscription-s-1",
        started(denver(12, 1), date(2026, 12, 10), new),
        month("2026-12", None),
        month("2026-12", new, starts_at=denver(12, 10, 0)),
        rated(denver(12, 11), "dec-11", 50, allowance(50, "2026-12")),
        rated(denver(12, 9), "dec-9", 50, on_demand(60, 150_00)),
    )
    assert log.explain("2026-12", "dec-11")["billed"]["billing_increment_seconds"] == 60
    assert [each["left_seconds"] for each in log.explain("2026-12", "dec-11")["grants"]] == [3600]
    assert log.explain("2026-12", "dec-9")["grants"] == []


def test_packs_are_told_in_the_order_in_which_they_are_drawn_with_what_was_left_of_each() -> None:
    log = Log().add(
        "subscription-s-1",
        started(denver(11, 1), date(2026, 11, 1)),
        month("2026-11"),
        bought(denver(11, 2), "lasting"),
        bought(denver(11, 3), "late", expires_at=denver(11, 20, 0)),
        bought(denver(11, 4), "soon", expires_at=denver(11, 10, 0)),
        bought(denver(11, 4), "gone", expires_at=denver(11, 5)),
        rated(denver(11, 4, 13), "nov-4", 60, pack(60, "soon"), work_class="billable"),
        rated(denver(11, 5), "nov-5", 60, pack(60, "soon"), work_class="billable"),
        bought(denver(11, 6), "after"),
    )
    grants = [(grant["pack_id"], grant["left_seconds"] // 60) for grant in log.explain()["grants"]]
    assert grants == [("soon", 240), ("late", 300), ("lasting", 300)]


def test_seconds_that_a_credit_restored_were_left_for_the_month_that_it_is_posted_in() -> None:
    log = Log().add("subscription-s-1", *winter()[:11])
    log.add("subscription-s-1", rated(denver(12, 5), "dec-5", 60, pack(60), work_class="billable"))
    assert [grant["left_seconds"] for grant in log.explain("2026-12", "dec-5")["grants"]] == [18_000 - 3600 + 1800]
    assert [grant["left_seconds"] for grant in log.explain("2026-11", "nov-20")["grants"]][-1] == 18_000


def test_every_source_says_what_was_drawn_and_by_which_rule() -> None:
    events: list[SubscriptionEvent] = [
        rated(denver(11, 6), "a", 60, rollover(15, "2026-10"), allowance(15), pack(15), on_demand(15, 37_50)),
        rated(denver(11, 6), "b", 15, pack(15), work_class="billable"),
        rated(denver(11, 6), "c", 15, emergency(15), work_class="emergency"),
        rated(denver(11, 6), "d", 15, hold(15), work_class="pending"),
        rated(denver(11, 6), "e", 15, waived(15), work_class="waived"),
    ]
    agreed = terms(rollover_cap_seconds=900)
    log = Log().add(
        "subscription-s-1",
        started(denver(10, 1), date(2026, 10, 1), agreed),
        month("2026-10", agreed),
        month("2026-11", agreed),
        bought(denver(11, 2)),
        *events,
    )
    told = {entry: [(each["rule"], each["says"]) for each in log.explain(entry_id=entry)["draws"]] for entry in "abcde"}
    assert told == {
        "a": [
            ("B5, B6", "15 min of what 2026-10 left over, which included work draws first"),
            ("B5", "15 min of the allowance of 2026-11"),
            ("B5", "15 min of pack p-1, after rollover and allowance, as the pack that expires soonest"),
            ("B5, B9", "15 min that no grant covers, on demand"),
        ],
        "b": [("B5", "15 min of pack p-1 as the pack that expires soonest")],
        "c": [("B5, B9", "15 min of an emergency out of scope, never from allowance or packs")],
        "d": [("B5", "15 min held until the cause is ruled on; not owed")],
        "e": [("B4", "15 min waived by decision")],
    }


def test_every_credit_says_what_becomes_of_the_time() -> None:
    work = rated(denver(11, 20), "nov-20", 60, pack(30), on_demand(30, 75_00))
    given_back = (
        credit(pack(30), 15, "2026-11", restored=True),
        credit(pack(30), 15, "2026-11", 30_00),
        credit(on_demand(30, 75_00), 30, "2026-11", 75_00),
    )
    log = begun().add(
        "subscription-s-1",
        bought(denver(11, 10)),
        work,
        month("2026-12"),
        closed(denver(12, 2), "2026-11"),
        settled(denver(12, 3), work, "2026-12", voided=True, billed_seconds=0, credits=given_back),
    )
    found = log.explain("2026-12", "nov-20")
    assert found["billed"]["says"] == "a void entry is not billed"
    assert [each["says"] for each in found["credits"]] == [
        "15 min that 2026-11 drew from pack p-1, to which they go back",
        "15 min that 2026-11 drew from pack p-1, which has expired: given back in money",
        "30 min billed on demand in 2026-11, given back",
    ]
