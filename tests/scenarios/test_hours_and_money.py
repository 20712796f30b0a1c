"""Hours and money: what work draws on, what it costs, and that neither depends on the order it is told in."""

from tests.scenarios.desk import Desk
from tests.scenarios.scenario import scenario


@scenario("B5", "B3", "R9")
def test_b5_work_draws_the_allowance_then_packs_then_is_on_demand(desk: Desk) -> None:
    """Example 1 of the policy: 40, 50 and 120 minutes, and five hours bought between them."""
    # given a customer on an hour a month
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()

    # when staff work on the 3rd, the 5th and the 12th, and five hours are bought on the 10th
    desk.at("Tue 2037-11-03 12:00")
    desk.works(case, "Tue 2037-11-03 10:00", minutes=40, entry="nov-3")
    desk.at("Thu 2037-11-05 12:00")
    desk.works(case, "Thu 2037-11-05 10:00", minutes=50, entry="nov-5")
    desk.at("Tue 2037-11-10 12:00")
    pack = desk.buys(5)
    desk.at("Thu 2037-11-12 15:00")
    desk.works(case, "Thu 2037-11-12 10:00", minutes=120, entry="nov-12")

    # then each is billed in steps of 15 minutes and drawn from the cheapest that is left
    bill = desk.statement("2037-11")
    assert bill.billed("nov-3") == "45 min"
    assert bill.drawn("nov-3") == "allowance 45 min"
    assert bill.billed("nov-5") == "60 min"
    assert bill.drawn("nov-5") == "allowance 15 min, on_demand 45 min $112.50"
    assert bill.drawn("nov-12") == "pack 120 min"
    assert bill.total("packs") == "$600.00"
    assert desk.pack(pack)["remaining_seconds"] == 180 * 60
    # and the fee, the pack and the on-demand time are owed
    assert bill.owed == "$862.50"
