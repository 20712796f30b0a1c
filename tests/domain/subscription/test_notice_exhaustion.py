"""That nothing is left of a month's included time is recorded once (SUPPORT_POLICY R21)."""

from datetime import datetime

from domain.plan import TermsChange
from domain.subscription.commands import NoticeExhaustion
from domain.subscription.events import AllowanceExhausted
from tests.domain.subscription.sentences import cancel, correct, denver, since_november, work


def notice(now: datetime, month: str = "2026-11") -> NoticeExhaustion:
    return NoticeExhaustion(now=now, month=month)


def test_a_month_whose_allowance_is_drawn_is_exhausted_once() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 60))
    given.when(notice(denver(11, 4))).then(
        AllowanceExhausted(occurred_at=denver(11, 4), subscription_id="s-1", customer_id="c-1", month="2026-11")
    )
    given.having(notice(denver(11, 4))).when(notice(denver(11, 5))).then_nothing()


def test_it_is_not_said_again_after_a_correction_gave_some_back() -> None:
    given = since_november().having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 60),
        notice(denver(11, 4)),
        correct(denver(11, 5), "e-1", 15),
        correct(denver(11, 6), "e-1", 60),
    )
    given.when(notice(denver(11, 7))).then_nothing()


def test_as_long_as_a_second_is_left_a_month_is_not_exhausted() -> None:
    given = since_november(TermsChange(billing_increment_seconds=1, allowance_seconds=3601)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 60)
    )
    given.when(notice(denver(11, 4))).then_nothing()


def test_what_rolled_over_has_to_be_drawn_too() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=900)).having(work(denver(12, 3), "e-1", denver(12, 2), 60))
    given.when(notice(denver(12, 4), "2026-12")).then_nothing()
    drawn = given.having(work(denver(12, 4), "e-2", denver(12, 3), 15))
    assert drawn.when(notice(denver(12, 4), "2026-12")).events


def test_a_month_without_included_time_is_not_exhausted_by_being_empty() -> None:
    given = since_november(TermsChange(allowance_seconds=0)).having(work(denver(11, 3, 17), "e-1", denver(11, 3), 60))
    given.when(notice(denver(11, 4))).then_nothing()
    given.when(notice(denver(12, 4), "2026-12")).then_nothing()


def test_rollover_alone_can_be_exhausted_after_the_last_month() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=900)).having(
        cancel(denver(11, 10)), work(denver(12, 3), "e-1", denver(12, 2), 15)
    )
    assert given.when(notice(denver(12, 4), "2026-12")).events


def test_a_month_that_has_not_begun_is_not_exhausted() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 60))
    given.when(notice(denver(11, 4), "2026-12")).then_nothing()
    given.when(notice(denver(11, 4), "2026-10")).then_nothing()
