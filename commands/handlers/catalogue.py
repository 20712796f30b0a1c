"""Which handler carries out which command."""

from collections.abc import Mapping
from types import MappingProxyType

from commands.dispatch import Handler
from commands.handlers import articles, customers, due, incidents, settings, tickets, topics, work

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "register-customer": customers.register_customer,
        "update-customer": customers.update_customer,
        "start-subscription": customers.start_subscription,
        "buy-hours": customers.buy_hours,
        "open-ticket": tickets.open_ticket,
        "assign-ticket": tickets.assign_ticket,
        "add-reply": tickets.add_reply,
        "add-note": tickets.add_note,
        "wait-for-customer": tickets.wait_for_customer,
        "wait-for-partner": tickets.wait_for_partner,
        "resume-ticket": tickets.resume_ticket,
        "log-work": work.log_work,
        "split-ticket": topics.split_ticket,
        "merge-ticket": topics.merge_ticket,
        "resolve-ticket": tickets.resolve_ticket,
        "reopen-ticket": tickets.reopen_ticket,
        "close-ticket": tickets.close_ticket,
        "declare-incident": incidents.declare_incident,
        "post-incident-update": incidents.post_incident_update,
        "link-incident": incidents.link_incident,
        "resolve-incident": incidents.resolve_incident,
        "publish-article": articles.publish_article,
        "revise-article": articles.revise_article,
        "retire-article": articles.retire_article,
        "publish-plan": settings.publish_plan,
        "publish-calendar": settings.publish_calendar,
        "publish-sla-policy": settings.publish_sla_policy,
        "record-due-ticket": due.record_due_ticket,
        "record-due-subscription": due.record_due_subscription,
    }
)
"""Every command by its name; those named `record-due-…` are the timekeeper's and no client's."""
