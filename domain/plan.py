"""Plans: the terms that support is sold on, published in versions."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from domain.event import Event, Value
from domain.refusal import Refusal
from domain.setting import InvalidSetting, effective_instant, in_force


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


class TermsChange(Value, frozen=True, kw_only=True):
    """Terms agreed with one customer in the place of the plan's; those left out are the plan's."""

    currency: str | UnsetType = UNSET
    monthly_fee_cents: int | UnsetType = UNSET
    allowance_seconds: int | UnsetType = UNSET
    regular_rate_cents: int | UnsetType = UNSET
    pack_rate_cents: int | UnsetType = UNSET
    pack_step_hours: int | UnsetType = UNSET
    pack_validity_days: int | UnsetType | None = UNSET
    emergency_multiplier: int | UnsetType = UNSET
    billing_increment_seconds: int | UnsetType = UNSET
    minimum_charge_seconds: int | UnsetType = UNSET
    rollover_cap_seconds: int | UnsetType = UNSET

    def of(self, terms: Terms) -> Terms:
        """Return the plan's terms with these in their place."""
        changes = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        return msgspec.structs.replace(terms, **changes)


class PlanPublished(Event, frozen=True, kw_only=True):
    """A version of a plan was published; subscriptions that start from `effective_from` on take it."""

    plan: str
    version: int
    terms: Terms
    effective_from: datetime


DEFAULT_PLAN = "standard"


def default_terms(currency: str) -> Terms:
    """Return the terms of a new desk's first plan (the example values of SUPPORT_POLICY B)."""
    return Terms(
        currency=currency,
        monthly_fee_cents=150_00,
        allowance_seconds=3600,
        regular_rate_cents=150_00,
        pack_rate_cents=120_00,
        pack_step_hours=5,
        pack_validity_days=None,
        emergency_multiplier=2,
        billing_increment_seconds=900,
        minimum_charge_seconds=0,
        rollover_cap_seconds=0,
    )


class PublishPlan(Value, frozen=True, kw_only=True):
    """Publish a version of a plan, in force from `effective_from` on (default: `now`).

    `currency` is the desk's; `founding` is set for the settings that come with a new desk.
    """

    now: datetime
    plan: str
    terms: Terms
    effective_from: datetime | None = None
    currency: str
    founding: bool = False


class Plan(Value, frozen=True, kw_only=True):
    """All versions of a plan, in the order of publication."""

    versions: tuple[PlanPublished, ...]

    def in_force(self, at: datetime) -> PlanPublished | None:
        """Return the version that a subscription takes which starts at an instant."""
        return in_force(self.versions, at)


class InvalidTerms(InvalidSetting):
    """Terms that nobody could be billed by; `errors` names each wrong field."""

    code = "invalid_terms"


class WrongCurrency(Refusal):
    """A desk bills in one currency, fixed when it was created (B2)."""

    code = "wrong_currency"
    pointer = "/terms/currency"


def decide(command: PublishPlan, state: Plan | None) -> list[PlanPublished]:
    """Publish the plan, unless the version that it would follow says the same.

    Raises `InvalidTerms`, `WrongCurrency` or `EffectiveInPast`.
    """
    check_terms(command.terms, command.currency)
    versions = state.versions if state else ()
    followed = in_force(versions, command.effective_from or command.now)
    if followed is not None and followed.terms == command.terms:
        return []
    return [
        PlanPublished(
            occurred_at=command.now,
            plan=command.plan,
            version=len(versions) + 1,
            terms=command.terms,
            effective_from=effective_instant(command.now, command.effective_from, founding=command.founding),
        )
    ]


def evolve(state: Plan | None, event: PlanPublished) -> Plan:
    """Fold one more version."""
    return Plan(versions=(*state.versions, event) if state else (event,))


_MOST = 1_000_000_000
_BOUNDS: dict[str, tuple[int, int]] = {
    "monthly_fee_cents": (0, _MOST),
    "allowance_seconds": (0, _MOST),
    "regular_rate_cents": (0, _MOST),
    "pack_rate_cents": (0, _MOST),
    "pack_step_hours": (1, 10_000),
    "pack_validity_days": (1, 36_500),
    "emergency_multiplier": (1, 100),
    "billing_increment_seconds": (1, 86_400),
    "minimum_charge_seconds": (0, 86_400),
    "rollover_cap_seconds": (0, _MOST),
}
"""Least and greatest value of each field; the upper ones keep amounts within 64 bits and dates within the calendar."""


def check_terms(terms: Terms, currency: str) -> None:
    """Refuse terms that have a wrong field, or another currency than the desk's.

    Raises `InvalidTerms`, which names each field, or `WrongCurrency`.
    """
    errors = [
        (f"/terms/{name}", f"must be from {least:,} to {most:,}")
        for name, (least, most) in _BOUNDS.items()
        if (value := getattr(terms, name)) is not None and not least <= value <= most
    ]
    if errors:
        raise InvalidTerms(errors)
    if terms.currency != currency:
        raise WrongCurrency(f"the desk bills in {currency}, not in {terms.currency}")
