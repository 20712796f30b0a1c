"""What a webhook's receiver gets and may answer, for the OpenAPI document."""

from typing import Any

from infra.webhooks.lane import MEDIA_TYPE

Json = dict[str, Any]

_HEADERS = {
    "webhook-id": "The event's id, the same at every attempt: what has it was had before.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "A signature for each secret that counts now: `v1,` and base64, separated by spaces.",
}


def webhooks(cloud_event: Json, example: Json) -> Json:
    """Return the `webhooks` of the document; `cloud_event` refers to the schema of a feed item, `example` is one."""
    return {
        "event": {
            "post": {
                "operationId": "webhook-event",
                "summary": "An event for a webhook, signed as Standard Webhooks says.",
                "description": "Any 2xx takes it, 410 disables the webhook; anything else, and no answer in the time"
                " allowed, has it sent again by a schedule (docs/webhooks.md).",
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {
                        "in": "header",
                        "name": name,
                        "required": True,
                        "description": description,
                        "schema": {"type": "string"},
                    }
                    for name, description in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {MEDIA_TYPE.partition(";")[0]: {"schema": cloud_event, "example": example}},
                },
                "responses": {
                    "2XX": {"description": "The message is taken."},
                    "410": {"description": "The receiver is gone for good: the webhook is disabled."},
                    "default": {"description": "Not taken: it comes again. `Retry-After` is heeded."},
                },
            }
        }
    }
