"""Which cases are there, which wait in the queue, and when was each of them open?"""

from domain.tags import EVENT_TYPES
from domain.ticket.events import TicketClosed, TicketOpened, TicketReopened, TicketResolved
from domain.ticket.split_merge_events import TicketMerged
from projections.reporting.view import Column, ReportingView

_OPENING = (TicketOpened, TicketReopened)
_ENDING = (TicketResolved, TicketClosed, TicketMerged)


def _tags(types: tuple[type, ...]) -> str:
    """Return the stored tags of event types as a list of SQL."""
    return ", ".join(f"'{tag}'" for tag, kind in EVENT_TYPES.items() if kind in types)


_ENDED_BY = " ".join(
    f"WHEN type IN ({_tags((kind,))}) THEN '{word}'"
    for kind, word in zip(_ENDING, ("resolved", "closed", "merged"), strict=True)
)
_EMERGENCY = (
    Column("emergency_kind", "text", "t.emergency ->> 'kind'", "after_hours or business_hours; null: no emergency"),
    Column("emergency_symptom", "text", "t.emergency ->> 'symptom'", "what was down"),
    Column("emergency_state", "text", "t.emergency ->> 'state'", "requested, accepted or declined"),
    Column("emergency_cause", "text", "t.emergency ->> 'cause'", "in_scope or out_of_scope, once it is ruled"),
)

CASES = ReportingView(
    "cases",
    "Every case as its last event left it. What people wrote (subject, requester, resolution) is left out.",
    (
        Column("ticket_id", "text", "t.ticket_id", "the case"),
        Column("case_number", "text", "t.case_number", "its number, as people say it"),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("category", "text", "t.category", "what it is about"),
        Column("urgency", "text", "t.urgency", "low, normal or high"),
        Column("complexity", "text", "t.complexity", "basic or complex"),
        Column(
            "status", "text", "t.status", "new, open, waiting_customer, waiting_partner, resolved, closed or merged"
        ),
        Column(
            "is_open",
            "boolean",
            "t.status NOT IN ('resolved', 'closed', 'merged')",
            "whether there is still work on it",
        ),
        Column("assignee", "text", "t.assignee", "the agent who has it; null: nobody"),
        Column("team", "text", "t.team", "the team that it was escalated to; null: none"),
        Column("channel", "text", "t.channel", "how the request came in"),
        Column("product", "text", "t.product", "the product that it is about; null: not said"),
        Column("received_at", "timestamptz", "t.received_at", "when the request was received"),
        Column("workable_from", "timestamptz", "t.workable_from", "not to be worked on before"),
        Column("requested_for", "date", "t.requested_for", "the day that the customer wants it done by"),
        *_EMERGENCY,
        Column(
            "work_class",
            "text",
            "t.work_class",
            "how its work is billed: included, billable, pending, emergency, waived",
        ),
        Column("scope", "text", "t.scope", "what staff decided of it: included, billable or waived; null: nothing"),
        Column("worked_seconds", "bigint", "t.worked_seconds", "time worked on it, corrections made"),
        Column("target_period", "text", "t.target_period", "the period that an enhancement is planned for"),
        Column("resolved_at", "timestamptz", "t.resolved_at", "when it was last resolved; null once it is open again"),
        Column("closed_at", "timestamptz", "t.closed_at", "when it was closed; null while it is not"),
        Column("version", "bigint", "t.version", "how many events it has"),
        Column("position", "bigint", "t.position", "where the last of them stands in the log"),
    ),
    "FROM $ticket t",
    {"ticket": "ticket"},
    ("ticket_id",),
)

QUEUE = ReportingView(
    "queue",
    "Open cases in the order that they are to be worked on: by rank, then receipt, then number.",
    (
        Column(
            "rank", "bigint", "t.rank", "1 accepted emergency, 2 requested emergency, 3 high, 4 normal, 5 low urgency"
        ),
        Column("ticket_id", "text", "t.ticket_id", "the case"),
        Column("case_number", "text", "t.case_number", "its number"),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("category", "text", "t.category", "what it is about"),
        Column("urgency", "text", "t.urgency", "low, normal or high"),
        Column("status", "text", "t.status", "new, open, waiting_customer or waiting_partner"),
        Column("assignee", "text", "t.assignee", "the agent who has it; null: nobody"),
        Column("team", "text", "t.team", "the team that it was escalated to; null: none"),
        Column("received_at", "timestamptz", "t.received_at", "when the request was received"),
        Column("workable_from", "timestamptz", "t.workable_from", "not to be worked on before"),
        Column("requested_for", "date", "t.requested_for", "the day that the customer wants it done by"),
        Column("next_due_clock", "text", "d.clock", "the clock that falls due first; null: none can"),
        Column("next_due_at", "timestamptz", "d.due_at", "when it does"),
    ),
    """
FROM $queue t
LEFT JOIN LATERAL (
    SELECT c ->> 'clock' AS clock, (c ->> 'due_at')::timestamptz AS due_at
    FROM json_array_elements(t.clocks) WITH ORDINALITY AS x (c, place)
    WHERE c ->> 'due_at' IS NOT NULL ORDER BY 2, place LIMIT 1
) d ON true
WHERE t.open""",
    {"queue": "queue"},
    ("rank", "received_at", "case_number"),
)

CASE_SPANS = ReportingView(
    "case_spans",
    "When each case was open: a row from its receipt, or from being reopened, to its end. The number of rows that hold"
    " an instant is the backlog of then.",
    (
        Column("ticket_id", "text", "s.ticket_id", "the case"),
        Column("number", "bigint", "s.number", "1 for its first span, 2 once it was reopened, and so on"),
        Column("customer_id", "text", "s.customer_id", "whose it is"),
        Column("opened_at", "timestamptz", "s.at", "its receipt, or when it was reopened"),
        Column(
            "ended_at", "timestamptz", "s.ended_at", "when it was resolved, closed or merged; null while it is open"
        ),
        Column("ended_by", "text", "s.ended_by", "resolved, closed or merged"),
        Column("position", "bigint", "s.position", "where the event that opened it stands in the log"),
    ),
    f"""
FROM (
    SELECT e.*, lead(e.at) OVER spans AS ended_at, lead(e.ending) OVER spans AS ended_by,
        row_number() OVER (PARTITION BY e.ticket_id, e.opens ORDER BY e.position) AS number
    FROM (
        SELECT position, data ->> 'ticket_id' AS ticket_id, data ->> 'customer_id' AS customer_id,
            coalesce(data ->> 'received_at', data ->> 'occurred_at') AS at,
            type IN ({_tags(_OPENING)}) AS opens, CASE {_ENDED_BY} END AS ending
        FROM $events
        WHERE type IN ({_tags(_OPENING + _ENDING)})
        AND position <= (SELECT max(p.position) FROM $projections p WHERE p.view = 'ticket' AND p.live)
    ) e
    WINDOW spans AS (PARTITION BY e.ticket_id ORDER BY e.position)
) s
WHERE s.opens""",
    {"ticket": "ticket"},
    ("ticket_id", "number"),
)

INCIDENTS = ReportingView(
    "incidents",
    "Widespread issues, without what was written of them but their title.",
    (
        Column("incident_id", "text", "t.incident_id", "the incident"),
        Column("title", "text", "t.title", "its title, which everybody sees"),
        Column("state", "text", "t.state", "open or resolved"),
        Column("declared_at", "timestamptz", "t.declared_at", "when it became known"),
        Column("resolved_at", "timestamptz", "t.resolved_at", "when it was over; null while it is not"),
        Column("update_count", "bigint", "json_array_length(t.updates)", "how often it was written about since"),
        Column("ticket_count", "bigint", "t.ticket_count", "cases linked with it"),
        Column("position", "bigint", "t.position", "where its last event stands in the log"),
    ),
    "FROM $incident t",
    {"incident": "incident"},
    ("incident_id",),
)
