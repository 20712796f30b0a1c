"""The lock files pin every package exactly, name no place to get them from, and agree with pyproject and each other."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, Requirement]:
    """Package name -> its line in the lock file, without hashes and comments."""
    text = re.sub(r"\\\n", " ", (ROOT / lock).read_text())
    lines = [line.split(" --hash")[0].strip() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def declared(*groups: str) -> list[Requirement]:
    """What pyproject asks for: the runtime's dependencies and those of the dependency groups named."""
    pyproject: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(pyproject["project"]["dependencies"])
    for group in groups:
        wanted += pyproject["dependency-groups"][group]
    return [Requirement(each) for each in wanted]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_one_exact_version_and_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text().strip())
    assert len(blocks) > 10
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==[0-9][^ ]*( ; [^\\]+)? \\\n", block), block.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block.splitlines()[0]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_an_option_of_an_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--(?!hash=)\S+)", text, re.MULTILINE)
    assert not re.search(r"\b[a-z0-9-]+\.(org|com|net|io|dev)\b", text)


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], ("build",)), (LOCKS[1], ("build", "dev"))])
def test_what_pyproject_asks_for_is_locked_at_a_version_it_allows(lock: str, groups: tuple[str, ...]) -> None:
    pinned = pins(lock)
    for wanted in declared(*groups):
        (exact,) = pinned[wanted.name].specifier
        assert wanted.specifier.contains(exact.version), f"{lock} has {exact.version}, pyproject wants {wanted}"


def test_tests_run_with_the_versions_that_users_run() -> None:
    dev = pins(LOCKS[1])
    assert {name: dev[name].specifier for name in pins(LOCKS[0])} == {
        name: requirement.specifier for name, requirement in pins(LOCKS[0]).items()
    }


def test_what_is_installed_here_is_what_is_locked() -> None:
    environment = {key: str(value) for key, value in default_environment().items()}
    here = {
        name: requirement
        for name, requirement in pins(LOCKS[1]).items()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    assert {name: f"=={version(name)}" for name in here} == {name: str(each.specifier) for name, each in here.items()}
