"""The shape of an explained line of a statement."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.http.shapes.billing import CreditShape, DrawShape
from api.http.shapes.common import Month, Position, Positions, Seconds, Shape
from domain.subscription.events import WorkClass

Rule = Annotated[str, Meta(description="The rules of the support policy that it follows from.", examples=["B5, B9"])]
Says = Annotated[str, Meta(description="The reason, for people.")]


class FactShape(Shape, kw_only=True):
    """Something that was recorded and that the line follows from."""

    position: Position
    occurred_at: datetime
    type: str
    says: Says


class BilledShape(Shape, kw_only=True):
    """How the billed time follows from the time worked, by the terms of the month that was worked in."""

    rule: Rule
    duration_seconds: Seconds
    billing_increment_seconds: Seconds
    minimum_charge_seconds: Seconds
    billed_seconds: Seconds
    says: Says


class RatingShape(Shape, kw_only=True):
    """As of when the entry is rated among the others."""

    rule: Rule
    rating_at: datetime
    says: Says


class SettlementShape(Shape, kw_only=True):
    """What stands of the entry in closed months against what is billed of it now; the difference is settled here."""

    rule: Rule
    frozen_seconds: Seconds
    frozen_class: WorkClass
    billed_seconds: Seconds
    says: Says
    positions: Positions


class GrantShape(Shape, kw_only=True):
    """What a grant that covers the entry had left when its turn came; in the order in which they are drawn."""

    source: Literal["rollover", "allowance", "pack"]
    month: Month | UnsetType = UNSET
    pack_id: str | UnsetType = UNSET
    left_seconds: Seconds
    expires_at: datetime | UnsetType = UNSET
    positions: Positions


class ExplainedDraw(DrawShape, kw_only=True):
    """A draw with its reason."""

    rule: Rule
    says: Says


class ExplainedCredit(CreditShape, kw_only=True):
    """A credit with its reason."""

    rule: Rule
    says: Says


class ExplanationShape(Shape, kw_only=True):
    """A work entry on the statement of a month; a closed month by what was known when it was closed.

    `settlement` is there where closed months have drawn of it, `rating` where something is rated in this month.
    """

    customer_id: str
    period: Month
    state: Literal["open", "closed"]
    entry_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    facts: list[FactShape]
    billed: BilledShape
    work_class: WorkClass = msgspec.field(name="class")
    settlement: SettlementShape | UnsetType = UNSET
    rating: RatingShape | UnsetType = UNSET
    grants: list[GrantShape]
    draws: list[ExplainedDraw]
    credits: list[ExplainedCredit]
    as_of_position: Position
