"""The examples of SUPPORT_POLICY B, to the cent."""

from domain.subscription.events import HourPackPurchased, MonthStarted, WorkRated, WorkRerated
from domain.subscription.refusals import HoursNotInSteps
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    allowance,
    buy,
    denver,
    draws,
    on_demand,
    pack,
    since_november,
    work,
)

NOVEMBER_OF_EXAMPLE_1 = since_november().having(
    work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
    work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
    buy(denver(11, 10)),
    work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
)


def test_example_1_allowance_then_on_demand_then_a_pack() -> None:
    events = NOVEMBER_OF_EXAMPLE_1.events
    assert draws(events) == {
        "nov-3": (allowance(45),),
        "nov-5": (allowance(15), on_demand(45, 112_50)),
        "nov-12": (pack(120),),
    }
    assert [each.billed_seconds for each in events if isinstance(each, WorkRated)] == [45 * 60, 60 * 60, 120 * 60]
    assert [each.price_cents for each in events if isinstance(each, HourPackPurchased)] == [600_00]
    assert [each.fee_cents for each in events if isinstance(each, MonthStarted)] == [150_00]
    state = NOVEMBER_OF_EXAMPLE_1.state
    assert isinstance(state, Subscription)
    assert state.book.packs["p-1"].remaining_seconds == 180 * 60


def test_example_2_late_work_re_rates_what_comes_after_it() -> None:
    late = work(denver(11, 15), "nov-2", denver(11, 2), 30)
    after = NOVEMBER_OF_EXAMPLE_1.having(late)
    assert draws(after.events) == {
        "nov-2": (allowance(30),),
        "nov-3": (allowance(30), on_demand(15, 37_50)),
        "nov-5": (on_demand(60, 150_00),),
        "nov-12": (pack(120),),
    }
    charged = [draw for each in draws(after.events).values() for draw in each if draw.source == "on_demand"]
    assert sum(draw.seconds for draw in charged) == 75 * 60
    assert sum(draw.amount_cents for draw in charged) == 187_50


def test_example_2_is_recorded_as_the_changes_of_draws_latest_first_and_then_the_late_entry() -> None:
    late = work(denver(11, 15), "nov-2", denver(11, 2), 30)
    nov_5, nov_3, nov_2 = NOVEMBER_OF_EXAMPLE_1.when(late).events
    assert isinstance(nov_5, WorkRerated)
    assert (nov_5.entry_id, nov_5.caused_by, nov_5.month) == ("nov-5", "nov-2", "2026-11")
    assert (nov_5.before, nov_5.draws) == ((allowance(15), on_demand(45, 112_50)), (on_demand(60, 150_00),))
    assert isinstance(nov_3, WorkRerated)
    assert (nov_3.before, nov_3.draws) == ((allowance(45),), (allowance(30), on_demand(15, 37_50)))
    assert isinstance(nov_2, WorkRated)
    assert (nov_2.entry_id, nov_2.draws) == ("nov-2", (allowance(30),))


def test_example_5_hours_are_sold_in_steps_of_five() -> None:
    refusal = since_november().when(buy(denver(11, 10), 7)).then_refused(HoursNotInSteps)
    assert (refusal.code, refusal.pointer) == ("hours_not_in_steps", "/hours")


def test_example_5_a_new_feature_is_on_demand_and_leaves_the_allowance_untouched() -> None:
    after = since_november().having(work(denver(11, 3, 17), "feature", denver(11, 3), 60, "billable"))
    assert draws(after.events) == {"feature": (on_demand(60, 150_00),)}
    assert isinstance(after.state, Subscription)
    assert after.state.book.months[0].allowance_left == 3600


def test_example_3_work_on_an_accepted_emergency_is_a_hold_at_double_rate() -> None:
    (rated,) = since_november().when(work(denver(11, 8, 9), "outage", denver(11, 7, 22, 10), 90, "pending")).events
    assert isinstance(rated, WorkRated)
    assert [(draw.source, draw.multiplier, draw.amount_cents) for draw in rated.draws] == [("hold", 2, 450_00)]
