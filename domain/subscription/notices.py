"""A month's included time can be used up: the customer may want to buy hours (SUPPORT_POLICY R21)."""

from domain.rating.book import Book
from domain.subscription.commands import NoticeExhaustion
from domain.subscription.due import catch_up
from domain.subscription.events import AllowanceExhausted, SubscriptionEvent
from domain.subscription.state import Subscription


def notice_exhaustion(command: NoticeExhaustion, state: Subscription) -> list[SubscriptionEvent]:
    """Record that a month's allowance and rollover are drawn, once a month; nothing where some is left."""
    events, caught_up = catch_up(state, command.now)
    if command.month in state.exhausted or not _is_exhausted(caught_up.book, command.month):
        return []
    exhausted = AllowanceExhausted(
        occurred_at=command.now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=command.month,
    )
    return [*events, exhausted]


def _is_exhausted(book: Book, month: str) -> bool:
    """Whether a month had time to draw, of its own or rolled over, and none of it is left for work in it."""
    numbers = [number for number, each in enumerate(book.months) if each.month == month]
    if not numbers:
        return False
    own = book.months[numbers[-1]]
    granting = book.number_before(numbers[-1])
    rollover = 0 if granting is None else book.months[granting].rollover_seconds
    rollover_left = 0 if granting is None else book.months[granting].rollover_left
    return own.allowance_seconds + rollover > 0 and own.allowance_left + rollover_left == 0
