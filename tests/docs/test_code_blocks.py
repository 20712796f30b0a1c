"""What the documentation tells people to run does run: every block of README and docs/, in order, at a fresh desk."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.desk_process import ROOT, DeskProcess

GUIDES = (
    "README.md",
    "docs/auditors.md",
    "docs/services.md",
    "docs/access.md",
    "docs/webhooks.md",
    "docs/reporting.md",
    "docs/lists.md",
)
"""Pages whose blocks run here, at a desk at which those of the README have been run: their readers come from there."""

RUN_ELSEWHERE: dict[str, str] = {
    "docs/kafka-commands.md": "tests/docs/test_kafka_commands_page.py",
    "docs/kafka.md": "tests/docs/test_kafka_page.py",
}
"""Pages whose blocks other tests run, and which test that is."""

_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKE_RUN = re.compile(r"^ *make run\b.*$", re.MULTILINE)
"""What runs until somebody stops it; the desk of the tests stands for it."""


class Block(NamedTuple):
    """A block of code of a page. `line` is where it begins."""

    language: str
    code: str
    line: int


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(found[1], found[2], text[: found.start()].count("\n") + 1) for found in _BLOCK.finditer(text)]


_said_by_readme: list[str] = []


@pytest.fixture(scope="module")
def desk() -> Iterator[DeskProcess]:
    """A desk such as `make run` gives."""
    with tempfile.TemporaryDirectory(prefix="caselog-docs-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root the database runs as a user that has to pass
        with DeskProcess(folder) as running:
            _said_by_readme.append(run(running, "README.md", folder))
            yield running


def run(desk: DeskProcess, page: str, folder: Path) -> str:
    """Run the blocks of a page in one shell, as somebody does who pastes them one by one, and return what it said."""
    script = [f'set -eu\nexport PATH="{Path(sys.executable).parent}:$PATH"']
    for number, block in enumerate(blocks_of(page)):
        if block.language == "python":
            program = folder / f"block_{number}.py"
            program.write_text(block.code)
            script.append(f"python3 {program}")
        elif block.language == "sh":
            script.append(f"echo '--- {page}:{block.line}'\n{_MAKE_RUN.sub('', block.code)}")
    script.append('echo "--- the desk after it: $CASELOG_DATA"')
    code = (
        "\n".join(script)
        .replace("127.0.0.1:8000", f"127.0.0.1:{desk.port}")
        .replace(".caselog/", f"{desk.data}/")
        .replace(".caselog-italy", f"{desk.data.parent}/italy")
        .replace(".venv/bin/python", "python3")
    )
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=ROOT,
        env={**os.environ, "CASELOG_DATA": str(desk.data), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    return said


@pytest.mark.parametrize("page", GUIDES)
def test_what_a_page_tells_to_run_runs_and_no_answer_is_a_problem(desk: DeskProcess, page: str, tmp_path: Path) -> None:
    said = _said_by_readme[-1] if page == "README.md" else run(desk, page, tmp_path)
    assert '"type":"/problems/' not in said, said
    assert "Traceback" not in said
    assert f"--- the desk after it: {desk.data}\n" in said, "the page leaves the shell at another desk"


def test_the_readme_imports_the_sample_into_a_desk_of_its_own(desk: DeskProcess, tmp_path: Path) -> None:
    assert re.search(r"imported|already", run(desk, "README.md", tmp_path))
    assert (desk.data.parent / "italy" / "cluster").is_dir()


def test_every_page_with_code_is_run_by_some_test() -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]]
    with_code = {page for page in pages if any(block.language in {"sh", "python"} for block in blocks_of(page))}
    assert with_code == {*GUIDES, *RUN_ELSEWHERE}
    for test in RUN_ELSEWHERE.values():
        assert (ROOT / test).is_file()


@pytest.mark.parametrize(
    "command", ["history", "diff", "export", "export --verify", "explain due", "explain statement", "explain line"]
)
def test_the_page_for_auditors_runs_each_of_their_commands(command: str) -> None:
    run_there = "\n".join(block.code for block in blocks_of("docs/auditors.md") if block.language == "sh")
    assert f"\ncaselog {command} " in f"\n{run_there}"
