"""Are promises kept? Each run of each clock with its verdict, and the targets that were missed."""

from projections.reporting.view import Column, ReportingView

# A run of a clock as the view `sla` keeps it (domain.clocks.state.Instance): an array, its fields by their places.
_SEGMENTS, _DUE, _BREACHES, _ENDED, _END_KIND = "i.i -> 2", "i.i ->> 5", "i.i -> 6", "i.i ->> 7", "i.i ->> 8"
_LAST = f"{_SEGMENTS} -> -1"
_FINAL = "(h.h -> 0 ->> 5)::boolean"  # the case is closed
_VERDICT = f"""CASE
        WHEN jsonb_array_length({_BREACHES}) > 0 THEN 'breached'
        WHEN {_END_KIND} = 'fulfilled' AND {_LAST} ->> 'target_seconds' IS NOT NULL
            AND ({_FINAL} OR i.i ->> 0 <> 'resolution') THEN 'met'
    END"""

SLA_CLOCKS = ReportingView(
    "sla_clocks",
    "Every run of every clock of every case (SUPPORT_POLICY T3 to T7), with its verdict once there is one. Times by"
    " business hours are not here: they depend on the moment that one asks at (`GET /v1/tickets/<ticket>/sla`).",
    (
        Column("ticket_id", "text", "s.ticket_id", "the case"),
        Column("case_number", "text", "s.case_number", "its number"),
        Column("customer_id", "text", "s.customer_id", "whose it is"),
        Column("category", "text", "t.category", "what the case is about now"),
        Column("urgency", "text", "t.urgency", "how urgent the case is now"),
        Column("assignee", "text", "t.assignee", "the agent who has the case now"),
        Column("team", "text", "t.team", "the team that has the case now"),
        Column("clock", "text", "i.i ->> 0", "first_response, next_response, resolution or periodic_update"),
        Column("instance", "bigint", "i.i ->> 1", "the how manieth run of the clock, from 1"),
        Column("started_at", "timestamptz", f"{_SEGMENTS} -> 0 ->> 'started_at'", "when it began to count"),
        Column("ended_at", "timestamptz", _ENDED, "when it ended; null while it runs"),
        Column("ended_by", "text", _END_KIND, "fulfilled or cancelled"),
        Column("target_seconds", "bigint", f"{_LAST} ->> 'target_seconds'", "the target that counts; null: none"),
        Column("calendar", "text", f"{_LAST} ->> 'calendar'", "the calendar that it counts by"),
        Column("policy_version", "bigint", f"{_LAST} ->> 'policy_version'", "the version of the SLA policy"),
        Column("due_at", "timestamptz", _DUE, "when it falls or fell due; null while nothing can"),
        Column("verdict", "text", _VERDICT, "met or breached; null: none yet, or no target"),
        Column("breached_at", "timestamptz", f"{_BREACHES} -> 0 ->> 1", "when its first target was missed"),
        Column(
            "judged_at",
            "timestamptz",
            f"coalesce({_BREACHES} -> 0 ->> 1, CASE WHEN ({_VERDICT}) = 'met' THEN {_ENDED} END)",
            "the instant that the verdict is about: when a target was missed, else when the clock was fulfilled",
        ),
        Column("position", "bigint", "s.position", "where the last event of the case's clocks stands in the log"),
    ),
    """
FROM $sla s
JOIN $ticket t ON t.ticket_id = s.ticket_id
CROSS JOIN LATERAL (SELECT s.history::jsonb AS h OFFSET 0) h
CROSS JOIN LATERAL (
    SELECT i FROM jsonb_array_elements(h.h -> 1) i
    UNION ALL
    SELECT h.h -> 0 -> n FROM generate_series(0, 3) n WHERE jsonb_typeof(h.h -> 0 -> n) = 'array'
) i
WHERE s.history IS NOT NULL""",
    {"sla": "sla", "ticket": "ticket"},
    ("ticket_id", "clock", "instance"),
)

SLA_BREACHES = ReportingView(
    "sla_breaches",
    "Targets that were missed, each once per case, clock, run and target (SUPPORT_POLICY T7).",
    (
        Column("ticket_id", "text", "t.ticket_id", "the case"),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("clock", "text", "t.clock", "first_response, next_response, resolution or periodic_update"),
        Column("instance", "bigint", "t.instance", "the how manieth run of the clock, from 1"),
        Column("target_seconds", "bigint", "t.target_seconds", "the target"),
        Column("due_at", "timestamptz", "t.due_at", "when it was due"),
        Column("breached_at", "timestamptz", "t.breached_at", "when it was missed"),
        Column("calendar", "text", "t.calendar", "the calendar that it counted by"),
        Column("calendar_version", "bigint", "t.calendar_version", "that calendar's version; 0: around the clock"),
        Column("policy_version", "bigint", "t.policy_version", "the version of the SLA policy"),
        Column("position", "bigint", "t.position", "where the event stands in the log"),
    ),
    "FROM $sla_breach t",
    {"sla_breach": "sla"},
    ("ticket_id", "clock", "instance", "target_seconds"),
)
