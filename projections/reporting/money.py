"""What was worked, what did it draw, what is owed, and where did every cent and second go?"""

from projections.reporting.view import Column, ReportingView

WORK_ENTRIES = ReportingView(
    "work_entries",
    "Work of customers with a subscription, by the facts known now. A voided entry stays, with 0 seconds billed.",
    (
        Column("entry_id", "text", "t.entry_id", "the work entry"),
        Column("customer_id", "text", "t.customer_id", "whose case it is on"),
        Column("ticket_id", "text", "t.ticket_id", "the case"),
        Column("case_number", "text", "t.case_number", "its number"),
        Column("agent", "text", "t.agent", "who worked"),
        Column("started_at", "timestamptz", "t.started_at", "when the work began"),
        Column("duration_seconds", "bigint", "t.duration_seconds", "how long it took"),
        Column("billed_seconds", "bigint", "t.billed_seconds", "what is billed of it, by increment and minimum (B3)"),
        Column("voided", "boolean", "t.voided", "whether it was taken back"),
        Column("work_class", "text", "t.work_class", "included, billable, pending, emergency or waived (B4)"),
        Column("purpose", "text", "t.purpose", "maintenance or enhancement, for budgets (R23)"),
        Column("first_month", "text", "t.first_month", "the month that it counts as worked in (2026-11)"),
        Column("last_month", "text", "t.last_month", "the latest month that anything of it is posted in"),
    ),
    "FROM $work_entry t",
    {"work_entry": "subscription"},
    ("entry_id",),
)

_DRAWN = """
    SELECT w.entry_id, w.customer_id, w.agent, w.first_month, p ->> 'month' AS month, p ->> 'ticket_id' AS ticket_id,
        p ->> 'case_number' AS case_number, p ->> 'rating_at' AS rating_at, d.kind, d.place, d.d
    FROM $work_entry w
    CROSS JOIN LATERAL jsonb_array_elements(w.postings::jsonb) p
    CROSS JOIN LATERAL (
        SELECT 'draw' AS kind, place, d FROM jsonb_array_elements(p -> 'draws') WITH ORDINALITY AS x (d, place)
        UNION ALL
        SELECT 'credit', place, d FROM jsonb_array_elements(p -> 'credits') WITH ORDINALITY AS x (d, place)
    ) d
"""

WORK_DRAWS = ReportingView(
    "work_draws",
    "What work drew, month by month, and what was given back of it. A credit reduces what is owed for its month.",
    (
        Column("entry_id", "text", "t.entry_id", "the work entry"),
        Column("month", "text", "t.month", "the month that it is posted in (2026-11)"),
        Column("kind", "text", "t.kind", "draw, or credit for time of a closed month that was given back"),
        Column("number", "bigint", "t.place", "the how manieth draw or credit of the entry in the month, from 1"),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("ticket_id", "text", "t.ticket_id", "the case, as posted"),
        Column("case_number", "text", "t.case_number", "its number"),
        Column("agent", "text", "t.agent", "who worked"),
        Column("rating_at", "timestamptz", "t.rating_at", "the instant that it is rated by"),
        Column("source", "text", "t.d ->> 'source'", "rollover, allowance, pack, on_demand, emergency, hold or waived"),
        Column("pack_id", "text", "t.d ->> 'pack_id'", "the pack, where the source is one"),
        Column("granted_month", "text", "t.d ->> 'month'", "the month that granted an allowance or a rollover"),
        Column("seconds", "bigint", "t.d ->> 'seconds'", "time drawn or given back"),
        Column("rate_cents_per_hour", "bigint", "coalesce(t.d ->> 'rate_cents_per_hour', '0')", "the rate of an hour"),
        Column("multiplier", "bigint", "coalesce(t.d ->> 'multiplier', '1')", "what an emergency multiplies it by"),
        Column("amount_cents", "bigint", "coalesce(t.d ->> 'amount_cents', '0')", "what is owed for it, or given back"),
    ),
    f"FROM ({_DRAWN}) t",
    {"work_entry": "subscription"},
    ("entry_id", "month", "kind", "number"),
)

LEDGER_LINES = ReportingView(
    "ledger_lines",
    "The double-entry journal: the lines of an entry add up to 0 in each commodity; a debit is positive.",
    (
        Column("position", "bigint", "t.position", "the event that posted it, and with `part` the entry"),
        Column("part", "bigint", "t.part", "the entry of that event"),
        Column("line", "bigint", "t.line", "the line of that entry"),
        Column(
            "kind",
            "text",
            "t.kind",
            "month, purchase, work, rerating, revision, carry_over, expiry, breakage, knock_on",
        ),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("subject", "text", "t.subject", "what it is about: the month of a fee, the pack, the work entry"),
        Column("caused_by", "text", "t.caused_by", "the work entry or pack that made another one draw otherwise"),
        Column("occurred_at", "timestamptz", "t.occurred_at", "when the event happened"),
        Column("worked_at", "timestamptz", "t.worked_at", "when the work was done; null: not about work"),
        Column("posted_at", "timestamptz", "t.posted_at", "its posting date"),
        Column("period", "text", "t.period", "the month that it belongs to (2026-11)"),
        Column("account", "text", "t.account", "receivable, income:on_demand, allowance:2026-11 and so on"),
        Column("commodity", "text", "t.commodity", "money (amounts in cents) or seconds"),
        Column("amount", "bigint", "t.amount", "debit positive, credit negative"),
    ),
    "FROM $ledger t",
    {"ledger": "ledger"},
    ("position", "part", "line"),
)

LEDGER_BALANCES = ReportingView(
    "ledger_balances",
    "What stands on each account of each customer: the sum of its lines.",
    (
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("account", "text", "t.account", "the account"),
        Column("commodity", "text", "t.commodity", "money or seconds"),
        Column("amount", "bigint", "t.amount", "the balance, in cents or seconds; debit positive"),
    ),
    "FROM $ledger_balance t",
    {"ledger_balance": "ledger"},
    ("customer_id", "account", "commodity"),
)


def _drawn(field: str, source: str) -> str:
    """Return the sum of a field of the draws from a source."""
    drawn = f"d.kind = 'draw' AND d.d ->> 'source' = '{source}'"
    return f"coalesce(sum((d.d ->> '{field}')::bigint) FILTER (WHERE {drawn}), 0)"


_MONTH_BEFORE = "to_char(to_date(k.period, 'YYYY-MM') - interval '1 month', 'YYYY-MM')"
_ROLLOVER = "least(b.rollover_cap_seconds, b.allowance_seconds - b.allowance_drawn)"
_OWED = (
    "coalesce(m.fee_cents, 0) + coalesce(p.cents, 0) + coalesce(d.on_demand_cents, 0) + coalesce(d.emergency_cents, 0)"
)

STATEMENTS = ReportingView(
    "statements",
    "What each customer owes for each month that has begun or that anything is posted in: the totals of"
    " `GET /v1/customers/<id>/statement`. owed = fee + packs + on demand + emergency - credits, and equals what the"
    " ledger posts to `receivable` in the month.",
    (
        Column("customer_id", "text", "k.customer_id", "the customer"),
        Column("customer_name", "text", "c.name", "its name"),
        Column("period", "text", "k.period", "the month (2026-11), in the desk's zone"),
        Column("subscription_id", "text", "s.subscription_id", "its subscription"),
        Column(
            "state", "text", "CASE WHEN m.closed_at IS NULL THEN 'open' ELSE 'closed' END", "open, or closed for ever"
        ),
        Column("closed_at", "timestamptz", "m.closed_at", "when it was closed"),
        Column("currency", "text", "s.terms ->> 'currency'", "ISO 4217 code of its money"),
        Column("fee_cents", "bigint", "coalesce(m.fee_cents, 0)", "the fee"),
        Column("packs_cents", "bigint", "coalesce(p.cents, 0)", "packs bought in it"),
        Column("on_demand_seconds", "bigint", "coalesce(d.on_demand_seconds, 0)", "time on demand"),
        Column("on_demand_cents", "bigint", "coalesce(d.on_demand_cents, 0)", "what is owed for it"),
        Column("emergency_seconds", "bigint", "coalesce(d.emergency_seconds, 0)", "time on emergencies out of scope"),
        Column("emergency_cents", "bigint", "coalesce(d.emergency_cents, 0)", "what is owed for it"),
        Column("credits_cents", "bigint", "coalesce(d.credits_cents, 0)", "given back of closed months"),
        Column(
            "hold_cents", "bigint", "coalesce(d.hold_cents, 0)", "what emergencies that wait for a ruling would cost"
        ),
        Column("owed_cents", "bigint", f"{_OWED} - coalesce(d.credits_cents, 0)", "what is owed for the month"),
        Column("worked_seconds", "bigint", "coalesce(w.seconds, 0)", "time worked, in the month of its first draw"),
        Column("billed_seconds", "bigint", "coalesce(d.billed_seconds, 0)", "time billed: all its draws"),
        Column("allowance_granted_seconds", "bigint", "coalesce(m.allowance_seconds, 0)", "what the month granted"),
        Column("rollover_seconds", "bigint", f"coalesce({_ROLLOVER}, 0)", "what came over from the month before"),
        Column(
            "allowance_used_seconds",
            "bigint",
            "coalesce(m.allowance_drawn, 0) + coalesce(b.rollover_drawn, 0)",
            "what is drawn of both",
        ),
    ),
    f"""
FROM (
    SELECT customer_id, month AS period FROM $subscription_month
    UNION SELECT customer_id, month FROM $hour_pack
    UNION SELECT customer_id, p ->> 'month' FROM $work_entry, jsonb_array_elements(postings::jsonb) p
) k
JOIN $subscription s ON s.customer_id = k.customer_id
LEFT JOIN $customer c ON c.customer_id = k.customer_id
LEFT JOIN $subscription_month m ON m.customer_id = k.customer_id AND m.month = k.period
LEFT JOIN $subscription_month b
    ON b.customer_id = k.customer_id AND m.month IS NOT NULL AND b.month = {_MONTH_BEFORE}
LEFT JOIN (
    SELECT customer_id, month, sum(price_cents) AS cents FROM $hour_pack GROUP BY customer_id, month
) p ON p.customer_id = k.customer_id AND p.month = k.period
LEFT JOIN (
    SELECT d.customer_id, d.month,
        coalesce(sum((d.d ->> 'seconds')::bigint) FILTER (WHERE d.kind = 'draw'), 0) AS billed_seconds,
        {_drawn("seconds", "on_demand")} AS on_demand_seconds,
        {_drawn("amount_cents", "on_demand")} AS on_demand_cents,
        {_drawn("seconds", "emergency")} AS emergency_seconds,
        {_drawn("amount_cents", "emergency")} AS emergency_cents,
        {_drawn("amount_cents", "hold")} AS hold_cents,
        coalesce(sum((d.d ->> 'amount_cents')::bigint) FILTER (WHERE d.kind = 'credit'), 0) AS credits_cents
    FROM ({_DRAWN}) d GROUP BY d.customer_id, d.month
) d ON d.customer_id = k.customer_id AND d.month = k.period
LEFT JOIN (
    SELECT w.customer_id, w.first_month AS month, sum((p ->> 'duration_seconds')::bigint) AS seconds
    FROM $work_entry w CROSS JOIN LATERAL jsonb_array_elements(w.postings::jsonb) p
    WHERE p ->> 'month' = w.first_month AND jsonb_array_length(p -> 'draws') > 0
    GROUP BY w.customer_id, w.first_month
) w ON w.customer_id = k.customer_id AND w.month = k.period""",
    {
        "subscription_month": "subscription",
        "hour_pack": "subscription",
        "work_entry": "subscription",
        "subscription": "subscription",
        "customer": "customer",
    },
    ("customer_id", "period"),
)
