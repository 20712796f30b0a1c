"""Who are the customers, and what have they subscribed to?"""

from projections.reporting.view import Column, ReportingView

_LAST_SPAN = "t.spans -> -1"

CUSTOMERS = ReportingView(
    "customers",
    "Every customer by its name. Contacts are left out.",
    (
        Column("customer_id", "text", "t.customer_id", "the customer"),
        Column("name", "text", "t.name", "its name"),
        Column(
            "products",
            "text",
            "(SELECT string_agg(p, ' ' ORDER BY p) FROM json_array_elements_text(t.products) p)",
            "the products that it uses, in order, with a space between",
        ),
        Column("account_manager", "text", "t.account_manager", "the member of staff who looks after it; null: none"),
        Column("position", "bigint", "t.position", "where its last event stands in the log"),
    ),
    "FROM $customer t",
    {"customer": "customer"},
    ("customer_id",),
)

SUBSCRIPTIONS = ReportingView(
    "subscriptions",
    "Every customer's subscription. One that follows a cancelled one is the same subscription.",
    (
        Column("subscription_id", "text", "t.subscription_id", "the subscription"),
        Column("customer_id", "text", "t.customer_id", "whose it is; a customer has one"),
        Column("plan", "text", "t.plan", "the plan of its latest month"),
        Column("plan_version", "bigint", "t.plan_version", "the version of that plan"),
        Column("currency", "text", "t.terms ->> 'currency'", "ISO 4217 code of all its money"),
        Column("monthly_fee_cents", "bigint", "t.terms ->> 'monthly_fee_cents'", "its fee by the month"),
        Column("allowance_seconds", "bigint", "t.terms ->> 'allowance_seconds'", "what a month grants"),
        Column("regular_rate_cents", "bigint", "t.terms ->> 'regular_rate_cents'", "an hour on demand"),
        Column("pack_rate_cents", "bigint", "t.terms ->> 'pack_rate_cents'", "an hour of a pack"),
        Column("starts_on", "date", f"{_LAST_SPAN} ->> 'starts_on'", "the day that it began, or began again, last"),
        Column(
            "last_month",
            "text",
            f"{_LAST_SPAN} ->> 'last_month'",
            "the last month that is paid for; null: not cancelled",
        ),
        Column("ends_at", "timestamptz", f"{_LAST_SPAN} ->> 'ends_at'", "the end of that month"),
        Column("month", "text", "t.month", "the month begun last (2026-11); null: none yet"),
        Column("open_from", "text", "t.open_from", "the earliest month that is not closed"),
        Column("position", "bigint", "t.position", "where its last event stands in the log"),
    ),
    "FROM $subscription t",
    {"subscription": "subscription"},
    ("subscription_id",),
)

HOUR_PACKS = ReportingView(
    "hour_packs",
    "Hours bought in advance.",
    (
        Column("pack_id", "text", "t.pack_id", "the pack"),
        Column("subscription_id", "text", "t.subscription_id", "the subscription that it belongs to"),
        Column("customer_id", "text", "t.customer_id", "whose it is"),
        Column("month", "text", "t.month", "the month that its price is posted in (2026-11)"),
        Column("hours", "bigint", "t.hours", "hours bought"),
        Column("seconds", "bigint", "t.seconds", "the same in seconds"),
        Column("price_cents", "bigint", "t.price_cents", "what it cost"),
        Column("purchased_at", "timestamptz", "t.purchased_at", "when it was bought"),
        Column("effective_at", "timestamptz", "t.effective_at", "work from then on can draw on it"),
        Column("expires_at", "timestamptz", "t.expires_at", "when it expires; null: never"),
        Column("drawn_seconds", "bigint", "t.drawn_seconds", "drawn and not given back"),
        Column("expired_seconds", "bigint", "t.expired_seconds", "left when it expired"),
        Column(
            "left_seconds", "bigint", "t.seconds - t.drawn_seconds - t.expired_seconds", "what can still be drawn of it"
        ),
        Column("position", "bigint", "t.position", "where its purchase stands in the log"),
    ),
    "FROM $hour_pack t",
    {"hour_pack": "subscription"},
    ("subscription_id", "pack_id"),
)
