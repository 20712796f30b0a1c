"""What several scenarios begin with."""

from typing import Any

from tests.scenarios.desk import Desk


def november_of_example_1(desk: Desk, **terms: Any) -> str:
    """Let the work of example 1 be done and return the case: 45 min, 60 min, five hours bought, 120 min."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(**terms)
    case = desk.case()
    desk.at("Tue 2037-11-03 12:00")
    desk.works(case, "Tue 2037-11-03 10:00", minutes=40, entry="nov-3")
    desk.at("Thu 2037-11-05 12:00")
    desk.works(case, "Thu 2037-11-05 10:00", minutes=50, entry="nov-5")
    desk.at("Tue 2037-11-10 12:00")
    desk.buys(5)
    desk.at("Thu 2037-11-12 15:00")
    desk.works(case, "Thu 2037-11-12 10:00", minutes=120, entry="nov-12")
    return case
