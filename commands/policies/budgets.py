"""When a customer's budget is used to 50, 80 or 100 %, that is noticed once a span (SUPPORT_POLICY R23)."""

from collections.abc import Iterator, Sequence

from commands.policies.policy import Intent, Policy
from domain.budget import BudgetSet
from domain.recorded import RecordedEvent
from domain.subscription.events import HourPackPurchased, MonthStarted, WorkRated, WorkRerated, WorkRevised

BillingEvent = MonthStarted | HourPackPurchased | WorkRated | WorkRerated | WorkRevised


def note_budget_use(cause: RecordedEvent, _stream: Sequence[RecordedEvent]) -> Iterator[Intent]:
    """Ask how far the budgets of a customer are used, after a change of what it owes or of a budget."""
    event = cause.event
    if isinstance(event, BillingEvent | BudgetSet):
        yield Intent(command="note-budget-use", subject=event.customer_id, data={"customer_id": event.customer_id})


NOTE_BUDGET_USE = Policy(
    name="budget use",
    on=(MonthStarted, HourPackPurchased, WorkRated, WorkRerated, WorkRevised, BudgetSet),
    react=note_budget_use,
)
