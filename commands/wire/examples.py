"""An example of every command with each of its fields; the documentation shows them, the tests load them."""

from typing import Any

_ANN = {"name": "Ann Lee", "email": "ann@example.com"}
_TERMS = {
    "currency": "USD",
    "monthly_fee_cents": 15_000,
    "allowance_seconds": 3_600,
    "regular_rate_cents": 15_000,
    "pack_rate_cents": 12_000,
    "pack_step_hours": 5,
    "pack_validity_days": 365,
    "emergency_multiplier": 2,
    "billing_increment_seconds": 900,
    "minimum_charge_seconds": 0,
    "rollover_cap_seconds": 0,
}
_ARTICLE = {
    "article_id": "week-start",
    "title": "How to let weeks begin on Monday",
    "body": "Open the settings of the calendar and choose the first day of the week.",
    "topics": ["calendar", "settings"],
}
_REASON = {"ticket": "C-000001", "reason": "they wrote back"}
_REPLY = {"ticket": "C-000001", "author": {"role": "staff", **_ANN}, "body": "Look at the second tab."}

EXAMPLES: dict[str, dict[str, Any]] = {
    "register-customer": {
        "customer_id": "alpine-lodge",
        "name": "Alpine Lodge",
        "contacts": [_ANN],
        "products": ["website", "hub"],
        "account_manager": "Jo Smith",
    },
    "update-customer": {
        "customer_id": "alpine-lodge",
        "name": "Alpine Lodge and Spa",
        "contacts": [_ANN],
        "products": ["website"],
        "account_manager": "Jo Smith",
    },
    "start-subscription": {
        "customer_id": "alpine-lodge",
        "plan": "standard",
        "starts_on": "2026-11-01",
        "terms": {"monthly_fee_cents": 12_000},
    },
    "buy-hours": {"customer_id": "alpine-lodge", "hours": 5, "effective_from": "2026-11-10T00:00:00-07:00"},
    "open-ticket": {
        "customer_id": "alpine-lodge",
        "requester": _ANN,
        "category": "technical_error",
        "subject": "Calendar shows the wrong week",
        "description": "Since this morning the calendar begins with Sunday.",
        "product": "website",
        "urgency": "high",
        "complexity": "basic",
        "goal": "Weeks that begin on Monday",
        "error": {
            "noticed_at": "2026-11-23T08:00:00-07:00",
            "conditions": "Every browser",
            "expected_behaviour": "Monday comes first",
        },
        "requested_for": "2026-12-01",
        "emergency": {"kind": "business_hours", "symptom": "booking_down"},
        "channel": "phone",
    },
    "add-reply": _REPLY,
    "add-note": _REPLY,
    "assign-ticket": {"ticket": "C-000001", "agent": "jo"},
    "wait-for-customer": _REASON,
    "wait-for-partner": {**_REASON, "partner": "Channel Partners Ltd"},
    "resume-ticket": _REASON,
    "log-work": {
        "ticket": "C-000001",
        "entry_id": "w-1",
        "agent": "jo",
        "started_at": "2026-11-23T09:00:00-07:00",
        "duration_seconds": 2_400,
        "activity": "analysis",
        "note": "Read the logs",
    },
    "split-ticket": {
        "ticket": "C-000001",
        "subject": "Opening hours on holidays",
        "description": "Where do I set that we are closed on the 26th?",
        "category": "how_to",
        "entry_ids": ["w-1"],
        "reply_positions": [42, 44],
    },
    "merge-ticket": {"ticket": "C-000002", "into": "C-000001"},
    "resolve-ticket": {"ticket": "C-000001", "resolution": "The setting is corrected", "article": "week-start"},
    "reopen-ticket": _REASON,
    "close-ticket": _REASON,
    "declare-incident": {
        "incident_id": "search-2026-11",
        "title": "Searches fail on all websites",
        "text": "We are looking into it.",
    },
    "post-incident-update": {"incident": "search-2026-11", "text": "The cause is found; half of the sites work again."},
    "link-incident": {"ticket": "C-000001", "incident": "search-2026-11"},
    "resolve-incident": {"incident": "search-2026-11", "text": "All searches work again."},
    "publish-article": _ARTICLE,
    "revise-article": _ARTICLE,
    "retire-article": {"article_id": "week-start"},
    "publish-plan": {"plan": "standard", "terms": _TERMS, "effective_from": "2026-12-01T00:00:00-07:00"},
    "publish-calendar": {
        "calendar": "business",
        "tz": "America/Denver",
        "hours": {"mon-fri": "08:30-17:30", "sat": "09:00-12:00 13:00-16:00"},
        "holidays": ["2026-11-26"],
        "overrides": {"2026-12-24": "09:00-12:00", "2026-12-31": ""},
        "breaks": {"2026-12-15": "12:00-13:00"},
        "effective_from": "2026-12-01T00:00:00-07:00",
    },
    "publish-sla-policy": {
        "policy": "default",
        "targets": [
            {"when": {"urgency": "high"}, "clock": "first_response", "target_seconds": 7_200, "calendar": "business"},
            {"when": {"emergency": True}, "clock": "resolution", "target_seconds": None, "calendar": "24x7"},
        ],
        "effective_from": "2026-12-01T00:00:00-07:00",
    },
}
