"""When nothing is left of a month's allowance, that is noticed once (SUPPORT_POLICY R21)."""

from collections.abc import Iterator, Sequence

from commands.policies.policy import Intent, Policy
from domain.recorded import RecordedEvent
from domain.subscription.events import WorkRated, WorkRerated, WorkRevised


def notice_exhaustion(cause: RecordedEvent, _stream: Sequence[RecordedEvent]) -> Iterator[Intent]:
    """Ask, after work that drew on a month's allowance or rollover, whether anything is left of it."""
    event = cause.event
    if isinstance(event, WorkRated | WorkRerated | WorkRevised) and any(
        draw.source in {"allowance", "rollover"} for draw in event.draws
    ):
        yield Intent(
            command="notice-exhaustion",
            subject=f"{event.subscription_id} in {event.month}",
            data={"subscription_id": event.subscription_id, "month": event.month},
        )


NOTICE_EXHAUSTION = Policy(name="allowance used up", on=(WorkRated, WorkRerated, WorkRevised), react=notice_exhaustion)
