from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.plan import (
    InvalidTerms,
    Plan,
    PlanPublished,
    PublishPlan,
    Terms,
    WrongCurrency,
    decide,
    default_terms,
    evolve,
)
from domain.setting import EffectiveInPast
from tests.spec import Decider

plan: Decider[PublishPlan, Plan, PlanPublished] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TERMS = default_terms("USD")
DEARER = msgspec.structs.replace(TERMS, regular_rate_cents=200_00)


def publish(
    terms: Terms = TERMS,
    *,
    now: datetime = NOW,
    effective_from: datetime | None = None,
    founding: bool = False,
    currency: str = "USD",
) -> PublishPlan:
    return PublishPlan(
        now=now, plan="standard", terms=terms, effective_from=effective_from, currency=currency, founding=founding
    )


def published(version: int, terms: Terms, effective_from: datetime, *, now: datetime = NOW) -> PlanPublished:
    return PlanPublished(occurred_at=now, plan="standard", version=version, terms=terms, effective_from=effective_from)


FIRST = published(1, TERMS, datetime(1970, 1, 1, tzinfo=UTC))


def test_the_default_terms_are_those_of_the_support_policy() -> None:
    assert msgspec.structs.asdict(TERMS) == {
        "currency": "USD",
        "monthly_fee_cents": 15_000,
        "allowance_seconds": 3600,
        "regular_rate_cents": 15_000,
        "pack_rate_cents": 12_000,
        "pack_step_hours": 5,
        "pack_validity_days": None,
        "emergency_multiplier": 2,
        "billing_increment_seconds": 900,
        "minimum_charge_seconds": 0,
        "rollover_cap_seconds": 0,
    }


def test_a_plan_takes_effect_at_once_unless_it_says_otherwise() -> None:
    plan.given().when(publish()).then(published(1, TERMS, NOW))
    later = NOW + timedelta(days=8)
    plan.given(FIRST).when(publish(DEARER, effective_from=later)).then(published(2, DEARER, later))


def test_only_the_first_settings_of_a_desk_take_effect_in_the_past() -> None:
    past = NOW - timedelta(microseconds=1)
    plan.given().when(publish(effective_from=past)).then_refused(EffectiveInPast)
    plan.given().when(publish(effective_from=NOW)).then(published(1, TERMS, NOW))
    plan.given().when(publish(effective_from=past, founding=True)).then(published(1, TERMS, past))


def test_terms_that_are_in_force_already_are_not_published_again() -> None:
    plan.given(FIRST).when(publish()).then_nothing()
    plan.given(FIRST).when(publish(effective_from=NOW + timedelta(days=1))).then_nothing()


def test_the_same_request_again_changes_nothing_even_when_its_date_has_passed() -> None:
    command = publish(DEARER, effective_from=NOW + timedelta(days=8))
    given = plan.given(FIRST).having(command)
    given.when(command).then_nothing()
    given.when(msgspec.structs.replace(command, now=NOW + timedelta(days=9))).then_nothing()


def test_terms_may_return_to_what_they_were() -> None:
    given = plan.given(FIRST, published(2, DEARER, NOW))
    given.when(publish(TERMS, now=NOW + timedelta(days=1))).then(
        published(3, TERMS, NOW + timedelta(days=1), now=NOW + timedelta(days=1))
    )


def test_the_version_in_force_is_the_last_to_take_effect() -> None:
    state = plan.given(FIRST, published(2, DEARER, NOW)).state
    assert state is not None
    assert [version and version.version for version in map(state.in_force, _around(NOW))] == [1, 2, 2]
    assert state.in_force(datetime(1969, 12, 31, tzinfo=UTC)) is None


def test_a_plan_has_the_currency_of_the_desk() -> None:
    refusal = plan.given().when(publish(currency="EUR")).then_refused(WrongCurrency)
    assert refusal.pointer == "/terms/currency"


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("monthly_fee_cents", 0, 10**9),
        ("allowance_seconds", 0, 10**9),
        ("regular_rate_cents", 0, 10**9),
        ("pack_rate_cents", 0, 10**9),
        ("pack_step_hours", 1, 10_000),
        ("pack_validity_days", 1, 36_500),
        ("emergency_multiplier", 1, 100),
        ("billing_increment_seconds", 1, 86_400),
        ("minimum_charge_seconds", 0, 86_400),
        ("rollover_cap_seconds", 0, 10**9),
    ],
)
def test_each_field_has_its_bounds(field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert plan.given().when(publish(msgspec.structs.replace(TERMS, **{field: value}))).events
    for value in (least - 1, most + 1):
        outcome = plan.given().when(publish(msgspec.structs.replace(TERMS, **{field: value})))
        refusal = outcome.then_refused(InvalidTerms)
        assert isinstance(refusal, InvalidTerms)
        assert [pointer for pointer, _ in refusal.errors] == [f"/terms/{field}"]


def test_every_wrong_field_is_named() -> None:
    wrong = msgspec.structs.replace(TERMS, pack_step_hours=0, allowance_seconds=-1, emergency_multiplier=0)
    refusal = plan.given().when(publish(wrong)).then_refused(InvalidTerms)
    assert isinstance(refusal, InvalidTerms)
    assert [pointer for pointer, _ in refusal.errors] == [
        "/terms/allowance_seconds",
        "/terms/pack_step_hours",
        "/terms/emergency_multiplier",
    ]


def _around(at: datetime) -> tuple[datetime, datetime, datetime]:
    return at - timedelta(microseconds=1), at, at + timedelta(microseconds=1)
