"""The data of commands about customers and what they subscribed to."""

from typing import Any, get_args

from marshmallow import ValidationError, validates_schema

from commands.wire.fields import Choice, Day, Email, Identifier, Instant, Line, Many, Part, Period, Text, WholeNumber
from commands.wire.schema import WireSchema
from commands.wire.settings import TermsOverride
from domain.budget import BudgetScope, Cadence
from domain.customer import Product

LONGEST_NAME = 200
LONGEST_REASON = 10_000
MOST_CONTACTS = 100
MOST_HOURS = 100_000
MOST_BUDGET_CENTS = 10**12


class PersonData(WireSchema):
    """Somebody with a name and an address."""

    name = Line(longest=LONGEST_NAME, required=True)
    email = Email(required=True)


class RegisterCustomer(WireSchema):
    """A customer becomes known to the desk."""

    customer_id = Identifier(metadata={"description": "Made by the desk where it is left out."})
    name = Line(longest=LONGEST_NAME, required=True)
    contacts = Many(Part(PersonData), most=MOST_CONTACTS, required=True)
    products = Many(Choice(get_args(Product)), most=len(get_args(Product)), distinct=True, required=True)
    account_manager = Line(longest=LONGEST_NAME)


class UpdateCustomer(WireSchema):
    """What the desk knows of a customer changes."""

    customer_id = Identifier(required=True)
    name = Line(longest=LONGEST_NAME, metadata={"description": "What is left out stays as it is."})
    contacts = Many(Part(PersonData), most=MOST_CONTACTS)
    products = Many(Choice(get_args(Product)), most=len(get_args(Product)), distinct=True)
    account_manager = Line(longest=LONGEST_NAME)


class StartSubscription(WireSchema):
    """A customer subscribes to a plan (SUPPORT_POLICY B2)."""

    customer_id = Identifier(required=True)
    plan = Identifier(required=True)
    starts_on = Day(metadata={"description": "First day, in the desk's zone; today where it is left out."})
    terms = Part(TermsOverride, metadata={"description": "Terms that differ from the plan's, for this customer."})


class BuyHours(WireSchema):
    """A pack of hours bought in advance (SUPPORT_POLICY R21, B6)."""

    customer_id = Identifier(required=True)
    hours = WholeNumber(
        least=1, most=MOST_HOURS, required=True, metadata={"description": "A multiple of the plan's step."}
    )
    effective_from = Instant(
        metadata={"description": "Moves what the pack covers, not its price; now where it is left out."}
    )


class OfSubscription(WireSchema):
    """A customer's subscription, named by its id or by the customer's."""

    subscription_id = Identifier(metadata={"description": "Either this or `customer_id`."})
    customer_id = Identifier(metadata={"description": "Either this or `subscription_id`."})

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _one_of_them(self, _data: dict[str, Any], sent: Any, **_: Any) -> None:
        named = {"subscription_id", "customer_id"}.intersection(sent) if isinstance(sent, dict) else None
        if named is not None and len(named) > 1:
            raise ValidationError({"subscription_id": ["must not be given together with customer_id"]})
        if named is not None and not named:
            raise ValidationError({"customer_id": ["is required, or else subscription_id"]})


class ChangePlan(OfSubscription):
    """A subscription goes on by another plan, or by other terms (SUPPORT_POLICY B2)."""

    plan = Identifier(required=True)
    terms = Part(TermsOverride, metadata={"description": "Terms that differ from the plan's, for this customer."})
    effective_on = Day(
        metadata={"description": "First day of a month that has not begun; of the next one where it is left out."}
    )


class CancelSubscription(OfSubscription):
    """A subscription ends with a month (SUPPORT_POLICY B2)."""

    reason = Text(longest=LONGEST_REASON, required=True)
    effective_on = Day(
        metadata={"description": "A day of the last month, which must not have ended; today where it is left out."}
    )


class ClosePeriod(WireSchema):
    """A month that has ended is closed; what is said later of its work is settled in the next (SUPPORT_POLICY B8)."""

    customer_id = Identifier(required=True)
    period = Period(required=True, metadata={"description": "The oldest open month."})


class SetBudget(WireSchema):
    """A budget is agreed on with a customer (SUPPORT_POLICY R23)."""

    customer_id = Identifier(required=True)
    cadence = Choice(get_args(Cadence), required=True, metadata={"description": "How long each span is."})
    amount_cents = WholeNumber(
        least=1, most=MOST_BUDGET_CENTS, required=True, metadata={"description": "For each span."}
    )
    scope = Choice(get_args(BudgetScope), required=True)
    starts_on = Day(
        required=True,
        metadata={"description": "Spans are whole months from the one of this date on; there it takes the scope over."},
    )
