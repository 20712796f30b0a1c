"""The data of commands about customers and what they subscribed to."""

from typing import get_args

from commands.wire.fields import Choice, Day, Email, Identifier, Instant, Line, Many, Part, WholeNumber
from commands.wire.schema import WireSchema
from commands.wire.settings import TermsOverride
from domain.budget import BudgetScope, Cadence
from domain.customer import Product

LONGEST_NAME = 200
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
