"""Every rule of the support policy has a scenario, and docs/policy.md says so."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.scenarios import policy
from tests.scenarios.rules import RULE_NUMBERS

SHOWN = list(policy.scenarios())
HERE = "test_policy.py"


@pytest.mark.parametrize("rule", RULE_NUMBERS)
def test_every_rule_has_a_scenario_named_after_it(rule: str) -> None:
    assert [each for each in SHOWN if each.name.startswith(f"test_{rule.lower()}_")]


def test_the_rules_are_r1_to_r25_b1_to_b11_and_t1_to_t9() -> None:
    expected = [
        f"{letter}{number}" for letter, last in (("R", 25), ("B", 11), ("T", 9)) for number in range(1, last + 1)
    ]
    assert list(RULE_NUMBERS) == expected


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_a_scenario_is_named_after_its_first_rule_and_says_what_it_shows(shown: policy.Shown) -> None:
    assert shown.name.startswith(f"test_{shown.rules[0].lower()}_")
    assert set(shown.rules) <= set(RULE_NUMBERS)
    assert re.fullmatch(r"[A-Z][^\n]*(\n[^\n]+)*\.", shown.sentence), "its first paragraph is a sentence"


def test_every_test_of_this_room_is_a_scenario_and_runs_where_scenarios_run() -> None:
    """Only what pytest collects is a scenario: no marks that could leave one out, no second of the same name."""
    for path in sorted(policy.ROOM.glob("test_*.py")):
        if path.name == HERE:
            continue
        source = path.read_text(encoding="utf-8")
        names = re.findall(r"^def (test_\w+)", source, re.MULTILINE)
        assert names == [each.name for each in SHOWN if each.module == path.name]
        assert "pytest.mark" not in source
        module = importlib.import_module(f"tests.scenarios.{path.stem}")
        assert not hasattr(module, "pytestmark")


def test_the_document_is_what_the_scenarios_say() -> None:
    assert policy.DOCUMENT.read_text(encoding="utf-8") == policy.text(), "python -m tests.scenarios.policy writes it"


def test_a_scenario_that_is_skipped_or_expected_to_fail_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.scenarios.conftest import pytest_runtest_makereport as pytest_runtest_makereport"
    )
    (tmp_path / "test_left_out.py").write_text(
        "import pytest\n"
        "@pytest.mark.skip\n"
        "def test_marked(): ...\n"
        "def test_skipping(): pytest.skip()\n"
        "@pytest.mark.xfail\n"
        "def test_failing(): assert 0\n"
        "def test_good(): ...\n"
    )
    report = tmp_path / "report.xml"
    run = subprocess.run(
        [
            *(sys.executable, *"-m pytest -q -p no:cacheprovider -p no:xdist".split()),
            *("-c", os.devnull, f"--junit-xml={report}", str(tmp_path)),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(policy.ROOM.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), run.stdout + run.stderr
    outcomes = {case.get("name"): [each.tag for each in case] for case in ElementTree.parse(report).iter("testcase")}
    assert outcomes == {
        "test_marked": ["error"],
        "test_skipping": ["failure"],
        "test_failing": ["failure"],
        "test_good": [],
    }, run.stdout + run.stderr
