"""Runs the embedded server until standard input ends; prints its URL. Started by conftest in a session of its own."""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from infra.postgres.embedded import EmbeddedServer

if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="caselog-tests-"))
    try:
        with EmbeddedServer(folder) as server:
            sys.stdout.write(server.url + "\n")
            sys.stdout.flush()
            sys.stdin.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
