"""A customer's month as the scenarios speak of it."""

from typing import Any

from tests.scenarios.words import draw, money, time


class Statement:
    """What `/v1/customers/<id>/statement` answered."""

    def __init__(self, body: Any) -> None:
        self.body = body

    @property
    def state(self) -> str:
        """Return open or closed."""
        return str(self.body["state"])

    @property
    def entries(self) -> list[str]:
        """Return the ids of the work entries on it."""
        return [entry["entry_id"] for entry in self.body["entries"]]

    def entry(self, entry_id: str) -> Any:
        """Return a work entry that is on it."""
        (entry,) = [each for each in self.body["entries"] if each["entry_id"] == entry_id]
        return entry

    def drawn(self, entry_id: str) -> str:
        """Return what an entry drew: "allowance 15 min, on_demand 45 min $112.50"."""
        return ", ".join(draw(each) for each in self.entry(entry_id)["draws"])

    def billed(self, entry_id: str) -> str:
        """Return the billed time of an entry."""
        return time(self.entry(entry_id)["billed_seconds"])

    def credited(self, entry_id: str) -> str:
        """Return what was given back of an entry: "on_demand 30 min $75.00"."""
        return ", ".join(draw(each) for each in self.body["credits"] if each["entry_id"] == entry_id)

    def total(self, name: str) -> str:
        """Return a sum: `on_demand`, `emergency` (time and money), `owed`, `packs`, `credits`, `hold` (money)."""
        totals = self.body["totals"]
        amount = money(totals[f"{name}_cents"])
        return f"{time(totals[f'{name}_seconds'])} {amount}" if f"{name}_seconds" in totals else amount

    @property
    def owed(self) -> str:
        """Return what is owed for the month."""
        return self.total("owed")

    @property
    def fee(self) -> str:
        """Return the month's fee."""
        return money(self.body["fee_cents"])

    def allowance(self, part: str) -> str:
        """Return the granted, rollover, used or left time of the allowance."""
        return time(self.body["allowance"][f"{part}_seconds"])
