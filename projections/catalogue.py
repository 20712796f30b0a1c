"""Which views are there? The list that the projector runs and that `caselog rebuild` chooses from."""

from projections import (
    article,
    budget,
    customer,
    due,
    incident,
    ledger,
    notice,
    pause,
    queue,
    setting,
    sla,
    subscription,
    ticket,
    webhook,
)
from projections.view import View

VIEWS: tuple[View, ...] = (
    queue.VIEW,
    ticket.VIEW,
    sla.VIEW,
    ledger.VIEW,
    subscription.VIEW,
    customer.VIEW,
    due.VIEW,
    budget.VIEW,
    notice.VIEW,
    pause.VIEW,
    incident.VIEW,
    article.VIEW,
    setting.VIEW,
    webhook.VIEW,
)
