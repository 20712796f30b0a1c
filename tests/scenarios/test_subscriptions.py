"""Subscriptions: months and their fees, changes of plan, the end of a subscription, and how long hours last."""

from typing import Any

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, MINUTE, instant, local

PLUS = {
    "currency": "USD",
    "monthly_fee_cents": 400_00,
    "allowance_seconds": 3 * HOUR,
    "regular_rate_cents": 140_00,
    "pack_rate_cents": 110_00,
    "pack_step_hours": 10,
    "pack_validity_days": None,
    "emergency_multiplier": 3,
    "billing_increment_seconds": 600,
    "minimum_charge_seconds": 0,
    "rollover_cap_seconds": 0,
}


@scenario("B2")
def test_b2_the_fee_is_owed_whole_from_the_first_month_on_and_work_before_the_start_is_refused(desk: Desk) -> None:
    """A subscription from the 16th owes November's whole fee, has its whole hour, and takes no work of before."""
    desk.at("Mon 2037-11-16 09:00")
    desk.customer(starts_on="2037-11-16")
    case = desk.case()
    bill = desk.statement("2037-11")
    assert (bill.fee, bill.allowance("granted")) == ("$150.00", "60 min")
    early: dict[str, Any] = {"ticket": case, "agent": "kim", "activity": "support", "duration_seconds": 900}
    desk.refuses("log-work", "no_subscription", **early, started_at=instant("Sun 2037-11-15 23:59:59").isoformat())
    desk.does("log-work", **early, started_at=instant("Mon 2037-11-16 00:00").isoformat())
    # and there is one live subscription
    desk.refuses(
        "start-subscription", "subscription_exists", customer_id=ALPINE, plan="standard", starts_on="2037-11-17"
    )


@scenario("B2", "T1")
def test_b2_work_belongs_to_the_month_it_began_in_at_the_desk(desk: Desk) -> None:
    """Work begun at half past eleven on November 30 is November's, though it is December in UTC and when it ends."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-12-01 09:00")
    november = desk.works(case, "Mon 2037-11-30 23:30", minutes=60)
    december = desk.works(case, "Tue 2037-12-01 00:00", minutes=60)
    assert desk.statement("2037-11").entries == [november]
    assert desk.statement("2037-12").entries == [december]
    # and December's fee was posted when it began
    (fee,) = [each for each in _ledger(desk, "2037-12") if each["kind"] == "month"]
    assert local(fee["posted_at"]) == "Tue 2037-12-01 00:00"


def _ledger(desk: Desk, period: str) -> list[Any]:
    items: list[Any] = desk.asks("/v1/ledger", customer=ALPINE, period=period)["items"]
    return items


@scenario("B2", "R9")
def test_b2_a_change_of_plan_takes_effect_with_a_month_that_has_not_begun(desk: Desk) -> None:
    """Changed in November, the plan is another from December on; the rates are those of the month of the work."""
    desk.at("Mon 2037-11-02 09:00")
    desk.does("publish-plan", plan="plus", terms=PLUS)
    desk.customer()
    case = desk.case("new_feature")
    desk.refuses("change-plan", "month_has_begun", customer_id=ALPINE, plan="plus", effective_on="2037-11-01")
    desk.refuses("change-plan", "not_first_of_month", customer_id=ALPINE, plan="plus", effective_on="2037-12-02")
    # when the plan is changed, by default for the next month
    desk.does("change-plan", customer_id=ALPINE, plan="plus")
    assert desk.subscription()["plan"] == "standard"
    # then December has its fee, its allowance, its rate and its increment, and November those it had
    desk.at("Tue 2037-12-01 09:00")
    november = desk.works(case, "Mon 2037-11-30 10:00", minutes=10)
    december = desk.works(case, "Tue 2037-12-01 08:00", minutes=10)
    assert desk.subscription()["plan"] == "plus"
    assert desk.statement("2037-11").drawn(november) == "on_demand 15 min $37.50"
    bill = desk.statement("2037-12")
    assert (bill.fee, bill.allowance("granted")) == ("$400.00", "180 min")
    assert bill.drawn(december) == "on_demand 10 min $23.33"


@scenario("B2")
def test_b2_for_the_same_month_the_last_change_of_plan_holds(desk: Desk) -> None:
    """Two changes for December and one for January: December is as the second says, January as the third."""
    desk.at("Mon 2037-11-02 09:00")
    desk.does("publish-plan", plan="plus", terms=PLUS)
    desk.does("publish-plan", plan="lean", terms=PLUS | {"monthly_fee_cents": 50_00})
    desk.customer()
    desk.does("change-plan", customer_id=ALPINE, plan="standard", effective_on="2038-01-01")
    desk.does("change-plan", customer_id=ALPINE, plan="plus", effective_on="2037-12-01")
    desk.does("change-plan", customer_id=ALPINE, plan="lean", effective_on="2037-12-01")
    desk.at("Fri 2038-01-01 09:00")
    fees = [desk.statement(period).fee for period in ("2037-11", "2037-12", "2038-01")]
    assert fees == ["$150.00", "$50.00", "$150.00"]


@scenario("B2", "B6")
def test_b2_a_cancelled_subscription_ends_with_its_month_and_packs_go_on(desk: Desk) -> None:
    """Cancelled in November, December has no fee and no hour; work draws on packs, then costs the last rate."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    pack = desk.buys(5)
    desk.does("cancel-subscription", customer_id=ALPINE, reason="They build their own.")
    # then November is as it was
    assert desk.subscription()["state"] in {"active", "cancelled"}
    assert desk.statement("2037-11").allowance("left") == "60 min"
    # when work is done in December
    desk.at("Thu 2037-12-03 09:00")
    work = desk.works(case, "Wed 2037-12-02 10:00", minutes=330)
    # then the pack is drawn first, then it is on demand at November's rate, and no fee is owed
    bill = desk.statement("2037-12")
    assert desk.subscription()["state"] == "cancelled"
    assert bill.fee == "$0.00"
    assert bill.drawn(work) == "pack 300 min, on_demand 30 min $75.00"
    assert bill.owed == "$75.00"
    assert desk.pack(pack)["remaining_seconds"] == 0
    # and hours may still be bought
    desk.buys(5)


@scenario("B2", "B6")
def test_b2_a_later_subscription_takes_over_the_packs(desk: Desk) -> None:
    """After a cancellation a customer may subscribe again, not before the end; the hours it bought are there."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    pack = desk.buys(5)
    desk.does("cancel-subscription", customer_id=ALPINE, reason="A pause.")
    desk.refuses(
        "start-subscription", "subscription_exists", customer_id=ALPINE, plan="standard", starts_on="2037-11-30"
    )
    # when it subscribes again from February
    desk.at("Mon 2038-02-01 09:00")
    desk.does("start-subscription", customer_id=ALPINE, plan="standard", starts_on="2038-02-01")
    desk.at("Tue 2038-02-02 09:00")
    work = desk.works(case, "Mon 2038-02-01 10:00", minutes=90)
    # then the month has its fee and hour, and the pack covers the rest
    bill = desk.statement("2038-02")
    assert bill.fee == "$150.00"
    assert bill.drawn(work) == "allowance 60 min, pack 30 min"
    assert desk.pack(pack)["remaining_seconds"] == 270 * MINUTE
    assert desk.statement("2038-01").fee == "$0.00"


@scenario("B6")
def test_b6_a_rollover_serves_one_month_more_and_is_drawn_first(desk: Desk) -> None:
    """With a cap of half an hour, November's unused hour leaves 30 minutes for December, and they end with it."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(rollover_cap_seconds=1800)
    case = desk.case()
    # given nothing used in November
    desk.at("Thu 2037-12-03 09:00")
    assert desk.statement("2037-12").allowance("rollover") == "30 min"
    # when an hour is worked in December
    work = desk.works(case, "Wed 2037-12-02 10:00", minutes=45)
    # then the rollover goes first
    assert desk.statement("2037-12").drawn(work) == "rollover 30 min, allowance 15 min"
    # and January gets what is left of December's own hour, again at most half an hour
    desk.at("Mon 2038-01-04 09:00")
    assert desk.statement("2038-01").allowance("rollover") == "30 min"
    # and nothing of November is left: a December without work would have passed on no more either
    desk.at("Mon 2038-02-01 09:00")
    assert desk.statement("2038-02").allowance("rollover") == "30 min"


@scenario("B6")
def test_b6_an_allowance_ends_with_its_month(desk: Desk) -> None:
    """Without a rollover what is left of an hour is gone when the month is."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-12-01 09:00")
    last = desk.works(case, "Mon 2037-11-30 23:59", minutes=15)
    first = desk.works(case, "Tue 2037-12-01 00:00", minutes=75)
    assert desk.statement("2037-11").drawn(last) == "allowance 15 min"
    assert desk.statement("2037-12").drawn(first) == "allowance 60 min, on_demand 15 min $37.50"
    # and the ledger has nothing left of November's
    assert desk.balance("allowance:2037-11", "seconds") == 0


@scenario("B6")
def test_b6_a_pack_lasts_until_the_midnight_that_ends_its_last_day(desk: Desk) -> None:
    """Ten days from November 10 end at midnight after the 20th; what is left then is lost."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0, pack_validity_days=10)
    case = desk.case()
    desk.at("Tue 2037-11-10 12:00")
    pack = desk.buys(5)
    assert local(desk.pack(pack)["expires_at"]) == "Sat 2037-11-21 00:00"
    desk.at("Sat 2037-11-21 12:00")
    before = desk.works(case, "Tue 2037-11-10 11:00", minutes=15)
    first = desk.works(case, "Tue 2037-11-10 12:00", minutes=15)
    last = desk.works(case, "Fri 2037-11-20 23:59:59", minutes=15)
    after = desk.works(case, "Sat 2037-11-21 00:00", minutes=15)
    bill = desk.statement("2037-11")
    assert bill.drawn(first) == bill.drawn(last) == "pack 15 min"
    assert bill.drawn(before) == bill.drawn(after) == "on_demand 15 min $37.50"
    # and what was paid for the rest is earned by its end
    assert desk.balance("deferred_packs", "money") == 0
    assert desk.balance("income:packs", "money") + desk.balance("income:breakage", "money") == -600_00


@scenario("B6", "B7")
def test_b6_a_pack_may_cover_earlier_work_at_the_price_of_its_purchase(desk: Desk) -> None:
    """Bought on the 20th with effect from the 5th, a pack covers work of the 5th, not of the 4th."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0)
    case = desk.case()
    desk.at("Fri 2037-11-20 12:00")
    outside = desk.works(case, "Wed 2037-11-04 23:59", minutes=60)
    covered = desk.works(case, "Thu 2037-11-05 00:00", minutes=60)
    assert desk.statement("2037-11").total("on_demand") == "120 min $300.00"
    # when it is bought, neither of the future nor of before the subscription
    buying = {"customer_id": ALPINE, "hours": 5}
    future, before = instant("Fri 2037-11-20 12:01").isoformat(), instant("Sat 2037-10-31 12:00").isoformat()
    desk.refuses("buy-hours", "effective_in_future", **buying, effective_from=future)
    desk.refuses("buy-hours", "effective_too_early", **buying, effective_from=before)
    desk.buys(5, effective_from=instant("Thu 2037-11-05 00:00").isoformat())
    # then the work is rated anew
    bill = desk.statement("2037-11")
    assert bill.drawn(covered) == "pack 60 min"
    assert bill.drawn(outside) == "on_demand 60 min $150.00"
    assert bill.total("packs") == "$600.00"


@scenario("B5", "B6")
def test_b5_packs_that_expire_sooner_are_drawn_first(desk: Desk) -> None:
    """Of two packs the one that ends sooner is drawn first, though it was bought later."""
    desk.at("Mon 2037-11-02 09:00")
    desk.does("publish-plan", plan="lasting", terms=PLUS | {"pack_validity_days": 60, "allowance_seconds": 0})
    desk.does("publish-plan", plan="brief", terms=PLUS | {"pack_validity_days": 30, "allowance_seconds": 0})
    desk.customer(plan="lasting")
    case = desk.case()
    lasting = desk.buys(10)
    desk.does("change-plan", customer_id=ALPINE, plan="brief")
    desk.at("Tue 2037-12-01 09:00")
    brief = desk.buys(10)
    assert desk.pack(brief)["expires_at"] < desk.pack(lasting)["expires_at"]
    desk.at("Thu 2037-12-03 09:00")
    work = desk.works(case, "Wed 2037-12-02 08:00", minutes=11 * 60)
    draws = [(each["pack_id"], each["seconds"]) for each in desk.statement("2037-12").entry(work)["draws"]]
    assert draws == [(brief, 10 * HOUR), (lasting, HOUR)]


@scenario("B2", "B6")
def test_b2_a_subscription_ends_with_a_month_that_has_not_ended_and_later_changes_fall_away(desk: Desk) -> None:
    """Cancelled for December: a change of plan for January never takes effect, and the past cannot be cancelled."""
    desk.at("Mon 2037-11-02 09:00")
    desk.does("publish-plan", plan="plus", terms=PLUS)
    desk.customer()
    case = desk.case("new_feature")
    cancelling = {"customer_id": ALPINE, "reason": "They build their own."}
    desk.refuses("cancel-subscription", "month_has_ended", **cancelling, effective_on="2037-10-31")
    desk.does("change-plan", customer_id=ALPINE, plan="plus", effective_on="2038-01-01")
    desk.does("cancel-subscription", **cancelling, effective_on="2037-12-31")
    desk.at("Tue 2038-01-05 09:00")
    work = desk.works(case, "Mon 2038-01-04 10:00", minutes=60)
    assert [desk.statement(period).fee for period in ("2037-11", "2037-12", "2038-01")] == [
        "$150.00",
        "$150.00",
        "$0.00",
    ]
    assert desk.statement("2038-01").drawn(work) == "on_demand 60 min $150.00", "at December's rate"


@scenario("B6", "B2")
def test_b6_after_its_last_month_a_subscription_has_no_allowance_but_the_rollover(desk: Desk) -> None:
    """Cancelled in November with half an hour to roll over: December has that, and January nothing."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(rollover_cap_seconds=1800)
    case = desk.case()
    desk.does("cancel-subscription", customer_id=ALPINE, reason="They build their own.")
    desk.at("Mon 2037-11-30 23:59")
    assert desk.statement("2037-12").allowance("left") == "0 min"
    desk.at("Tue 2037-12-01 00:00")
    assert desk.statement("2037-12").allowance("left") == "30 min"
    desk.at("Fri 2038-01-01 00:00")
    assert desk.statement("2038-01").allowance("left") == "0 min"
    desk.at("Tue 2038-01-05 09:00")
    december = desk.works(case, "Tue 2037-12-01 10:00", minutes=15)
    january = desk.works(case, "Mon 2038-01-04 10:00", minutes=15)
    assert desk.statement("2037-12").drawn(december) == "rollover 15 min"
    assert desk.statement("2038-01").drawn(january) == "on_demand 15 min $37.50"


@scenario("B2")
def test_b2_a_desk_bills_in_one_currency(desk: Desk) -> None:
    """Terms in another currency than the desk's are refused."""
    desk.at("Mon 2037-11-02 09:00")
    desk.refuses("publish-plan", "wrong_currency", plan="plus", terms=PLUS | {"currency": "EUR"})


@scenario("B2", "R14")
def test_b2_an_emergency_costs_the_multiplier_of_the_month_it_was_worked_in(desk: Desk) -> None:
    """On a plan with three times the rate from December on, November's emergency costs double, December's triple."""
    desk.at("Sat 2037-11-28 22:10")
    desk.does("publish-plan", plan="plus", terms=PLUS)
    desk.customer()
    desk.does("change-plan", customer_id=ALPINE, plan="plus")
    case = desk.emergency()
    desk.accepts(case)
    desk.rules(case, "out_of_scope")
    desk.at("Tue 2037-12-01 09:00")
    november = desk.works(case, "Mon 2037-11-30 23:00", minutes=60)
    december = desk.works(case, "Tue 2037-12-01 00:00", minutes=60)
    assert desk.statement("2037-11").drawn(november) == "emergency 60 min $300.00"
    assert desk.statement("2037-12").drawn(december) == "emergency 60 min $420.00"


@scenario("B6", "B7")
def test_b6_late_work_takes_from_the_rollover_what_it_takes_from_the_month(desk: Desk) -> None:
    """November's work told in December leaves less to roll over once less than the cap is left."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(rollover_cap_seconds=1800)
    case = desk.case()
    desk.at("Thu 2037-12-03 09:00")
    december = desk.works(case, "Wed 2037-12-02 10:00", minutes=45)
    # when a quarter of November's hour is used after all, 45 minutes are left of it: half an hour still rolls over
    desk.works(case, "Mon 2037-11-30 10:00", minutes=15)
    assert desk.statement("2037-12").drawn(december) == "rollover 30 min, allowance 15 min"
    # when another half hour is, 15 minutes are left
    desk.works(case, "Mon 2037-11-30 11:00", minutes=30)
    assert desk.statement("2037-12").drawn(december) == "rollover 15 min, allowance 30 min"
