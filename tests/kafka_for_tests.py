"""Runs a broker until standard input ends; prints its addresses, or why there is none. Started by tests/broker.py."""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from infra.kafka.broker.errors import BrokerUnavailable
from tests.guarded_broker import GuardedBroker

if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="caselog-kafka-tests-"))
    try:
        with GuardedBroker(folder) as broker:
            sys.stdout.write(f"{broker.bootstrap}|{broker.guarded}\n")
            sys.stdout.flush()
            sys.stdin.read()
    except BrokerUnavailable as reason:
        sys.stdout.write(f"unavailable: {reason}\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
