"""Folders for servers of these tests' own, which the account PostgreSQL runs as can reach, also as root."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.postgres.data_folder import DataFolder
from infra.postgres.embedded import EmbeddedServer


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder of mode 0711 right under the temporary folder; pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="caselog-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stopped_desk() -> Iterator[Path]:
    """A data folder whose server ran once. The tests share it, for making one takes longer than they do."""
    folder = Path(tempfile.mkdtemp(prefix="caselog-tests-"))
    folder.chmod(0o711)
    with EmbeddedServer(folder / "data"):
        pass
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def data(stopped_desk: Path) -> Iterator[Path]:
    """The data folder of a stopped server; a server that a failed test left on it is ended."""
    yield stopped_desk
    for process in DataFolder(stopped_desk).server_processes():
        process.kill()
