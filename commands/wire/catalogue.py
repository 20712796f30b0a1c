"""Which commands there are, and what data each takes."""

import hashlib
from typing import Any

import msgspec

from commands.wire import customers, decisions, incidents, knowledge, settings, tickets, topics, webhooks
from commands.wire.json_text import canonical_json
from commands.wire.schema import WireSchema, load


class CommandType(msgspec.Struct, frozen=True):
    """A command as the wire knows it. The schema instance is shared: making one costs more than loading with it."""

    name: str
    schema: WireSchema

    @property
    def summary(self) -> str:
        """What the command says, in one line."""
        return (self.schema.__doc__ or "").strip().splitlines()[0]

    def load(self, data: Any) -> dict[str, Any]:
        """Return the command's data as Python values, or raise `InvalidData` with every wrong field."""
        return load(self.schema, data)

    def fingerprint(self, data: Any) -> str:
        """Return a digest of what was asked for, to tell a repeated request from another one under the same key.

        It is taken of the JSON as sent, whatever its spaces and the order of its names.
        """
        digest = hashlib.sha256(self.name.encode())
        digest.update(b"\0")
        digest.update(canonical_json(data))
        return digest.hexdigest()


COMMAND_TYPES: dict[str, CommandType] = {
    name: CommandType(name, schema())
    for name, schema in (
        ("register-customer", customers.RegisterCustomer),
        ("update-customer", customers.UpdateCustomer),
        ("start-subscription", customers.StartSubscription),
        ("change-plan", customers.ChangePlan),
        ("cancel-subscription", customers.CancelSubscription),
        ("buy-hours", customers.BuyHours),
        ("close-period", customers.ClosePeriod),
        ("set-budget", customers.SetBudget),
        ("open-ticket", tickets.OpenTicket),
        ("add-reply", tickets.AddReply),
        ("add-note", tickets.AddNote),
        ("assign-ticket", tickets.AssignTicket),
        ("escalate-ticket", tickets.EscalateTicket),
        ("set-urgency", tickets.SetUrgency),
        ("set-complexity", tickets.SetComplexity),
        ("set-category", tickets.SetCategory),
        ("request-emergency", decisions.RequestEmergency),
        ("decide-emergency", decisions.DecideEmergency),
        ("rule-cause", decisions.RuleCause),
        ("decide-scope", decisions.DecideScope),
        ("schedule-call", tickets.ScheduleCall),
        ("log-call", tickets.LogCall),
        ("plan-enhancement", tickets.PlanEnhancement),
        ("propose-alternative", tickets.ProposeAlternative),
        ("wait-for-customer", tickets.WaitForCustomer),
        ("wait-for-partner", tickets.WaitForPartner),
        ("resume-ticket", tickets.ResumeTicket),
        ("log-work", tickets.LogWork),
        ("correct-work", decisions.CorrectWork),
        ("void-work", decisions.VoidWork),
        ("split-ticket", topics.SplitTicket),
        ("merge-ticket", topics.MergeTicket),
        ("resolve-ticket", tickets.ResolveTicket),
        ("reopen-ticket", tickets.ReopenTicket),
        ("close-ticket", tickets.CloseTicket),
        ("declare-incident", incidents.DeclareIncident),
        ("post-incident-update", incidents.PostIncidentUpdate),
        ("link-incident", incidents.LinkIncident),
        ("resolve-incident", incidents.ResolveIncident),
        ("publish-article", knowledge.PublishArticle),
        ("revise-article", knowledge.ReviseArticle),
        ("retire-article", knowledge.RetireArticle),
        ("publish-plan", settings.PublishPlan),
        ("publish-calendar", settings.PublishCalendar),
        ("publish-sla-policy", settings.PublishSlaPolicy),
        ("create-webhook", webhooks.CreateWebhook),
        ("update-webhook", webhooks.UpdateWebhook),
        ("rotate-webhook-secret", webhooks.RotateWebhookSecret),
        ("disable-webhook", webhooks.DisableWebhook),
        ("enable-webhook", webhooks.EnableWebhook),
        ("delete-webhook", webhooks.DeleteWebhook),
        ("replay-webhook", webhooks.ReplayWebhook),
        ("retry-deliveries", webhooks.RetryDeliveries),
        ("drop-deliveries", webhooks.DropDeliveries),
    )
}
"""Every command by the name it has in addresses and in batches."""
