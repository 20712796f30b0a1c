"""The rules that forbid a command on a case, each with its code."""

from domain.refusal import Refusal
from domain.ticket.events import EmergencyKind


class TicketNotOpened(Refusal):
    """A case begins with its request; there is none under that id."""

    code = "ticket_not_opened"


class TicketExists(Refusal):
    """The id names a case that was opened with another request."""

    code = "ticket_exists"


class WrongEmergencyKind(Refusal):
    """Emergency support has one form in business hours and one after them (R13)."""

    code = "wrong_emergency_kind"

    def __init__(self, asked: EmergencyKind, right: EmergencyKind, *, pointer: str) -> None:
        super().__init__(f"it is {right} now: ask for an emergency of kind {right}, not {asked}", pointer=pointer)
        self.right = right


class EmergencyStands(Refusal):
    """Another emergency of the case is requested or accepted; a new topic is a new ticket (R3, R11)."""

    code = "emergency_stands"


class EmergencyNotRequested(Refusal):
    """There is no emergency to decide on (R11)."""

    code = "emergency_not_requested"


class EmergencyNotEligible(Refusal):
    """Emergency support is never for Boost or Hub (R10)."""

    code = "emergency_not_eligible"


class CauseIsRuled(Refusal):
    """The decision on an emergency holds once its cause is ruled; the ruling can be revised (R11, R25)."""

    code = "cause_ruled"


class EmergencyNotAccepted(Refusal):
    """Only the cause of an accepted emergency is ruled (R14)."""

    code = "emergency_not_accepted"


class TicketIsClosed(Refusal):
    """The case is over; staff may reopen it (T4)."""

    code = "ticket_closed"


class TicketIsResolved(Refusal):
    """The request is dealt with; the case has to be reopened first."""

    code = "ticket_resolved"


class TicketNotResolved(Refusal):
    """Only a resolved case can be closed (T4)."""

    code = "ticket_not_resolved"


class WorkInFuture(Refusal):
    """Work cannot end in the future (B1)."""

    code = "work_in_future"
    pointer = "/duration_seconds"


class InvalidDuration(Refusal):
    """An entry is of 1 to 86,400 seconds (B1)."""

    code = "invalid_duration"
    pointer = "/duration_seconds"


class EntryExists(Refusal):
    """The entry id stands for other work; the facts of an entry are never edited (B1)."""

    code = "entry_exists"
    pointer = "/entry_id"


class EntryIsVoid(Refusal):
    """A void is final (B1)."""

    code = "entry_void"
    pointer = "/entry_id"


class CallBeforeReceipt(Refusal):
    """A call about a request takes place after it was received (T7)."""

    code = "call_before_receipt"
    pointer = "/at"


class CallInFuture(Refusal):
    """A call is logged once it took place (T7)."""

    code = "call_in_future"
    pointer = "/at"


class UnknownEntry(Refusal):
    """No entry with that id stands on the case."""

    code = "unknown_entry"
    pointer = "/entry_id"


class UnknownReply(Refusal):
    """No reply or note with that position stands on the case."""

    code = "unknown_reply"


class RulingPending(Refusal):
    """Work of an accepted emergency stays on its case until the emergency's cause is ruled (R3)."""

    code = "ruling_pending"


class TicketIsMerged(Refusal):
    """The case was merged into another, which goes on for it (R3)."""

    code = "ticket_merged"


class SameTicket(Refusal):
    """A case cannot be merged into itself."""

    code = "same_ticket"
    pointer = "/into"


class DifferentCustomers(Refusal):
    """Cases of different customers are never merged (R3)."""

    code = "different_customers"
    pointer = "/into"
