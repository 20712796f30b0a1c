"""What did events look like that are written in another form now? The log holds their text for ever.

`domain/tags.py` has the upcasters; these types are the contract with those who read the text itself
(docs/kafka.md), and the tests hold them against the events stored once.
"""

from domain.ticket.events import Segment, WithDeadlines


class EmergencyDeclinedV1(WithDeadlines, frozen=True, kw_only=True):
    """The request is no emergency, by the support policy or by staff, and why (R10, R11).

    `reason` is a text here; later versions have the words of staff as personal data.
    """

    reason: str
    segments: tuple[Segment, ...] = ()
