"""The data of commands about webhooks."""

from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError

from commands.wire.fields import Choice, Identifier, Line, Many, Text, WholeNumber
from commands.wire.json_text import GREATEST_INTEGER
from commands.wire.schema import WireSchema
from domain.tags import EVENT_TYPES

LONGEST_URL = 2_000
LONGEST_LABEL = 200
LONGEST_REASON = 1_000
MOST_POSITIONS = 500
MOST_OVERLAP_SECONDS = 7 * 86_400
DEFAULT_OVERLAP_SECONDS = 86_400


class Url(Text):
    """Where a receiver listens: an http or https address with a host, and without name, password or fragment."""

    pattern = r"^https?://[!-~]+$"
    expected = "must be an address such as https://example.com/caselog, in ASCII"

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=LONGEST_URL, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            parts = urlsplit(text)
            sound = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and "#" not in text
        except ValueError:
            sound = False
        if not sound:
            raise ValidationError("must have a host, and neither name and password nor a fragment")
        return text


def webhook_field() -> Identifier:
    """Which webhook a command is about."""
    return Identifier(required=True, metadata={"description": "The webhook's id."})


def positions_field() -> Many:
    """Which deliveries a command is about."""
    return Many(
        WholeNumber(least=1, most=GREATEST_INTEGER),
        least=1,
        most=MOST_POSITIONS,
        distinct=True,
        metadata={"description": "Positions of the events whose deliveries are parked; all where it is left out."},
    )


class _Endpoint(WireSchema):
    url = Url(required=True, metadata={"description": "https; http for localhost only.", "example": "https://a.test/"})
    types = Many(
        Choice(tuple(EVENT_TYPES)),
        least=1,
        most=len(EVENT_TYPES),
        distinct=True,
        metadata={"description": "The types of events that are sent; all where it is left out."},
    )
    customer_id = Identifier(metadata={"description": "Events of this customer only."})
    label = Line(longest=LONGEST_LABEL, metadata={"description": "What it is for, for people."})


class CreateWebhook(_Endpoint):
    """Events that follow are sent to an address, signed; the answer shows the secret."""

    webhook_id = Identifier(metadata={"description": "Made by the desk where it is left out."})


class UpdateWebhook(_Endpoint):
    """A webhook is sent to otherwise: address, types, customer and label anew."""

    webhook = webhook_field()


class RotateWebhookSecret(WireSchema):
    """A new secret signs, beside the earlier ones for a while; the answer shows it."""

    webhook = webhook_field()
    overlap_seconds = WholeNumber(
        least=0,
        most=MOST_OVERLAP_SECONDS,
        load_default=DEFAULT_OVERLAP_SECONDS,
        metadata={"description": "How long earlier secrets sign as well; 0 ends them at once."},
    )


class DisableWebhook(WireSchema):
    """Nothing is sent to a webhook for the time being."""

    webhook = webhook_field()
    reason = Line(longest=LONGEST_REASON, required=True)


class EnableWebhook(WireSchema):
    """A webhook is sent to again, from where it stopped."""

    webhook = webhook_field()
    missed = Choice(
        ("send", "skip"),
        load_default="send",
        metadata={"description": "Whether what happened while it was disabled is sent."},
    )


class DeleteWebhook(WireSchema):
    """Nothing is sent to a webhook any more, for good."""

    webhook = webhook_field()
    reason = Line(longest=LONGEST_REASON)


class ReplayWebhook(WireSchema):
    """Everything after a position is sent again, with the ids that it had."""

    webhook = webhook_field()
    after = WholeNumber(
        least=0,
        most=GREATEST_INTEGER,
        required=True,
        metadata={"description": "A position of the log; one that has not been reached yet changes nothing."},
    )


class RetryDeliveries(WireSchema):
    """Parked deliveries are tried anew."""

    webhook = webhook_field()
    positions = positions_field()


class DropDeliveries(WireSchema):
    """Parked deliveries are forgotten."""

    webhook = webhook_field()
    positions = positions_field()
    reason = Line(longest=LONGEST_REASON)
