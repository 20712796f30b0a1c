"""Makes helpdesk_sample.csv: an invented event log in the form of the real helpdesk.csv, the same one every time.

Run from the project: python docs/samples/generate.py
"""

# ruff: noqa: INP001 - a program for whoever changes the sample, part of no package

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

SAMPLE = Path(__file__).with_name("helpdesk_sample.csv")

HEADER = (
    "Case ID,Activity,Resource,Complete Timestamp,Variant,Variant index,Variant,seriousness,customer,product,"
    "responsible_section,seriousness_2,service_level,service_type,support_section,workgroup"
).split(",")

CASES = 90
CUSTOMERS = 14
AGENTS = 5
FIRST_DAY = datetime(2012, 9, 3)  # noqa: DTZ001 - the file has local times
DAYS = 150

# After each activity, what may come next and how often; "" ends the case there.
NEXT = {
    "Assign seriousness": {"Take in charge ticket": 85, "Assign seriousness": 9, "Resolve ticket": 4, "Wait": 2},
    "Insert ticket": {"Assign seriousness": 100},
    "Take in charge ticket": {
        "Resolve ticket": 60,
        "Wait": 26,
        "Take in charge ticket": 9,
        "Require upgrade": 3,
        "": 2,
    },
    "Wait": {"Resolve ticket": 48, "Take in charge ticket": 36, "Wait": 11, "": 5},
    "Require upgrade": {"Resolve ticket": 80, "Take in charge ticket": 20},
    "Resolve ticket": {"Closed": 84, "Resolve ticket": 6, "Take in charge ticket": 7, "VERIFIED": 1, "": 2},
    "VERIFIED": {"Closed": 100},
    "Closed": {"": 96, "Closed": 2, "Take in charge ticket": 2},
}


def working_time(instant: datetime) -> datetime:
    """Return the instant, or one later that most of the real rows would have: a weekday between 8 and 17."""
    while instant.weekday() >= 5 or not 8 <= instant.hour < 17:
        instant += timedelta(hours=1)
    return instant


def case_rows(chance: random.Random, number: int) -> list[list[str]]:
    """Return the rows of one case, in time order."""
    # A few customers have most of the cases, so that some use up their allowance.
    customer = min(chance.randrange(CUSTOMERS), chance.randrange(CUSTOMERS)) + 1
    product, agent = chance.randrange(1, 5), chance.randrange(1, AGENTS + 1)
    instant = working_time(FIRST_DAY + timedelta(days=chance.random() * DAYS))
    instant = instant.replace(microsecond=0)
    activity = "Insert ticket" if chance.random() < 0.05 else "Assign seriousness"
    rows: list[list[str]] = []
    while activity:
        named = customer % CUSTOMERS + 1 if (number, len(rows)) == (40, 2) else customer
        rows.append(
            [
                f"Sample {number}",
                activity,
                f"Value {agent}",
                instant.strftime("%Y/%m/%d %H:%M:%S.000"),
                "Variant 1",
                "1",
                "Variant 1",
                "Value 1",
                f"Value {named}",
                f"Value {product}",
                *["Value 1"] * 6,
            ]
        )
        agent = agent if chance.random() < 0.7 else chance.randrange(1, AGENTS + 1)
        choices = NEXT[activity]
        activity = chance.choices([*choices], [*choices.values()])[0]
        if chance.random() > 0.04:  # else at the same instant
            instant = working_time(instant + timedelta(seconds=int(chance.expovariate(1 / 90_000)) + 30))
    return rows


def main() -> None:
    """Write the sample beside this file."""
    chance = random.Random(2017)  # noqa: S311 - no secret
    with SAMPLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(1, CASES + 1):
            writer.writerows(case_rows(chance, number))


if __name__ == "__main__":
    main()
