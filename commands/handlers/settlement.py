"""What a decision on a case changes of the facts of work reaches the subscription in the same append (B1, B4, B8)."""

from commands.handlers.streams import subscription_of
from commands.unit_of_work import Stream, UnitOfWork
from domain.subscription import decider as subscriptions
from domain.subscription.commands import ReviseWork, WorkRevision
from domain.ticket.scope import work_facts
from domain.ticket.state import Ticket


def settle_work(work: UnitOfWork, *decided: tuple[Ticket | None, Stream[Ticket]]) -> None:
    """Let the subscription take into account what a decision changed of the facts of work: time, class, purpose, case.

    `decided` has each case of the decision, as it stood before and its stream with the events decided. Called once in
    every handler whose events can change such a fact; does nothing where they change none.
    """
    before = {entry_id: facts for state, _ in decided if state for entry_id, facts in work_facts(state).items()}
    revisions = tuple(
        WorkRevision(
            entry_id=entry_id,
            ticket_id=standing.ticket_id,
            case_number=standing.case_number,
            duration_seconds=standing.duration_seconds,
            voided=standing.voided,
            work_class=standing.work_class,
            purpose=standing.purpose,
        )
        for _, stream in decided
        if stream.state is not None
        for entry_id, standing in work_facts(stream.state).items()
        if before.get(entry_id) not in {None, standing}
    )
    if not revisions:
        return
    customer_id = next(stream.state.case.customer_id for _, stream in decided if stream.state is not None)
    subscription = subscription_of(work, customer_id)
    subscription.add(subscriptions.decide(ReviseWork(now=work.now, revisions=revisions), subscription.state))
