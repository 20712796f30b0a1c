"""Plans: the terms that support is sold on, published in versions."""

from datetime import datetime

from domain.event import Event, Value


class Terms(Value, frozen=True, kw_only=True):
    """What a plan grants and costs (SUPPORT_POLICY B). Rates are by the hour, in minor units of `currency`."""

    currency: str
    monthly_fee_cents: int
    allowance_seconds: int
    regular_rate_cents: int
    pack_rate_cents: int
    pack_step_hours: int
    pack_validity_days: int | None
    emergency_multiplier: int
    billing_increment_seconds: int
    minimum_charge_seconds: int
    rollover_cap_seconds: int


class PlanPublished(Event, frozen=True, kw_only=True):
    """A version of a plan was published; subscriptions that start from `effective_from` on take it."""

    plan: str
    version: int
    terms: Terms
    effective_from: datetime
