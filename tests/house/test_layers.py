"""The contracts of the layers fail when a layer is crossed: each is seen red on a copy with one import too many."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "commands", "projections", "infra", "api")
# what would let a decision depend on the moment, the machine or chance
IMPURE = {"asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "sys", "threading"}
IMPURE |= {"time", "urllib", "uuid"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """The same run as `make check`'s, in another folder."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages and of the contracts."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "line", "contract"),
    [
        ("domain/one_too_many.py", "import infra.config", "Imports run downward"),
        ("commands/one_too_many.py", "import projections", "Imports run downward"),
        ("projections/one_too_many.py", "import commands", "Imports run downward"),
        ("infra/one_too_many.py", "import api", "Imports run downward"),
        ("domain/one_too_many.py", "import flask", "The domain knows no library but msgspec"),
    ],
)
def test_an_import_across_the_layers_breaks_its_contract(copy: Path, place: str, line: str, contract: str) -> None:
    (copy / place).write_text(f"{line}\n")
    report = lint_imports(copy)
    assert report.returncode != 0
    _, broken = report.stdout.split("Broken contracts")
    assert contract in broken


def test_the_domain_imports_itself_msgspec_and_what_is_pure_in_the_standard_library() -> None:
    allowed = (set(sys.stdlib_module_names) - IMPURE) | {"domain", "msgspec"}
    for path in sorted((ROOT / "domain").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_the_domain_reads_no_clock() -> None:
    for path in sorted((ROOT / "domain").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"now", "utcnow", "today"}, f"{path.relative_to(ROOT)}:{node.lineno}"
