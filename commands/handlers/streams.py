"""The streams that a command names: by id, by case number, by customer."""

from commands.application import Evolve
from commands.errors import UnknownCustomer, UnknownSubscription, UnknownTicket
from commands.unit_of_work import Stream, UnitOfWork
from domain import customer as customers
from domain.customer import Customer
from domain.subscription import state as subscriptions
from domain.subscription.refusals import NoSubscription
from domain.subscription.state import Subscription
from domain.ticket import state as tickets
from domain.ticket.state import Merged, Ticket

EVOLVE_TICKET: Evolve[Ticket] = tickets.evolve


def customer_stream(work: UnitOfWork, customer_id: str) -> Stream[Customer]:
    """Load a customer's stream, which may be empty."""
    return work.stream(f"customer-{customer_id}", customers.evolve, customer_id=customer_id)


def existing_customer(work: UnitOfWork, customer_id: str) -> Customer:
    """Return a customer that is registered. Raises `UnknownCustomer`."""
    state = customer_stream(work, customer_id).state
    if state is None:
        raise UnknownCustomer(f"there is no customer {customer_id!r}", pointer="/customer_id")
    return state


def subscription_of(work: UnitOfWork, customer_id: str) -> Stream[Subscription]:
    """Load the customer's live subscription. Raises `NoSubscription`."""
    stream_id = work.holder("live_subscription", customer_id)
    if stream_id is None:
        raise NoSubscription(f"customer {customer_id} has no subscription")
    return work.stream(stream_id, subscriptions.evolve, customer_id=customer_id)


def subscription_with_id(work: UnitOfWork, subscription_id: str) -> tuple[Stream[Subscription], Subscription]:
    """Load the subscription of an id. Raises `UnknownSubscription`."""
    stream: Stream[Subscription] = work.stream(f"subscription-{subscription_id}", subscriptions.evolve)
    if stream.state is None:
        raise UnknownSubscription(f"there is no subscription {subscription_id!r}", pointer="/subscription_id")
    work.belongs(stream, stream.state.customer_id)
    return stream, stream.state


def ticket_named(work: UnitOfWork, name: str) -> tuple[Stream[Ticket], Ticket]:
    """Load the ticket that a request is about, and hold the one it names against its `If-Match`.

    A ticket that was merged is not acted on any more: the one that goes on for it is (SUPPORT_POLICY R3). Raises
    `UnknownTicket` or `VersionMismatch`.
    """
    named, state = _ticket(work, name, pointer="/ticket")
    work.expect(named)
    return _survivor(work, named, state)


def surviving_ticket(work: UnitOfWork, name: str, *, pointer: str) -> tuple[Stream[Ticket], Ticket]:
    """Load another ticket that a request names, or the one that goes on for it. Raises `UnknownTicket`."""
    return _survivor(work, *_ticket(work, name, pointer=pointer))


def _survivor(work: UnitOfWork, stream: Stream[Ticket], state: Ticket) -> tuple[Stream[Ticket], Ticket]:
    while isinstance(state, Merged):
        stream, state = _ticket(work, state.into_ticket_id, pointer="/ticket")
    return stream, state


def _ticket(work: UnitOfWork, name: str, *, pointer: str) -> tuple[Stream[Ticket], Ticket]:
    stream_id = f"ticket-{name}"
    if name.startswith("C-"):
        stream_id = work.holder("case_number", name) or stream_id
    stream: Stream[Ticket] = work.stream(stream_id, EVOLVE_TICKET)
    if stream.state is None:
        raise UnknownTicket(f"there is no ticket {name!r}", pointer=pointer)
    work.belongs(stream, stream.state.case.customer_id)
    return stream, stream.state
