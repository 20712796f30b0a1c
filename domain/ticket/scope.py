"""How is work on a case billed? (SUPPORT_POLICY B4, R22)"""

from collections.abc import Mapping
from typing import Literal

from domain.event import Value
from domain.subscription.events import Purpose, WorkClass
from domain.ticket.case import Case
from domain.ticket.events import Category, CauseScope, ScopeDecision
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


class WorkFacts(Value, frozen=True, kw_only=True):
    """What the customer's subscription has to know of an entry as its case now has it.

    `duration_seconds` is as last corrected, also of a voided entry.
    """

    ticket_id: str
    case_number: str
    duration_seconds: int
    voided: bool
    work_class: WorkClass
    purpose: Purpose


def default_scope(category: Category) -> Scope:
    """The scope of a category without a decision on the case (B4)."""
    return "billable" if category in _BILLABLE else "included"


def purpose_of(category: Category) -> Purpose:
    """What a budget counts work on a case of the category as (R23); training improves nothing of the customer's."""
    billable = default_scope(category) == "billable" and category != "third_party_training"
    return "enhancement" if billable else "maintenance"


def work_class(ticket: Ticket) -> WorkClass:
    """The class of all entries on the case but those that moved here and keep theirs (B4)."""
    return class_of(ticket.case)


def class_of(case: Case) -> WorkClass:
    """The class of all work on a case but what keeps its own."""
    return class_by(
        category=case.category,
        decision=None if case.scope is None else case.scope.scope,
        is_emergency=case.is_emergency,
        cause=None if case.emergency is None else case.emergency.cause,
    )


def class_by(
    *, category: Category, decision: ScopeDecision | None, is_emergency: bool, cause: CauseScope | None
) -> WorkClass:
    """The class by the first that holds: waived, an accepted emergency and its cause, decision, category (B4)."""
    if decision == "waived":
        return "waived"
    if is_emergency:
        match cause:
            case None:
                return "pending"
            case "in_scope":
                return "included"
            case "out_of_scope":
                return "emergency"
    return default_scope(category) if decision is None else decision


def work_facts(ticket: Ticket) -> Mapping[str, WorkFacts]:
    """The entries that stand on the case, by id, as they are to be billed."""
    case = ticket.case
    own_class, own_purpose = class_of(case), purpose_of(case.category)
    return {
        each.entry_id: WorkFacts(
            ticket_id=case.ticket_id,
            case_number=case.opened.case_number,
            duration_seconds=each.duration_seconds,
            voided=each.voided,
            work_class=each.kept_class or own_class,
            purpose=each.kept_purpose or own_purpose,
        )
        for each in case.entries
    }
