"""Why a request fails although no rule of the business forbids it."""

from typing import ClassVar


class RequestError(Exception):
    """A request that cannot be carried out as it stands. `code` is stable; clients rely on it."""

    code: ClassVar[str]

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class UnknownAggregate(RequestError):
    """The request names something that is not in the log."""


class UnknownTicket(UnknownAggregate):
    """No ticket has that id or case number."""

    code = "unknown_ticket"


class UnknownCustomer(UnknownAggregate):
    """No customer has that id."""

    code = "unknown_customer"


class UnknownSubscription(UnknownAggregate):
    """No subscription has that id."""

    code = "unknown_subscription"


class UnknownPlan(UnknownAggregate):
    """No version of a plan of that name was ever published."""

    code = "unknown_plan"


class UnknownIncident(UnknownAggregate):
    """No incident has that id."""

    code = "unknown_incident"


class UnknownArticle(UnknownAggregate):
    """No article has that id."""

    code = "unknown_article"


class UnknownWebhook(UnknownAggregate):
    """No webhook has that id."""

    code = "unknown_webhook"


class UnknownApiKey(UnknownAggregate):
    """No API key has that id."""

    code = "unknown_api_key"


class UnknownStatementLine(UnknownAggregate):
    """No draw or credit of an entry with that id is posted in the period."""

    code = "unknown_statement_line"


class VersionMismatch(RequestError):
    """The ticket or subscription is not at the version that the request expects (`If-Match`)."""

    code = "version_mismatch"


class IdempotencyKeyReused(RequestError):
    """The idempotency key was used before for a request with another body."""

    code = "idempotency_key_reused"


class Conflict(RequestError):
    """Others kept changing the same streams: the command was decided anew a bounded number of times, in vain."""

    code = "conflict"
