"""An event of the log in the form that others read: a CloudEvent 1.0 in JSON.

The feed, the webhooks and Kafka say the same of an event (`infra/kafka/records.py` has it in headers), but for its
text: here an event is shown in its present form and under the tag of that, there as it was stored.
"""

from typing import Any

from domain.recorded import RecordedEvent
from domain.tags import tag_of

SOURCE = "/caselog"


def cloud_event(recorded: RecordedEvent) -> dict[str, Any]:
    """Return an event read from the log as a history or feed item."""
    metadata = recorded.metadata
    item: dict[str, Any] = {
        "specversion": "1.0",
        "id": metadata.event_id,
        "source": SOURCE,
        "type": tag_of(type(recorded.event)),
        "subject": recorded.originator_id,
        "time": recorded.event.occurred_at,
        "datacontenttype": "application/json",
        "data": recorded.event,
        "position": recorded.position,
        "streamversion": recorded.originator_version,
        "recordedat": recorded.recorded_at,
        "correlationid": metadata.correlation_id,
        "actor": metadata.actor,
        "commandid": metadata.command_id,
    }
    if metadata.causation_id is not None:
        item["causationid"] = metadata.causation_id
    if metadata.traceparent is not None:
        item["traceparent"] = metadata.traceparent
    if metadata.customer_id is not None:
        item["customerid"] = metadata.customer_id
    if metadata.imported is not None:
        item["imported"] = metadata.imported
    return item
