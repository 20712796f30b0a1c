"""The naive reference itself, by values worked out by hand: the examples of SUPPORT_POLICY B, and B8 case by case."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.plan import Terms, TermsChange, default_terms
from tests.domain.rating.reference import Bill, Close, RefCredit, breakage, owed, pack_income, settled
from tests.domain.rating.reference_facts import Facts, PlanFrom, Purchase, Worked, pack_of

ZONE = "America/Denver"
NOV, DEC, JAN = "2026-11", "2026-12", "2027-01"


def denver(month: int, day: int, hour: int = 12, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def facts(
    *entries: Worked,
    packs: tuple[Purchase, ...] = (),
    terms: Terms | None = None,
    changes: tuple[PlanFrom, ...] = (),
    last_month: str | None = None,
) -> Facts:
    return Facts(ZONE, date(2026, 11, 1), terms or default_terms("USD"), changes, last_month, packs, entries)


def worked(entry_id: str, day: int, minutes: int, work_class: str = "included", *, month: int = 11) -> Worked:
    return Worked(entry_id, denver(month, day), minutes * 60, work_class)


def draws(stands: Bill) -> dict[str, list[tuple[str, str, int, int]]]:
    """(posting month, source, minutes, cents) of each draw, by entry."""
    by_entry: dict[str, list[tuple[str, str, int, int]]] = {}
    for draw in stands.draws:
        by_entry.setdefault(draw.entry_id, []).append((draw.posted_in, draw.source, draw.seconds // 60, draw.cents))
    return by_entry


def credit(source: str, minutes: int, cents: int, *, grant: str | None = None, restored: bool = False) -> RefCredit:
    return RefCredit("e", DEC, source, grant, NOV, minutes * 60, cents, restored)


EXAMPLE_1 = (worked("nov-3", 3, 40), worked("nov-5", 5, 50), worked("nov-12", 12, 120))
BOUGHT = (Purchase("p", 5, denver(11, 10)),)


def test_example_1() -> None:
    known = facts(*EXAMPLE_1, packs=BOUGHT)
    stands = settled(known)
    assert draws(stands) == {
        "nov-3": [(NOV, "allowance", 45, 0)],
        "nov-5": [(NOV, "allowance", 15, 0), (NOV, "on_demand", 45, 112_50)],
        "nov-12": [(NOV, "pack", 120, 0)],
    }
    assert owed(known, stands, denver(11, 30)) == {NOV: 150_00 + 112_50 + 600_00}
    assert pack_income([pack_of(known, BOUGHT[0])], stands.draws) == {("p", NOV): 240_00}


def test_example_2() -> None:
    assert draws(settled(facts(*EXAMPLE_1, worked("nov-2", 2, 30), packs=BOUGHT))) == {
        "nov-2": [(NOV, "allowance", 30, 0)],
        "nov-3": [(NOV, "allowance", 30, 0), (NOV, "on_demand", 15, 37_50)],
        "nov-5": [(NOV, "on_demand", 60, 150_00)],
        "nov-12": [(NOV, "pack", 120, 0)],
    }


def test_example_3() -> None:
    for work_class, drawn in {
        "pending": [(NOV, "hold", 90, 450_00)],
        "emergency": [(NOV, "emergency", 90, 450_00)],
        "included": [(NOV, "allowance", 60, 0), (NOV, "on_demand", 30, 75_00)],
    }.items():
        assert draws(settled(facts(worked("sat", 7, 90, work_class)))) == {"sat": drawn}


def test_example_4() -> None:
    known = facts(*EXAMPLE_1, packs=BOUGHT)
    corrected = facts(worked("nov-3", 3, 40), worked("nov-5", 5, 30), worked("nov-12", 12, 120), packs=BOUGHT)
    stands = settled(corrected, [Close(NOV, known)])
    assert draws(stands) == draws(settled(known))
    assert stands.credits == [RefCredit("nov-5", DEC, "on_demand", None, NOV, 30 * 60, 75_00, restored=False)]
    assert owed(corrected, stands, denver(12, 5)) == {NOV: 862_50, DEC: 150_00 - 75_00}


def test_example_5() -> None:
    assert draws(settled(facts(worked("feature", 3, 60, "billable")))) == {"feature": [(NOV, "on_demand", 60, 150_00)]}


def test_time_of_a_closed_month_goes_back_to_its_pack_and_not_to_its_allowance() -> None:
    packs = (Purchase("p", 5, denver(11, 1)),)
    closed = [Close(NOV, facts(worked("e", 3, 120), packs=packs))]
    for minutes, expected in {
        75: [credit("pack", 45, 0, grant="p", restored=True)],
        30: [credit("pack", 60, 0, grant="p", restored=True), credit("allowance", 30, 0, grant=NOV)],
    }.items():
        now = facts(worked("e", 3, minutes), worked("dec", 1, 6 * 60, "billable", month=12), packs=packs)
        stands = settled(now, closed)
        assert stands.credits == expected
        back = expected[0].seconds // 60
        assert draws(stands)["dec"] == [
            (DEC, "pack", 240 + back, 0),
            (DEC, "on_demand", 120 - back, (120 - back) * 2_50),
        ]
        income = pack_income([pack_of(now, packs[0])], stands.draws, stands.credits)
        assert income == {("p", NOV): 120_00, ("p", DEC): 480_00}


def test_time_of_a_pack_that_has_expired_by_the_open_month_is_worth_what_was_paid() -> None:
    terms = TermsChange(pack_validity_days=20).of(default_terms("USD"))
    packs = (Purchase("p", 5, denver(11, 10)),)  # to midnight after 30 November, the start of December
    known = facts(worked("e", 12, 120, "billable"), packs=packs, terms=terms)
    stands = settled(facts(worked("e", 12, 75, "billable"), packs=packs, terms=terms), [Close(NOV, known)])
    assert stands.credits == [credit("pack", 45, 90_00, grant="p")]
    assert breakage([pack_of(known, packs[0])], stands, denver(12, 1, 0)) == {"p": 360_00}
    assert breakage([pack_of(known, packs[0])], stands, denver(11, 30, 23, 59)) == {}
    longer = TermsChange(pack_validity_days=21).of(default_terms("USD"))
    known = facts(worked("e", 12, 120, "billable"), packs=packs, terms=longer)
    stands = settled(facts(worked("e", 12, 75, "billable"), packs=packs, terms=longer), [Close(NOV, known)])
    assert stands.credits == [credit("pack", 45, 0, grant="p", restored=True)]


def test_more_time_for_a_closed_month_is_rated_at_the_start_of_the_open_one() -> None:
    known = facts(worked("e", 3, 60))
    now = facts(worked("e", 3, 90), worked("dec", 1, 60, month=12))
    stands = settled(now, [Close(NOV, known)])
    assert stands.credits == []
    assert draws(stands) == {
        "e": [(NOV, "allowance", 60, 0), (DEC, "allowance", 30, 0)],
        "dec": [(DEC, "allowance", 30, 0), (DEC, "on_demand", 30, 75_00)],
    }


def test_another_class_is_a_credit_of_all_and_a_new_rating() -> None:
    known = facts(worked("e", 3, 90))
    stands = settled(facts(worked("e", 3, 120, "emergency")), [Close(NOV, known)])
    assert stands.credits == [credit("on_demand", 30, 75_00), credit("allowance", 60, 0, grant=NOV)]
    assert draws(stands)["e"][2:] == [(DEC, "emergency", 120, 600_00)]


def test_a_hold_moves_on_until_the_ruling() -> None:
    pending = facts(worked("e", 3, 90, "pending"))
    assert draws(settled(pending, [Close(NOV, pending)])) == {"e": [(DEC, "hold", 90, 450_00)]}
    closes = [Close(NOV, pending), Close(DEC, pending)]
    assert draws(settled(facts(worked("e", 3, 90, "emergency")), closes)) == {"e": [(JAN, "emergency", 90, 450_00)]}


def test_credits_of_an_earlier_close_count_with_what_stands() -> None:
    closes = [
        Close(NOV, facts(worked("e", 3, 90, "billable"))),
        Close(DEC, facts(worked("e", 3, 60, "billable"))),
    ]
    again = settled(facts(worked("e", 3, 90, "billable")), closes)
    assert again.credits == [credit("on_demand", 30, 75_00)]
    assert draws(again) == {"e": [(NOV, "on_demand", 90, 225_00), (JAN, "on_demand", 30, 75_00)]}
    void = settled(facts(worked("e", 3, 90, "billable")._replace(voided=True)), closes)
    assert void.credits[1:] == [RefCredit("e", JAN, "on_demand", None, NOV, 60 * 60, 150_00, restored=False)]


def test_the_last_change_for_a_month_holds_from_it_on() -> None:
    dear, cheap = (TermsChange(regular_rate_cents=rate).of(default_terms("USD")) for rate in (300_00, 75_00))
    entries = [worked(str(month), 5, 60, "billable", month=month) for month in (11, 12)]
    changes = (PlanFrom(DEC, dear), PlanFrom(DEC, cheap), PlanFrom(JAN, dear))
    assert draws(settled(facts(*entries, changes=changes))) == {
        "11": [(NOV, "on_demand", 60, 150_00)],
        "12": [(DEC, "on_demand", 60, 75_00)],
    }


def test_after_the_last_month_there_is_the_rollover_and_then_packs_and_on_demand() -> None:
    terms = TermsChange(rollover_cap_seconds=1800).of(default_terms("USD"))
    ended = facts(worked("nov", 3, 15), worked("dec", 2, 90, month=12), terms=terms, last_month=NOV,
                  changes=(PlanFrom(DEC, TermsChange(regular_rate_cents=1).of(terms)),))  # fmt: skip
    stands = settled(ended)
    assert draws(stands)["dec"] == [(DEC, "rollover", 30, 0), (DEC, "on_demand", 60, 150_00)]
    assert owed(ended, stands, denver(1, 5, year=2027)) == {NOV: 150_00, DEC: 150_00}
