"""A wrong field, and data that has some; in a place of its own, for who tells of them needs no schemas."""

import msgspec


class FieldError(msgspec.Struct, frozen=True, gc=False):
    """A wrong field: where (JSON pointer, RFC 6901) and what was expected there."""

    pointer: str
    detail: str


class InvalidData(ValueError):
    """Data that does not fit its schema; `errors` names every wrong field, in the order of their pointers."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer or 'the whole'} {error.detail}" for error in errors))
        self.errors = errors
