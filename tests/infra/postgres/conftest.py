"""A folder for servers' data that the account PostgreSQL runs as can reach, also as root."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder of mode 0711 right under the temporary folder; pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="caselog-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
