"""The two commands install once, say what they lack, and ship every file the code reads."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run make in `folder`, its standard error joined to its output; `path` is then all of the PATH."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if path is not None:
        environment["PATH"] = str(path)
    program = shutil.which("make")
    assert program is not None
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with a space in its name and what the Makefile looks at."""
    folder = tmp_path / "a new user"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_once_installed_pip_is_not_started_again(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "installed").touch()
    (clone / ".venv" / "installed-dev").touch()
    for target in ("run", "test"):
        planned = make(clone, "--dry-run", target).stdout
        assert "pip" not in planned
        assert ".venv/bin/python -m" in planned


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(clone: Path, changed: str) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "installed").touch()
    later = (clone / ".venv" / "installed").stat().st_mtime + 1
    os.utime(clone / changed, (later, later))
    assert "-m pip install" in make(clone, "--dry-run", "run").stdout


def test_a_python_that_is_too_old_or_lacks_a_module_is_named_with_the_cure(clone: Path) -> None:
    programs = clone.parent / "bin"
    programs.mkdir()
    old = programs / "python3"
    old.write_text(
        """#!/bin/sh
        case "$2" in
          *'venv, ensurepip; sys.exit(sys.version_info < (3, 11))'*) exit 1;;
          *lacks*) echo "  python3: version 3.9, without ensurepip";;
        esac
        """
    )
    old.chmod(0o755)
    said = make(clone, "run", path=programs)
    assert said.returncode != 0
    assert "needs Python 3.11 or later with its modules venv and ensurepip" in said.stdout
    assert "python3: version 3.9, without ensurepip" in said.stdout
    assert "python3.12: none that starts" in said.stdout
    assert "python3-venv" in said.stdout
    assert not (clone / ".venv").exists()


def test_the_built_package_holds_every_file_that_is_not_python(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("caselog-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    packages = ("domain", "commands", "projections", "infra", "api")
    files = (path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*") if path.is_file())
    ours = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert any(name.endswith(".sql") for name in ours)
    assert ours <= packed
