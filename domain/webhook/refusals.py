"""Which rule forbids a command about a webhook."""

from domain.refusal import Refusal


class WebhookNotCreated(Refusal):
    """A webhook begins with its creation; there is none under that id."""

    code = "webhook_not_created"
    pointer = "/webhook"


class WebhookExists(Refusal):
    """The id names a webhook with another endpoint; it is changed by updating it."""

    code = "webhook_exists"
    pointer = "/webhook_id"


class WebhookIsDeleted(Refusal):
    """A deleted webhook is nothing any more, and its id is not given to another."""

    code = "webhook_deleted"
    pointer = "/webhook"


class UrlNotSecure(Refusal):
    """Events are sent by https; by http to this machine alone, where a receiver is being developed."""

    code = "webhook_url_not_secure"
    pointer = "/url"


class TooManySecrets(Refusal):
    """A few secrets of a webhook sign at a time; the next can be made when an earlier one's time is over."""

    code = "too_many_webhook_secrets"
    pointer = "/overlap_seconds"
