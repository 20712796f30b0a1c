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
