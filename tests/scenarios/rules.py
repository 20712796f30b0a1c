"""Every rule of the support policy, and what it says in one or two sentences."""

from typing import NamedTuple


class Rule(NamedTuple):
    """A rule; `missing` tells what of it comes with the customer's side of the desk."""

    number: str
    sentence: str
    missing: str = ""


RULES: tuple[Rule, ...] = (
    Rule(
        "R1",
        "A request is a support ticket, and the ticket is the fastest way to get in touch.",
        missing="tickets opened by e-mail",
    ),
    Rule(
        "R2",
        "Customers ask how something works, for a change of settings, about wrong data or an error, or for the right "
        "person; an emergency is asked for beside the request.",
    ),
    Rule(
        "R3",
        "One topic a ticket: a second topic is split off, two tickets on one topic are merged, and the two know each "
        "other.",
    ),
    Rule(
        "R4",
        "A suspected error is told with when it was noticed, under which conditions, and what was expected; any "
        "request may name its end goal.",
    ),
    Rule(
        "R5",
        "Each request gets a case number, and what the customer adds to it lands on that case.",
        missing="the confirmation mail, and replies by mail",
    ),
    Rule(
        "R6", "Support works Monday to Friday from 8:30 to 17:30 Mountain Time; holidays and special days are settings."
    ),
    Rule("R7", "Phone calls are made as needed, on a ticket, with the person best placed to help."),
    Rule("R8", "Tickets are handled by urgency, then in the order received."),
    Rule("R9", "The support subscription is one hour a month, or a designated plan."),
    Rule(
        "R10",
        "Emergency support is for severely degraded website services, and never for the products Boost and Hub.",
    ),
    Rule(
        "R11",
        "An outage of the website, of listings, of searches or of direct booking may be granted as an emergency, at "
        "the provider's sole discretion.",
    ),
    Rule("R12", "Any other request that comes in after hours is worked on from the next business day."),
    Rule(
        "R13",
        "There are two kinds of emergency request, one for business hours and one for after hours.",
        missing="the two forms",
    ),
    Rule(
        "R14",
        "An emergency costs double the regular rate when its cause is found to be outside the service agreement.",
    ),
    Rule(
        "R15", "In widespread issues, known issues and status updates are posted, and those affected are told the end."
    ),
    Rule(
        "R16",
        "A lack of information prolongs the resolution: the case waits for the customer, who is reminded and whose "
        "reply takes it up again.",
    ),
    Rule("R17", "Other software partners and senior resources may be involved, and that may take its time."),
    Rule("R18", "Customers can plan ahead: a ticket may be for a future date."),
    Rule("R19", "Basic requests are resolved within a couple of business days, complex ones within a week or more."),
    Rule("R20", "Enhancements may be weeks or months away; alternatives are discussed."),
    Rule(
        "R21",
        "When the subscription is used up, hours are bought in advance in steps of five at a discount, or work is on "
        "demand at the regular rate.",
    ),
    Rule(
        "R22",
        "Design changes, features, training and customisation of third-party software and special projects are not in "
        "the subscription; staff may decide what is billable.",
    ),
    Rule("R23", "A monthly, quarterly or annual budget for maintenance and enhancements can be agreed and is watched."),
    Rule(
        "R24",
        "A knowledge base answers common questions, and a resolution may cite an article.",
        missing="the search for articles",
    ),
    Rule("R25", "Whether an emergency is outside of the agreement is ruled by staff, and a ruling can be revised."),
    Rule("B1", "Work is recorded as facts; a mistake is corrected or made void by a further fact, with its reason."),
    Rule(
        "B2",
        "Work is billed in the month it was done in, on the plan of that month; plans change and subscriptions end "
        "with a month.",
    ),
    Rule("B3", "Billed is the time worked rounded up to the billing increment, at least the minimum charge."),
    Rule(
        "B4", "How work is billed follows from its case: its category, a staff decision, or the ruling on an emergency."
    ),
    Rule("B5", "Work draws on the rollover and the allowance, then on packs, and what is left is on demand."),
    Rule("B6", "An allowance lasts its month, a pack until it expires, and a rollover serves one month more."),
    Rule("B7", "The bill depends on what was done, never on the order in which the desk was told."),
    Rule("B8", "A closed month stands for ever; what turns out later is settled in the earliest open month."),
    Rule("B9", "Money is whole cents, rounded once for each draw; a pack used up has earned exactly its price."),
    Rule("B10", "Every posting balances in money and in time, and names what caused it."),
    Rule("B11", "Nothing is drawn twice, billed twice, or lost once it was acknowledged."),
    Rule("T1", "Hours are local to a time zone; across a change of the clocks, time is what really passed."),
    Rule("T2", "A deadline is the earliest instant at which so much business time has passed, exact to the second."),
    Rule("T3", "Four clocks are kept on a ticket: first response, next response, resolution and periodic update."),
    Rule(
        "T4", "Waiting pauses the resolution only; a customer's reply takes the case up again; closing needs resolving."
    ),
    Rule("T5", "What may take how long is a setting: the first row that fits a ticket counts."),
    Rule("T6", "When a ticket or a setting changes, time already counted stays, and counts against the new target."),
    Rule(
        "T7", "A missed deadline is recorded once, as of when it was missed, whether or not the desk was running then."
    ),
    Rule("T8", "For any deadline or verdict the desk lists what was counted, paused, closed and a holiday."),
    Rule("T9", "Splitting and merging keep time, replies and clocks: nothing is lost and nothing counts twice."),
)

RULE_NUMBERS = tuple(rule.number for rule in RULES)
