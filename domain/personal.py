"""Which parts of an event are personal data."""

import msgspec


class Personal(msgspec.Struct, frozen=True, gc=False):
    """A name, an address or free text that can point to a person.

    Having a type of its own, it is found wherever it occurs in an event, so that it can be sealed with a
    person's key later without a new event shape. It shows nothing of itself in a log line or a traceback.
    """

    text: str

    def __repr__(self) -> str:
        return "Personal(…)"

    __str__ = __repr__


class Person(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody outside the desk's staff, or a member of staff where a customer sees the name."""

    name: Personal
    email: Personal
