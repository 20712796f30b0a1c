"""The rules that forbid a command on a subscription, one class each."""

from domain.refusal import Refusal


class NoSubscription(Refusal):
    """The customer has no subscription, or the work was done before the first one started (B2)."""

    code = "no_subscription"


class SubscriptionExists(Refusal):
    """A customer has one live subscription (B2); this one differs from it."""

    code = "subscription_exists"


class PlanNotInForce(Refusal):
    """The plan has no version that was in force when the subscription starts."""

    code = "plan_not_in_force"
    pointer = "/starts_on"


class StartsTooEarly(Refusal):
    """A subscription that follows another one starts before months that are recorded without one, or closed (B2)."""

    code = "starts_too_early"
    pointer = "/starts_on"


class NotFirstOfMonth(Refusal):
    """A change of plan takes effect on the first day of a month (B2)."""

    code = "not_first_of_month"
    pointer = "/effective_on"


class MonthHasBegun(Refusal):
    """A change of plan takes effect with a month that has not begun (B2)."""

    code = "month_has_begun"
    pointer = "/effective_on"


class MonthHasEnded(Refusal):
    """A cancellation takes effect at the end of a month that has not ended (B2)."""

    code = "month_has_ended"
    pointer = "/effective_on"


class EndsBeforeStart(Refusal):
    """A cancellation takes effect at the end of a month of the subscription, its first at the earliest (B2)."""

    code = "ends_before_start"
    pointer = "/effective_on"


class PeriodBeforeStart(Refusal):
    """A month before the subscription's start has nothing to close (B8)."""

    code = "period_before_start"
    pointer = "/period"


class PeriodNotEnded(Refusal):
    """A month is closed once it has ended (B8)."""

    code = "period_not_ended"
    pointer = "/period"


class PeriodNotOldest(Refusal):
    """Months are closed oldest first (B8); an earlier one is open."""

    code = "period_not_oldest"
    pointer = "/period"


class HoursNotInSteps(Refusal):
    """Hours are sold in whole steps of the plan (R21)."""

    code = "hours_not_in_steps"
    pointer = "/hours"


class PackExists(Refusal):
    """A pack id names one purchase; this one differs from it."""

    code = "pack_exists"
    pointer = "/pack_id"


class EffectiveInFuture(Refusal):
    """A pack covers work from its purchase, or from an earlier instant, never from a later one (B6)."""

    code = "effective_in_future"
    pointer = "/effective_from"


class EffectiveTooEarly(Refusal):
    """A pack covers no work of a closed month or before the subscription's start (B6)."""

    code = "effective_too_early"
    pointer = "/effective_from"


class EntryRatedOtherwise(Refusal):
    """The entry was rated with other facts; facts of work are never edited (B1)."""

    code = "entry_rated_otherwise"
    pointer = "/entry_id"
