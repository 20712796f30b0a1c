"""What is counted and timed: every instrument, its labels and its unit. docs/adr/0054-metrics.md says how it is read.

Labels take few values: names of commands, views and outcomes, never an id.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # they cannot be counted together

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

APPENDS = Histogram("caselog_append_seconds", "Time of a statement that appends a group of commands.", buckets=_SECONDS)
APPEND_GROUP = Histogram("caselog_append_group_commands", "Commands that one statement appended.", buckets=_SIZES)
APPENDED_EVENTS = Counter("caselog_appended_events_total", "Events appended to the log.")
CONFLICTS = Counter(
    "caselog_append_conflicts_total",
    "Appends refused since the log was no longer as the decision found it.",
    ["reason"],
)

COMMANDS = Counter("caselog_commands_total", "Commands by what became of them.", ["command", "outcome"])
COMMAND_SECONDS = Histogram(
    "caselog_command_seconds", "Time from a command that was read to its answer.", ["command"], buckets=_SECONDS
)

UNDER_WAY = Gauge(
    "caselog_requests_under_way", "Requests that the API works on now.", ["kind"], multiprocess_mode="livesum"
)
SHED = Counter("caselog_requests_shed_total", "Requests not let in, since too many were under way.", ["kind", "reason"])

WAITS = Histogram(
    "caselog_position_wait_seconds", "Time that readers waited for a view.", ["outcome"], buckets=_SECONDS
)

VIEW_EVENTS = Counter("caselog_view_events_total", "Events that changed a view.", ["view"])
VIEW_HANDLERS = Counter("caselog_view_handler_seconds_total", "Time in a view's handlers.", ["view"])
VIEW_BATCHES = Histogram(
    "caselog_view_batch_seconds", "Time to bring a view forward by a batch.", ["view"], buckets=_SECONDS
)
VIEW_BATCH_EVENTS = Histogram(
    "caselog_view_batch_events",
    "Events of a batch that changed a view.",
    ["view"],
    buckets=(*_SIZES, 1_000, 5_000, 20_000),
)
VIEW_GROUP = Histogram(
    "caselog_view_group_seconds", "Time of a batch of all views that follow the head together.", buckets=_SECONDS
)

KAFKA_COMMANDS = Counter(
    "caselog_kafka_command_records_total", "Records of the commands' topic by what became of them.", ["outcome"]
)
KAFKA_COMMAND_BATCHES = Histogram(
    "caselog_kafka_command_batch_seconds",
    "Time of a batch of commands by Kafka, from its read to the commit of its answers.",
    buckets=_SECONDS,
)
KAFKA_COMMANDS_WAITING = Gauge(
    "caselog_kafka_commands_waiting", "Records of the commands' topic not yet read.", multiprocess_mode="livesum"
)

WEBHOOK_ATTEMPTS = Counter(
    "caselog_webhook_attempts_total", "Attempts to deliver an event to a webhook by what came of them.", ["outcome"]
)
WEBHOOK_SECONDS = Histogram(
    "caselog_webhook_attempt_seconds", "Time of an attempt to deliver an event to a webhook.", buckets=_SECONDS
)

RELAYED_EVENTS = Counter("caselog_relay_events_total", "Events that the relay has published to Kafka.")
RELAY_SECONDS = Histogram(
    "caselog_relay_transaction_seconds",
    "Time of a transaction of the relay, from the read to the commit.",
    buckets=_SECONDS,
)
RELAY_ERRORS = Counter("caselog_relay_errors_total", "Tries of the relay that failed, by what went wrong.", ["kind"])
