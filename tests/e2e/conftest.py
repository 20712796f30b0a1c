"""Folders and desks of the tests that run Caselog as its users do."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def folder_for_a_desk() -> Iterator[Path]:
    """Give a folder that the account can pass through which runs PostgreSQL when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="caselog-e2e-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a desk of the test's own."""
    with folder_for_a_desk() as path:
        yield path
