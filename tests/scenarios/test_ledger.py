"""Where every cent and every second goes: rounding, double entry, and nothing twice or lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import instant, local


@scenario("B9")
def test_b9_amounts_are_rounded_half_up_once_for_each_draw(desk: Desk) -> None:
    """At $100.01 an hour a quarter is $25.00, a half $50.01, and a day's draws are rounded each for itself."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0, regular_rate_cents=100_01)
    case = desk.case()
    desk.at("Mon 2037-11-02 17:00")
    quarter = desk.works(case, "Mon 2037-11-02 10:00", minutes=15)
    half = desk.works(case, "Mon 2037-11-02 11:00", minutes=30)
    bill = desk.statement("2037-11")
    assert bill.drawn(quarter) == "on_demand 15 min $25.00", "2,500.25 cents"
    assert bill.drawn(half) == "on_demand 30 min $50.01", "5,000.5 cents"
    assert bill.total("on_demand") == "45 min $75.01"


@scenario("B9", "B10")
def test_b9_a_pack_that_is_used_up_has_earned_exactly_its_price(desk: Desk) -> None:
    """Drawn in odd pieces, a pack of five hours at $120.01 an hour earns $600.05, no cent more or less."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0, pack_rate_cents=120_01)
    case = desk.case()
    desk.buys(5)
    desk.at("Tue 2037-11-03 17:00")
    for minutes in (15, 75, 45, 105):
        desk.works(case, "Tue 2037-11-03 10:00", minutes=minutes)
    assert desk.balance("deferred_packs", "money") == -(600_05 - 480_04), "20 % are left"
    desk.works(case, "Tue 2037-11-03 10:00", minutes=60)
    assert desk.balance("deferred_packs", "money") == 0
    assert desk.balance("income:packs", "money") == -600_05


@scenario("B10")
def test_b10_every_posting_balances_and_names_its_cause(desk: Desk) -> None:
    """Fee, pack, work, and what a late entry changed: each entry of the ledger sums to nothing in money and in time."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.buys(5)
    desk.at("Fri 2037-11-06 17:00")
    desk.works(case, "Thu 2037-11-05 10:00", minutes=100, entry="later")
    desk.works(case, "Tue 2037-11-03 10:00", minutes=50, entry="earlier")
    entries = desk.asks("/v1/ledger", customer=ALPINE)["items"]
    assert {"month", "purchase", "work", "rerating"} <= {each["kind"] for each in entries}
    for each in entries:
        for commodity in ("money", "seconds"):
            assert sum(line["amount"] for line in each["lines"] if line["commodity"] == commodity) == 0
        # it names the events that caused it, its work date and its posting date
        assert each["positions"]
        assert each["posted_at"]
    (work,) = [each for each in entries if each["kind"] == "work" and each["subject"] == "earlier"]
    assert local(work["worked_at"]) == "Tue 2037-11-03 10:00"
    # and what is owed is what the statement says
    assert desk.balance("receivable", "money") == desk.statement("2037-11").body["totals"]["owed_cents"]


@scenario("B10", "B11")
def test_b10_a_posting_is_never_changed(desk: Desk) -> None:
    """What turns out later is a posting of its own; those before it stay as they are."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=90)
    before = desk.asks("/v1/ledger", customer=ALPINE)["items"]
    desk.corrects(case, work, minutes=30)
    after = desk.asks("/v1/ledger", customer=ALPINE)["items"]
    assert len(after) > len(before)
    assert [each for each in after if each in before] == before
    assert desk.balance("receivable", "money") == 150_00
    assert desk.balance("on_demand", "seconds") == 0


@scenario("B11")
def test_b11_a_request_that_is_repeated_is_carried_out_once(desk: Desk) -> None:
    """Sent again under its key, work gives the same answer and is billed once; the key is good for no other request."""
    desk.at("Mon 2037-11-02 12:00")
    desk.customer()
    case = desk.case()
    started = instant("Mon 2037-11-02 10:00").isoformat()
    work: dict[str, Any] = {
        "ticket": case,
        "agent": "kim",
        "activity": "support",
        "started_at": started,
        "duration_seconds": 1800,
    }
    first = desk.sends("log-work", key="k-1", **work)
    again = desk.sends("log-work", key="k-1", **work)
    assert again.bytes == first.bytes
    assert again.headers["idempotency-replayed"] == "true"
    assert len(desk.statement("2037-11").entries) == 1
    assert desk.statement("2037-11").allowance("left") == "30 min"
    problem = desk.sends("log-work", key="k-1", **work | {"duration_seconds": 60}).body
    assert problem["code"] == "idempotency_key_reused"
    # and so is a purchase
    for _ in range(2):
        desk.does("buy-hours", key="k-2", customer_id=ALPINE, hours=5)
    assert desk.statement("2037-11").total("packs") == "$600.00"


@scenario("B11")
def test_b11_no_grant_is_overdrawn_however_many_draw_on_it_at_once(desk: Desk) -> None:
    """Twelve agents log half an hour each at once: the hour and the pack cover six, and all twelve are billed."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(pack_step_hours=2)
    case = desk.case()
    pack = desk.buys(2)
    desk.at("Mon 2037-11-02 17:00")
    started = instant("Mon 2037-11-02 10:00").isoformat()
    facts = {"ticket": case, "activity": "support", "started_at": started, "duration_seconds": 1800}
    with ThreadPoolExecutor(max_workers=6) as agents:
        answers = list(agents.map(lambda number: desk.sends_apart("log-work", **facts, agent=f"a{number}"), range(12)))
    # then each that was acknowledged is on the bill, and no more was drawn than there was
    acknowledged = [answer.body["result"]["entry_id"] for answer in answers if answer.status in {200, 201}]
    assert len(acknowledged) == 12
    bill = desk.statement("2037-11")
    assert sorted(bill.entries) == sorted(acknowledged)
    assert bill.allowance("used") == "60 min"
    assert desk.pack(pack)["remaining_seconds"] == 0
    assert bill.total("on_demand") == "180 min $450.00"


@scenario("B9", "B8")
def test_b9_a_partial_credit_gives_back_the_difference_of_two_rounded_amounts(desk: Desk) -> None:
    """At $100.01 an hour 45 minutes are $75.01 and 30 are $50.01: a quarter less gives $25.00 back."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0, regular_rate_cents=100_01)
    case = desk.case()
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=45)
    assert desk.statement("2037-11").drawn(work) == "on_demand 45 min $75.01", "7,500.75 cents"
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    desk.corrects(case, work, minutes=30)
    assert desk.statement("2037-12").credited(work) == "on_demand 15 min $25.00"


@scenario("B10", "B6")
def test_b10_the_accounts_tell_where_all_money_and_time_went(desk: Desk) -> None:
    """Of an hour, a pack that expires, an emergency and on-demand work, the accounts have every cent and second."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(pack_validity_days=10)
    case = desk.case()
    desk.buys(5)
    desk.at("Mon 2037-11-02 17:00")
    desk.works(case, "Mon 2037-11-02 10:00", minutes=100)
    desk.at("Sat 2037-11-21 22:10")
    outage = desk.emergency()
    desk.accepts(outage)
    desk.rules(outage, "out_of_scope")
    desk.at("Wed 2037-12-02 09:00")
    desk.works(outage, "Sat 2037-11-21 22:30", minutes=30)
    desk.works(case, "Mon 2037-11-30 10:00", minutes=15)
    # then money: two fees, what of the pack was worked off and lost, on demand, and double for the emergency
    money = {
        "income:subscription": -300_00,
        "income:packs": -90_00,
        "income:breakage": -510_00,
        "income:on_demand": -37_50,
        "income:emergency": -150_00,
        "deferred_packs": 0,
        "receivable": 300_00 + 600_00 + 37_50 + 150_00,
    }
    assert {account: desk.balance(account, "money") for account in money} == money
    # and minutes: an hour a month and the pack granted; worked, and 5 more billed; 255 of the pack expired
    minutes = {
        "granted": -(120 + 300),
        "allowance": 60,
        "pack": 0,
        "worked": 145,
        "rounding": 5,
        "expired": 255,
        "on_demand": -15,
        "emergency": -30,
    }
    assert {account: desk.balance(account, "seconds") // 60 for account in minutes} == minutes


@scenario("B10", "B6")
def test_b10_a_late_draw_on_a_pack_that_has_expired_takes_back_what_its_end_had_earned(desk: Desk) -> None:
    """Four of five hours were lost on the 20th; an hour of the 15th told on the 25th leaves three lost."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0, pack_validity_days=10)
    case = desk.case()
    desk.at("Tue 2037-11-10 12:00")
    desk.buys(5)
    desk.at("Thu 2037-11-12 17:00")
    desk.works(case, "Thu 2037-11-12 10:00", minutes=60)
    desk.at("Wed 2037-11-25 12:00")

    def lost() -> tuple[int, int]:
        return desk.balance("expired", "seconds") // 3600, -desk.balance("income:breakage", "money")

    assert lost() == (4, 480_00)
    # when the late hour is told
    late = desk.works(case, "Sun 2037-11-15 10:00", minutes=60)
    assert desk.statement("2037-11").drawn(late) == "pack 60 min"
    assert lost() == (3, 360_00)
    # and made void again
    desk.does("void-work", ticket=case, entry_id=late, reason="It was another customer.")
    assert lost() == (4, 480_00)
    assert desk.balance("deferred_packs", "money") == 0
