"""What a subscription does with a command: it begins and ends, hours are bought, work is rated (B2-B9)."""

from typing import assert_never

from domain.subscription.closing import close_period
from domain.subscription.commands import (
    BuyHours,
    CancelSubscription,
    ChangePlan,
    ClosePeriod,
    NoticeExhaustion,
    RateWork,
    RecordDue,
    ReviseWork,
    StartSubscription,
    SubscriptionCommand,
)
from domain.subscription.due import catch_up
from domain.subscription.events import SubscriptionEvent
from domain.subscription.lifecycle import cancel, change_plan, start
from domain.subscription.notices import notice_exhaustion
from domain.subscription.packs import buy_hours
from domain.subscription.refusals import NoSubscription
from domain.subscription.state import Subscription
from domain.subscription.work import rate_work, revise_work


def decide(command: SubscriptionCommand, state: Subscription | None) -> list[SubscriptionEvent]:
    """Decide a command; `state` is `None` until the subscription was started.

    Raises a `Refusal` of `domain.subscription.refusals` or `domain.plan`.
    """
    if isinstance(command, StartSubscription):
        return start(command, state)
    if state is None:
        raise NoSubscription("the customer has no subscription")
    match command:
        case ChangePlan():
            return change_plan(command, state)
        case CancelSubscription():
            return cancel(command, state)
        case ClosePeriod():
            return close_period(command, state)
        case BuyHours():
            return buy_hours(command, state)
        case RateWork():
            return rate_work(command, state)
        case ReviseWork():
            return revise_work(command, state)
        case NoticeExhaustion():
            return notice_exhaustion(command, state)
        case RecordDue():
            return catch_up(state, command.now, without_subscription=False).events
        case _:
            assert_never(command)
