"""Where the jar registry cannot be reached, tests of Kafka are skipped with that reason; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("CASELOG_", "PYTEST_"))}

CONFTEST = """
from tests.broker import kafka_addresses, kafka_bootstrap, shared_broker

def pytest_unconfigure(config):
    shared_broker(config).stop()
"""


def begun(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Begin a run of a test that needs a broker, with an empty cache of jars and no way to the registry."""
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text("def test_with_a_broker(kafka_bootstrap): pass\n")
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    alone = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-W", "ignore", "-p", "no:cacheprovider", "--rootdir", folder],
        cwd=folder,
        env={**CLEAN, **nowhere, **alone, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_without_the_registry_a_test_of_kafka_is_skipped_with_the_reason_unless_that_is_forbidden(
    tmp_path: Path,
) -> None:
    with begun(tmp_path / "skips") as skips, begun(tmp_path / "fails", CASELOG_REQUIRE_KAFKA="1") as fails:
        skipped, _ = skips.communicate(timeout=60)
        failed, _ = fails.communicate(timeout=60)
    for said in (skipped, failed):
        assert "Kafka's jars cannot be fetched from the Maven registry" in said
    assert (skips.returncode, fails.returncode) == (0, 1), skipped + failed
    assert "\n1 skipped in " in skipped
    assert "\n1 error in " in failed


def test_continuous_integration_forbids_it(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "make $*, required: $CASELOG_REQUIRE_KAFKA"\n')
    make.chmod(0o755)
    ran = subprocess.run(
        [ROOT / ".ci" / "run"],
        env={**CLEAN, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "make test, required: 1\n"
