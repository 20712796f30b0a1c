"""By which codes each command can fail, for those who document and those who handle it.

A refusal that a decider may raise is listed with the commands that reach it; a test holds that none is forgotten.
"""

from api.http.problems import types as http
from commands.errors import (
    Conflict,
    IdempotencyKeyReused,
    RequestError,
    UnknownArticle,
    UnknownCustomer,
    UnknownIncident,
    UnknownPlan,
    UnknownSubscription,
    UnknownTicket,
    UnknownWebhook,
    VersionMismatch,
)
from commands.problems import (
    FORBIDDEN,
    INTERNAL_ERROR,
    INVALID_DATA,
    MALFORMED_JSON,
    OUTCOME_UNKNOWN,
    TIMED_OUT,
    UNAVAILABLE,
    ProblemType,
    type_of_refusal,
    type_of_request_error,
)
from domain.article import ArticleExists, ArticleIsRetired, ArticleNotPublished
from domain.business_time import BeyondCalendar
from domain.calendar import InvalidCalendar
from domain.clocks.levels import NoServiceLevels
from domain.customer import CustomerExists, CustomerNotRegistered
from domain.incident import IncidentExists, IncidentIsResolved, IncidentNotDeclared
from domain.plan import InvalidTerms, WrongCurrency
from domain.refusal import Refusal
from domain.setting import EffectiveInPast
from domain.sla_policy import InvalidSlaPolicy, UnknownCalendar
from domain.subscription import refusals as subscription
from domain.ticket import refusals as ticket
from domain.webhook import refusals as webhook

Failure = type[Refusal] | type[RequestError]

_ON_A_TICKET: tuple[Failure, ...] = (
    UnknownTicket,
    ticket.TicketNotOpened,
    ticket.TicketIsMerged,
    BeyondCalendar,
    NoServiceLevels,
)

_ON_A_WEBHOOK: tuple[Failure, ...] = (UnknownWebhook, webhook.WebhookNotCreated, webhook.WebhookIsDeleted)

FAILURES: dict[str, tuple[Failure, ...]] = {
    "register-customer": (CustomerExists,),
    "update-customer": (UnknownCustomer, CustomerNotRegistered),
    "start-subscription": (
        UnknownCustomer,
        UnknownPlan,
        InvalidTerms,
        WrongCurrency,
        subscription.PlanNotInForce,
        subscription.SubscriptionExists,
        subscription.StartsTooEarly,
    ),
    "change-plan": (
        UnknownCustomer,
        UnknownSubscription,
        UnknownPlan,
        InvalidTerms,
        WrongCurrency,
        subscription.NoSubscription,
        subscription.NotFirstOfMonth,
        subscription.MonthHasBegun,
        subscription.PlanNotInForce,
    ),
    "cancel-subscription": (
        UnknownCustomer,
        UnknownSubscription,
        subscription.NoSubscription,
        subscription.MonthHasEnded,
        subscription.EndsBeforeStart,
    ),
    "close-period": (
        UnknownCustomer,
        subscription.NoSubscription,
        subscription.PeriodBeforeStart,
        subscription.PeriodNotEnded,
        subscription.PeriodNotOldest,
    ),
    "buy-hours": (
        UnknownCustomer,
        subscription.NoSubscription,
        subscription.HoursNotInSteps,
        subscription.EffectiveInFuture,
        subscription.EffectiveTooEarly,
        subscription.PackExists,
    ),
    "set-budget": (UnknownCustomer,),
    "open-ticket": (
        UnknownCustomer,
        ticket.WrongEmergencyKind,
        ticket.TicketExists,
        BeyondCalendar,
        NoServiceLevels,
    ),
    "add-reply": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "add-note": _ON_A_TICKET,
    "assign-ticket": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "escalate-ticket": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "set-urgency": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "set-complexity": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "set-category": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "request-emergency": (
        *_ON_A_TICKET,
        ticket.TicketIsClosed,
        ticket.TicketIsResolved,
        ticket.WrongEmergencyKind,
        ticket.EmergencyStands,
    ),
    "decide-emergency": (
        *_ON_A_TICKET,
        ticket.EmergencyNotRequested,
        ticket.EmergencyNotEligible,
        ticket.CauseIsRuled,
    ),
    "rule-cause": (*_ON_A_TICKET, ticket.EmergencyNotAccepted),
    "decide-scope": _ON_A_TICKET,
    "schedule-call": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "log-call": (*_ON_A_TICKET, ticket.CallBeforeReceipt, ticket.CallInFuture),
    "plan-enhancement": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "propose-alternative": (*_ON_A_TICKET, ticket.TicketIsClosed),
    "wait-for-customer": (*_ON_A_TICKET, ticket.TicketIsClosed, ticket.TicketIsResolved),
    "wait-for-partner": (*_ON_A_TICKET, ticket.TicketIsClosed, ticket.TicketIsResolved),
    "resume-ticket": (*_ON_A_TICKET, ticket.TicketIsClosed, ticket.TicketIsResolved),
    "log-work": (
        *_ON_A_TICKET,
        ticket.InvalidDuration,
        ticket.WorkInFuture,
        ticket.EntryExists,
        subscription.NoSubscription,
        subscription.EntryRatedOtherwise,
    ),
    "correct-work": (
        *_ON_A_TICKET,
        ticket.UnknownEntry,
        ticket.EntryIsVoid,
        ticket.InvalidDuration,
        ticket.WorkInFuture,
    ),
    "void-work": (*_ON_A_TICKET, ticket.UnknownEntry),
    "split-ticket": (
        *_ON_A_TICKET,
        ticket.TicketIsClosed,
        ticket.TicketIsResolved,
        ticket.UnknownEntry,
        ticket.UnknownReply,
        ticket.RulingPending,
        subscription.NoSubscription,
    ),
    "merge-ticket": (
        *_ON_A_TICKET,
        ticket.SameTicket,
        ticket.DifferentCustomers,
        ticket.TicketIsClosed,
        ticket.TicketIsResolved,
        ticket.RulingPending,
        subscription.NoSubscription,
    ),
    "resolve-ticket": (
        *_ON_A_TICKET,
        UnknownArticle,
        ArticleIsRetired,
        ticket.TicketIsClosed,
        ticket.TicketIsResolved,
    ),
    "reopen-ticket": _ON_A_TICKET,
    "close-ticket": (*_ON_A_TICKET, ticket.TicketNotResolved),
    "declare-incident": (IncidentExists,),
    "post-incident-update": (UnknownIncident, IncidentNotDeclared, IncidentIsResolved),
    "link-incident": (*_ON_A_TICKET, UnknownIncident, IncidentNotDeclared, IncidentIsResolved),
    "resolve-incident": (UnknownIncident, IncidentNotDeclared, IncidentIsResolved),
    "publish-article": (ArticleExists,),
    "revise-article": (UnknownArticle, ArticleNotPublished, ArticleIsRetired),
    "retire-article": (UnknownArticle, ArticleNotPublished),
    "publish-plan": (InvalidTerms, WrongCurrency, EffectiveInPast),
    "publish-calendar": (InvalidCalendar, EffectiveInPast),
    "publish-sla-policy": (InvalidSlaPolicy, UnknownCalendar, EffectiveInPast),
    "create-webhook": (UnknownCustomer, webhook.WebhookExists, webhook.UrlNotSecure),
    "update-webhook": (*_ON_A_WEBHOOK, UnknownCustomer, webhook.UrlNotSecure),
    "rotate-webhook-secret": (*_ON_A_WEBHOOK, webhook.TooManySecrets),
    "disable-webhook": _ON_A_WEBHOOK,
    "enable-webhook": _ON_A_WEBHOOK,
    "delete-webhook": (UnknownWebhook, webhook.WebhookNotCreated),
    "replay-webhook": _ON_A_WEBHOOK,
    "retry-deliveries": _ON_A_WEBHOOK,
    "drop-deliveries": _ON_A_WEBHOOK,
}
"""The rules and the unknown things that each command may be refused for."""

OF_WHO_WATCHES = (http.NOT_ACCEPTABLE, INTERNAL_ERROR, UNAVAILABLE, TIMED_OUT)
OF_EVERY_ANSWER = (*OF_WHO_WATCHES, http.OVERLOADED)
OF_EVERY_SENDER = (http.UNAUTHENTICATED, FORBIDDEN, http.TOO_MANY_REQUESTS, http.IDENTITY_UNAVAILABLE)
OF_EVERY_BODY = (
    MALFORMED_JSON,
    INVALID_DATA,
    http.INVALID_HEADER,
    http.INCOMPLETE_BODY,
    http.LENGTH_REQUIRED,
    http.BODY_TOO_LARGE,
    http.UNSUPPORTED_MEDIA_TYPE,
)
_OF_EVERY_COMMAND: tuple[Failure, ...] = (VersionMismatch, Conflict, IdempotencyKeyReused)


def type_of(failure: Failure) -> ProblemType:
    """Return the problem type of a failure."""
    return type_of_refusal(failure) if issubclass(failure, Refusal) else type_of_request_error(failure)


def problem_types_of(command: str) -> tuple[ProblemType, ...]:
    """Return every problem that a command may be answered with."""
    own = tuple(type_of(failure) for failure in (*FAILURES[command], *_OF_EVERY_COMMAND))
    return (*own, OUTCOME_UNKNOWN, *OF_EVERY_SENDER, *OF_EVERY_BODY, *OF_EVERY_ANSWER)
