"""What a customer has at an instant: state, plan, what is left of allowance and packs, and for how long."""

from datetime import date, datetime, timedelta
from typing import Any

from domain.subscription.events import Expiry, SubscriptionEvent
from projections.account import account_of
from projections.subscription_queries import subscription
from tests.domain.subscription.sentences import allowance, denver, on_demand, pack
from tests.projections.subscription_events import (
    bought,
    cancelled,
    closed,
    credit,
    emergency,
    grant_expired,
    month,
    plan_changed,
    rated,
    recorded,
    revised,
    settled,
    started,
    terms,
)

SIGNED = started(denver(10, 20), date(2026, 11, 1))
BEGUN: list[SubscriptionEvent] = [SIGNED, month("2026-11")]
NOON = denver(11, 11)
NEW_YEAR = denver(1, 1, 0, year=2027)


def shown(events: list[SubscriptionEvent], now: datetime = NOON) -> dict[str, Any]:
    account = account_of(recorded(events))
    assert account is not None
    return subscription(account, now)


def left(events: list[SubscriptionEvent], now: datetime = NOON) -> dict[str, tuple[int, int | None]]:
    """Of each pack the minutes that remain, and those that expired."""
    packs = shown(events, now)["packs"]
    return {
        each["pack_id"]: (each["remaining_seconds"] // 60, each.get("expired_seconds", 0) // 60 or None)
        for each in packs
    }


def test_before_its_first_month_a_subscription_has_not_started() -> None:
    found = shown([SIGNED], denver(10, 25))
    assert found["state"] == "not_started"
    assert "month" not in found
    assert "open_from" not in found
    assert found["allowance"]["granted_seconds"] == 0
    assert found["forecast"] == {}


def test_it_is_active_from_its_first_month_on() -> None:
    found = shown(BEGUN)
    assert (found["state"], found["month"], found["open_from"]) == ("active", "2026-11", "2026-11")
    assert found["allowance"]["left_seconds"] == 3600
    assert found["planned"] == []


def test_a_cancelled_one_is_active_to_its_end_and_cancelled_from_then_on() -> None:
    events = [*BEGUN, cancelled(denver(11, 5), "2026-11")]
    end = denver(12, 1, 0)
    assert shown(events, end - timedelta(seconds=1))["state"] == "active"
    assert shown(events, end)["state"] == "cancelled"
    assert shown(events)["ends_at"] == end


def test_nothing_of_a_month_that_ended_is_left_but_what_rolls_over_for_one_month() -> None:
    agreed = terms(rollover_cap_seconds=600)
    events: list[SubscriptionEvent] = [
        started(denver(11, 1), date(2026, 11, 1), agreed),
        month("2026-11", agreed),
        cancelled(denver(11, 5), "2026-11"),
    ]
    end = denver(12, 1, 0)
    assert shown(events, end - timedelta(seconds=1))["allowance"]["left_seconds"] == 3600
    assert shown(events, end)["allowance"]["left_seconds"] == 600
    gone = NEW_YEAR
    assert shown(events, gone - timedelta(seconds=1))["allowance"]["left_seconds"] == 600
    assert shown(events, gone)["allowance"]["left_seconds"] == 0


def test_one_that_starts_again_is_active_from_its_start_on_its_new_terms() -> None:
    agreed = terms(monthly_fee_cents=1)
    again = started(denver(11, 20), date(2026, 12, 10), agreed, plan="bigger")
    waiting = [*BEGUN, cancelled(denver(11, 5), "2026-11"), again]
    before = again.starts_at - timedelta(seconds=1)
    found = shown(waiting, before)
    assert (found["state"], found["plan"], found["starts_on"]) == ("cancelled", "standard", date(2026, 11, 1))
    assert (found["restart"]["plan"], found["restart"]["terms"]) == ("bigger", agreed)
    found = shown([*waiting, month("2026-12", None), month("2026-12", agreed, starts_at=again.starts_at)], NEW_YEAR)
    assert (found["state"], found["plan"], found["terms"]) == ("active", "bigger", agreed)
    assert found["starts_on"] == date(2026, 12, 10)
    assert "restart" not in found
    assert "ends_at" not in found


def test_a_month_without_a_subscription_before_the_new_start_does_not_begin_it() -> None:
    again = started(denver(11, 20), date(2026, 12, 10), terms(monthly_fee_cents=1), plan="bigger")
    events = [*BEGUN, cancelled(denver(11, 5), "2026-11"), again, month("2026-12", None)]
    found = shown(events, denver(12, 9))
    assert (found["state"], found["plan"], found["month"]) == ("cancelled", "standard", "2026-12")


def test_the_one_that_follows_can_be_cancelled_and_planned_for_before_it_starts() -> None:
    again = started(denver(11, 20), date(2026, 12, 10))
    events = [
        *BEGUN,
        plan_changed(denver(11, 2), "2027-01", terms(), "of the first"),
        cancelled(denver(11, 5), "2026-11"),
        again,
        plan_changed(denver(11, 21), "2027-01", terms(), "kept"),
        plan_changed(denver(11, 21), "2027-02", terms(), "dropped"),
        cancelled(denver(11, 22), "2027-01"),
    ]
    found = shown(events, denver(11, 23))
    assert [each["plan"] for each in found["planned"]] == ["kept"]
    assert (found["state"], found["ends_at"]) == ("active", denver(12, 1, 0))
    assert shown(events, NEW_YEAR)["ends_at"] == denver(2, 1, 0, year=2027)


def test_a_plan_to_come_is_told_and_takes_effect_with_its_month() -> None:
    bigger, biggest = terms(allowance_seconds=7200), terms(allowance_seconds=9000)
    planned = [
        *BEGUN,
        plan_changed(denver(11, 5), "2027-01", biggest, "biggest"),
        plan_changed(denver(11, 6), "2026-12", bigger),
    ]
    found = shown(planned)
    assert (found["plan"], found["terms"]) == ("standard", terms())
    assert [(each["month"], each["plan"], each["positions"]) for each in found["planned"]] == [
        ("2026-12", "bigger", (4,)),
        ("2027-01", "biggest", (3,)),
    ]
    begun = month("2026-12", bigger, plan="bigger", plan_version=3, terms=bigger)
    found = shown([*planned, begun], denver(12, 3))
    assert (found["plan"], found["plan_version"], found["terms"]) == ("bigger", 3, bigger)
    assert [each["plan"] for each in found["planned"]] == ["biggest"]


def test_for_the_same_month_the_last_change_holds() -> None:
    first, second = terms(allowance_seconds=1), terms(allowance_seconds=2)
    events = [*BEGUN, plan_changed(denver(11, 5), "2026-12", first), plan_changed(denver(11, 6), "2026-12", second)]
    assert [each["terms"] for each in shown(events)["planned"]] == [second]


def test_no_plan_is_ahead_of_a_month_after_the_last_unless_that_is_put_off() -> None:
    events = [
        *BEGUN,
        plan_changed(denver(11, 5), "2026-12", terms(), "kept"),
        plan_changed(denver(11, 5), "2027-01", terms(), "dropped"),
        cancelled(denver(11, 6), "2026-12"),
        plan_changed(denver(11, 7), "2027-02", terms(), "never"),
    ]
    assert [each["plan"] for each in shown(events)["planned"]] == ["kept"]
    put_off = [*events, cancelled(denver(11, 8), "2027-01")]
    assert [each["plan"] for each in shown(put_off)["planned"]] == ["kept", "dropped"]


def test_the_earliest_open_month_follows_the_one_closed_last() -> None:
    assert shown([*BEGUN, month("2026-12"), closed(denver(12, 2), "2026-11")], denver(12, 3))["open_from"] == "2026-12"


def test_a_pack_has_expired_at_its_instant_whether_that_was_recorded_or_not() -> None:
    end = denver(11, 15, 0)
    bought_and_used = [*BEGUN, bought(denver(11, 2), expires_at=end), rated(denver(11, 3), "nov-3", 120, pack(120))]
    recorded_too = [*bought_and_used, grant_expired(end, pack_left(180, amount_cents=360_00))]
    assert left(bought_and_used, end - timedelta(seconds=1)) == {"p-1": (180, None)}
    assert left(bought_and_used, end) == left(recorded_too, end) == {"p-1": (0, 180)}


def pack_left(minutes: int, amount_cents: int = 0) -> Expiry:
    return Expiry(source="pack", grant="p-1", month="2026-11", seconds=minutes * 60, amount_cents=amount_cents)


def test_late_work_draws_on_an_expired_pack_and_less_of_it_expired() -> None:
    end = denver(11, 15, 0)
    events = [
        *BEGUN,
        bought(denver(11, 2), expires_at=end),
        grant_expired(end, pack_left(300)),
        rated(denver(11, 3), "nov-3", 120, pack(120), occurred_at=denver(11, 16), expired=(pack_left(-120),)),
    ]
    assert left(events, denver(11, 17)) == {"p-1": (0, 180)}


def test_a_pack_gets_back_what_a_correction_restores_and_not_what_is_paid_out() -> None:
    work = rated(denver(11, 20), "nov-20", 120, pack(120))
    events = [*BEGUN, bought(denver(11, 2)), work, month("2026-12"), closed(denver(12, 2), "2026-11")]
    restored = settled(denver(12, 3), work, "2026-12", credits=(credit(pack(120), 60, "2026-11", restored=True),))
    paid_out = settled(denver(12, 3), work, "2026-12", credits=(credit(pack(120), 60, "2026-11", 120_00),))
    assert left([*events, restored], denver(12, 4)) == {"p-1": (240, None)}
    assert left([*events, paid_out], denver(12, 4)) == {"p-1": (180, None)}
    less = settled(
        denver(12, 4),
        work,
        "2026-12",
        credits_before=restored.credits,
        credits=(credit(pack(120), 15, "2026-11", restored=True),),
    )
    assert left([*events, restored, less], denver(12, 5)) == {"p-1": (195, None)}


def test_the_forecast_goes_by_the_use_of_the_recent_past() -> None:
    # 45 min in the ten days since the start: 15 min are left, which last a third of that.
    events = [*BEGUN, rated(denver(11, 3), "nov-3", 40, allowance(45))]
    now = denver(11, 11, 0)
    assert shown(events, now)["forecast"] == {
        "exhausted_at": now + (now - denver(11, 1, 0)) / 3,
        "included_seconds": 45 * 60,
        "billable_seconds": 0,
        "window_seconds": (now - denver(11, 1, 0)).total_seconds(),
    }


def test_only_what_grants_could_cover_is_use() -> None:
    mine = rated(denver(11, 3), "nov-3", 30, on_demand(30, 75_00), work_class="billable")
    none: list[SubscriptionEvent] = [
        rated(denver(11, 4), "nov-4", 30, emergency(30), work_class="emergency"),
        mine,
        revised(denver(11, 5), mine, voided=True, billed_seconds=0, draws=()),
    ]
    assert shown([*BEGUN, *none])["forecast"] == {}
    assert shown([*BEGUN, mine])["forecast"]["billable_seconds"] == 1800


def test_work_of_more_than_four_weeks_ago_is_no_recent_use() -> None:
    work = rated(denver(11, 3), "nov-3", 40, allowance(45))
    events = [*BEGUN, work, month("2026-12")]
    assert shown(events, work.started_at + timedelta(days=28))["forecast"] == {}
    assert shown(events, work.started_at + timedelta(days=28, seconds=-1))["forecast"]["included_seconds"] == 45 * 60


def test_what_the_months_bring_is_enough_for_ever() -> None:
    agreed = terms(allowance_seconds=360_000)
    events: list[SubscriptionEvent] = [
        started(denver(11, 1), date(2026, 11, 1), agreed),
        month("2026-11", agreed),
        rated(denver(11, 3), "nov-3", 40, allowance(45)),
    ]
    assert "exhausted_at" not in shown(events)["forecast"]
    ending = shown([*events, cancelled(denver(11, 5), "2026-12")])["forecast"]
    assert ending["exhausted_at"] == NEW_YEAR
    smaller = plan_changed(denver(11, 5), "2027-01", terms(allowance_seconds=0))
    assert shown([*events, smaller])["forecast"]["exhausted_at"] == ending["exhausted_at"]
    again = started(denver(11, 20), date(2027, 1, 1), agreed, starts_at=NEW_YEAR)
    ended = [*events, cancelled(denver(11, 5), "2026-12")]
    assert "exhausted_at" not in shown([*ended, again], denver(11, 21))["forecast"]
    later = started(denver(11, 20), date(2027, 1, 2), agreed, starts_at=denver(1, 2, 0, year=2027))
    assert shown([*ended, later], denver(11, 21))["forecast"]["exhausted_at"] == NEW_YEAR


def test_the_forecast_reckons_with_a_new_start_in_the_month_begun_last() -> None:
    agreed = terms(allowance_seconds=360_000)
    again = started(denver(11, 20), date(2026, 12, 10), agreed)
    begun: list[SubscriptionEvent] = [
        *BEGUN,
        cancelled(denver(11, 5), "2026-11"),
        bought(denver(11, 6)),
        rated(denver(11, 25), "nov-25", 40, pack(45)),
        again,
        month("2026-12", None),
    ]
    assert "exhausted_at" not in shown(begun, denver(12, 2))["forecast"]
    # Five hours in four weeks: two hours more last until the 13th, by when the allowance of the new start is there.
    gone = [*begun, rated(denver(12, 1), "dec-1", 255, pack(255))]
    now = denver(12, 2)
    assert shown(gone, now)["forecast"]["exhausted_at"] == now
    assert "exhausted_at" not in shown([*gone, bought(now, "p-2", 2)], now)["forecast"]
