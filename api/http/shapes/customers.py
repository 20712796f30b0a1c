"""The shapes of customers."""

from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Shape
from api.http.shapes.tickets import PersonShape


class CustomerShape(Shape, kw_only=True):
    """A customer."""

    customer_id: str
    name: str
    contacts: list[PersonShape]
    products: list[str]
    account_manager: str | UnsetType = UNSET
    version: int
    position: Position
