"""Runs a broker until standard input ends; prints its addresses, or why there is none. Started by tests/broker.py.

`kafka_for_tests.py [ARCHIVE]`: the classes that the broker has loaded are put into the file ARCHIVE, from which the
next ones take them: they start with half the processor time.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from infra.kafka.broker.errors import BrokerUnavailable
from infra.kafka.broker.server import Broker
from tests.guarded_broker import GuardedBroker

CLASSES = "classes.lst"


def archive_classes(broker: Broker, folder: Path, archive: Path) -> None:
    """Write the archive, whole or not at all."""
    listed, _, _ = (folder / CLASSES).read_text().rpartition("\n")  # the last line may be half written
    so_far, unfinished = folder / f"{CLASSES}.so-far", archive.with_suffix(".new")
    so_far.write_text(f"{listed}\n")
    java, *flags, _ = broker._command("no program")
    what = ["-Xshare:dump", f"-XX:SharedClassListFile={so_far}", f"-XX:SharedArchiveFile={unfinished}"]
    others = {name: value for name, value in os.environ.items() if name != "JDK_JAVA_OPTIONS"}
    done = subprocess.run([java, *what, *flags], cwd=folder, env=others, capture_output=True, check=False)
    if done.returncode == 0:
        unfinished.rename(archive)


if __name__ == "__main__":
    archives = [Path(each) for each in sys.argv[1:]]
    if archives:
        os.environ["JDK_JAVA_OPTIONS"] = f"-XX:DumpLoadedClassList={CLASSES}"
    folder = Path(tempfile.mkdtemp(prefix="caselog-kafka-tests-"))
    try:
        with GuardedBroker(folder) as broker:
            sys.stdout.write(f"{broker.bootstrap}|{broker.guarded}|{broker.encrypted}\n")
            sys.stdout.flush()
            with ThreadPoolExecutor() as meanwhile:
                for archive in archives:
                    meanwhile.submit(archive_classes, broker, folder, archive)
                sys.stdin.read()
    except BrokerUnavailable as reason:
        sys.stdout.write(f"unavailable: {reason}\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
