"""Which roles may use which route: the one place where that is said. A route that is not named here is open to nobody.

`tests/api/http/test_access.py` has the same table written out by hand, and tries every route with every role.
"""

from typing import get_args

from commands.wire.catalogue import COMMAND_TYPES
from domain.api_key import Role

Roles = frozenset[Role]

EVERYBODY: Roles = frozenset(get_args(Role))
MANAGER: Roles = frozenset({"manager"})
SERVICES: Roles = frozenset({"manager", "service"})
STAFF: Roles = SERVICES | {"agent"}
READERS: Roles = STAFF | {"auditor"}
"""Who reads everything, the log included."""
VIEWERS: Roles = READERS | {"reporting"}
"""Who reads views."""

OPEN_ENDPOINTS = frozenset(
    {
        "health.live",
        "health.ready",
        "docs.index",
        "docs.openapi",
        "docs.asyncapi",
        "docs.problem",
        "docs.page",
        "docs.start",
        "docs.asset",
    }
)
"""Routes that need no key: whether the service lives, and how to use it."""

_RULINGS = (
    "decide-emergency",
    "rule-cause",
    "decide-scope",
    "close-period",
    "publish-plan",
    "publish-calendar",
    "publish-sla-policy",
)
_OF_CUSTOMERS = (
    "register-customer",
    "update-customer",
    "start-subscription",
    "change-plan",
    "cancel-subscription",
    "buy-hours",
    "set-budget",
)
_OF_WEBHOOKS = (
    "create-webhook",
    "update-webhook",
    "rotate-webhook-secret",
    "disable-webhook",
    "enable-webhook",
    "delete-webhook",
    "replay-webhook",
    "retry-deliveries",
    "drop-deliveries",
)
_OF_REQUESTERS = ("open-ticket", "add-reply", "reopen-ticket", "request-emergency")

COMMANDS: dict[str, Roles] = {
    **dict.fromkeys(_RULINGS, MANAGER),
    **dict.fromkeys(_OF_CUSTOMERS, SERVICES),
    **dict.fromkeys(_OF_WEBHOOKS, SERVICES),  # a webhook is sent what /v1/events shows, and they may read that
    **dict.fromkeys(_OF_REQUESTERS, STAFF | {"requester"}),
    **dict.fromkeys(
        (
            "add-note",
            "assign-ticket",
            "escalate-ticket",
            "set-urgency",
            "set-complexity",
            "set-category",
            "schedule-call",
            "log-call",
            "plan-enhancement",
            "propose-alternative",
            "wait-for-customer",
            "wait-for-partner",
            "resume-ticket",
            "log-work",
            "correct-work",
            "void-work",
            "split-ticket",
            "merge-ticket",
            "resolve-ticket",
            "close-ticket",
            "declare-incident",
            "post-incident-update",
            "link-incident",
            "resolve-incident",
            "publish-article",
            "revise-article",
            "retire-article",
        ),
        STAFF,
    ),
}
"""By the command's name."""

QUERIES: dict[str, Roles] = {
    **dict.fromkeys(
        ("tickets", "ticket", "customer", "subscription", "statement", "budget", "articles", "article", "status"),
        EVERYBODY,
    ),
    **dict.fromkeys(
        (
            "queue",
            "ticket-sla",
            "sla",
            "upcoming",
            "pauses",
            "notices",
            "customers",
            "incidents",
            "incident",
            "ledger",
            "balances",
            "settings",
            "projections",
        ),
        VIEWERS,
    ),
    **dict.fromkeys(("webhooks", "webhook"), SERVICES | {"auditor"}),
    **dict.fromkeys(("history", "ticket-diff", "statement-diff", "explanation", "events"), READERS),
}
"""By the query's name."""

OTHERS: dict[str, Roles] = {
    "commands.many_commands": STAFF | {"requester"},
    "test_clock.set_test_clock": SERVICES,
    "metrics.metrics": VIEWERS - {"agent"},
}
"""By the endpoint."""

COMMAND_ENDPOINT = "commands.one_command"
QUERIES_BLUEPRINT = "queries."


def roles_of(endpoint: str, command: str | None) -> Roles | None:
    """Return who may use a route; none where everybody may, without a key too. `command`: the one its address names."""
    if endpoint in OPEN_ENDPOINTS:
        return None
    if endpoint == COMMAND_ENDPOINT:
        # An unknown command is nobody's secret: whoever may send any is told that there is none of that name.
        return roles_of_command(command or "")
    if endpoint.startswith(QUERIES_BLUEPRINT):
        return QUERIES.get(endpoint.removeprefix(QUERIES_BLUEPRINT), frozenset())
    return OTHERS.get(endpoint, frozenset())


def roles_of_command(command: str) -> Roles:
    """Return who may send a command; of an unknown one, who may send any."""
    if command not in COMMAND_TYPES:
        return OTHERS["commands.many_commands"]
    return COMMANDS.get(command, frozenset())
