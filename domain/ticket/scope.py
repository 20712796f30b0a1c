"""Is work on a case billed beside the subscription? (SUPPORT_POLICY B4, R22)."""

from typing import Literal

from domain.ticket.events import Category
from domain.ticket.state import Ticket

Scope = Literal["included", "billable"]

_BILLABLE: frozenset[Category] = frozenset(
    {
        "design_change",
        "new_feature",
        "feature_change",
        "enhancement",
        "third_party_training",
        "third_party_customisation",
        "specialised_project",
    }
)


def default_scope(category: Category) -> Scope:
    """The scope of a category without a decision on the case (B4)."""
    return "billable" if category in _BILLABLE else "included"


def work_class(ticket: Ticket) -> Scope:
    """The class of all entries on the case: by its category, as nothing was decided on it (B4)."""
    return default_scope(ticket.case.category)
