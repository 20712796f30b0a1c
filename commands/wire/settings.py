"""The data of commands that publish a setting of the desk, always the whole setting."""

from typing import Any, get_args

from marshmallow import fields

from commands.wire.fields import (
    Choice,
    Day,
    Flag,
    Identifier,
    Instant,
    Line,
    Many,
    Part,
    Table,
    Text,
    WholeNumber,
)
from commands.wire.schema import WireSchema
from domain.sla_policy import MOST_REMINDERS, ClockName
from domain.ticket.events import Category, Complexity, Urgency

MOST_CENTS = 1_000_000_000
MOST_SECONDS = 100_000_000
MOST_TARGET_SECONDS = 315_576_000
"""Ten years: a target beyond is a mistake of units."""
MOST_DAYS = 36_500
MOST_SPECIAL_DAYS = 5_000
MOST_TARGETS = 500
LONGEST_SPANS = 200
SPANS_PATTERN = r"^[0-9:\- ]*$"
EFFECTIVE_FROM = "When it takes effect; now where it is left out."


class Currency(Text):
    """An ISO 4217 code."""

    pattern = r"^[A-Z]{3}$"
    expected = "must be a currency code of three capital letters"

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=3, **options)


class Spans(Text):
    """Spans of local time, "09:00-12:00 13:00-16:00"; empty for a day without any. The calendar checks the times."""

    pattern = SPANS_PATTERN
    expected = 'must be spans of time such as "09:00-12:00 13:00-16:00"'

    def __init__(self, **options: Any) -> None:
        super().__init__(shortest=0, longest=LONGEST_SPANS, **options)


class TermsData(WireSchema):
    """What a plan grants and costs (SUPPORT_POLICY B); rates are by the hour, in minor units of the currency."""

    currency = Currency(required=True)
    monthly_fee_cents = WholeNumber(least=0, most=MOST_CENTS, required=True)
    allowance_seconds = WholeNumber(least=0, most=MOST_SECONDS, required=True)
    regular_rate_cents = WholeNumber(least=0, most=MOST_CENTS, required=True)
    pack_rate_cents = WholeNumber(least=0, most=MOST_CENTS, required=True)
    pack_step_hours = WholeNumber(least=1, most=1_000, required=True)
    pack_validity_days = WholeNumber(
        least=1, most=MOST_DAYS, required=True, allow_none=True, metadata={"description": "null: a pack never expires."}
    )
    emergency_multiplier = WholeNumber(least=1, most=100, required=True)
    billing_increment_seconds = WholeNumber(least=1, most=86_400, required=True)
    minimum_charge_seconds = WholeNumber(least=0, most=86_400, required=True)
    rollover_cap_seconds = WholeNumber(least=0, most=MOST_SECONDS, required=True)


class TermsOverride(TermsData):
    """Terms of one subscription that differ from its plan's; what is left out is as in the plan."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002
        """Make every field optional, without saying its type and bounds a second time."""
        field_obj.required = False


class PublishPlan(WireSchema):
    """A version of a plan."""

    plan = Identifier(required=True)
    terms = Part(TermsData, required=True)
    effective_from = Instant(metadata={"description": EFFECTIVE_FROM})


class PublishCalendar(WireSchema):
    """A version of a business calendar (SUPPORT_POLICY R6, T1)."""

    calendar = Identifier(required=True)
    tz = Line(longest=64, required=True, metadata={"description": "IANA time zone."})
    hours = Table(
        Line(longest=20), Spans(), most=20, required=True, metadata={"description": 'Spans by days: "mon-fri", "sat".'}
    )
    holidays = Many(Day(), most=MOST_SPECIAL_DAYS, distinct=True, required=True)
    overrides = Table(
        Day(), Spans(), most=MOST_SPECIAL_DAYS, required=True, metadata={"description": "Special days, their spans."}
    )
    breaks = Table(
        Day(), Spans(), most=MOST_SPECIAL_DAYS, required=True, metadata={"description": "Closed spans of a day."}
    )
    effective_from = Instant(metadata={"description": EFFECTIVE_FROM})


class WhenData(WireSchema):
    """What a ticket must be for a target to fit; what is left out fits every ticket."""

    urgency = Choice(get_args(Urgency))
    complexity = Choice(get_args(Complexity))
    category = Choice(get_args(Category))
    emergency = Flag(metadata={"description": "true: an accepted emergency."})


class TargetData(WireSchema):
    """How much of a calendar's time a clock may take (SUPPORT_POLICY T5)."""

    when = Part(WhenData, required=True)
    clock = Choice(get_args(ClockName), required=True)
    target_seconds = WholeNumber(
        least=0,
        most=MOST_TARGET_SECONDS,
        required=True,
        allow_none=True,
        metadata={"description": "null: no target, and later rows are not tried."},
    )
    calendar = Identifier(required=True, metadata={"description": 'A calendar\'s name, or "24x7".'})


class RemindersData(WireSchema):
    """When a customer who is waited for is asked again (SUPPORT_POLICY R16), in seconds of the desk's business time."""

    after_seconds = WholeNumber(least=1, most=MOST_TARGET_SECONDS, required=True)
    every_seconds = WholeNumber(least=1, most=MOST_TARGET_SECONDS, required=True)
    most = WholeNumber(least=0, most=MOST_REMINDERS, required=True, metadata={"description": "0: never."})


class PublishSlaPolicy(WireSchema):
    """A version of the SLA policy: the first target that fits a ticket counts."""

    policy = Identifier(required=True)
    targets = Many(Part(TargetData), most=MOST_TARGETS, required=True)
    reminders = Part(
        RemindersData, metadata={"description": "After 2 business days, then every 2, 3 times, where it is left out."}
    )
    effective_from = Instant(metadata={"description": EFFECTIVE_FROM})
