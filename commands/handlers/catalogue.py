"""Which handler carries out which command."""

from collections.abc import Mapping
from types import MappingProxyType

from commands.dispatch import Handler
from commands.handlers import (
    articles,
    budgets,
    customers,
    decisions,
    due,
    incidents,
    policies,
    settings,
    tickets,
    topics,
    work,
)

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "register-customer": customers.register_customer,
        "update-customer": customers.update_customer,
        "start-subscription": customers.start_subscription,
        "buy-hours": customers.buy_hours,
        "set-budget": budgets.set_budget,
        "note-budget-use": budgets.note_budget_use,
        "open-ticket": tickets.open_ticket,
        "assign-ticket": tickets.assign_ticket,
        "add-reply": tickets.add_reply,
        "add-note": tickets.add_note,
        "escalate-ticket": tickets.escalate_ticket,
        "set-urgency": tickets.set_urgency,
        "set-complexity": tickets.set_complexity,
        "set-category": decisions.set_category,
        "request-emergency": decisions.request_emergency,
        "decide-emergency": decisions.decide_emergency,
        "rule-cause": decisions.rule_cause,
        "decide-scope": decisions.decide_scope,
        "schedule-call": tickets.schedule_call,
        "log-call": tickets.log_call,
        "plan-enhancement": tickets.plan_enhancement,
        "propose-alternative": tickets.propose_alternative,
        "wait-for-customer": tickets.wait_for_customer,
        "wait-for-partner": tickets.wait_for_partner,
        "resume-ticket": tickets.resume_ticket,
        "log-work": work.log_work,
        "correct-work": work.correct_work,
        "void-work": work.void_work,
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
        "announce-incident-resolution": policies.announce_incident_resolution,
        "notice-exhaustion": policies.notice_exhaustion,
    }
)
"""Every command by its name; those that `commands.wire` does not know are the timekeeper's and the policies'."""
