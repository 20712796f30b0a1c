"""Workers end when they are told to, whatever the broker does."""

import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
WORKER = """
import signal, sys
from infra.kafka.settings import KafkaSettings
from infra.kafka.workers.worker import Site, Workers
from projections import queue

dsn, schema, bootstrap = sys.argv[1:]
site = Site(desk=dsn, views=dsn, schema=schema, settings=KafkaSettings(bootstrap=(bootstrap,)))
workers = Workers(site, [queue.VIEW], stop_seconds=0.1)
signal.signal(signal.SIGTERM, lambda *_: workers.request_stop())
workers.run()
"""


def test_a_broker_that_takes_connections_and_never_answers_holds_no_end_up(database: str, schema: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bootstrap = f"127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, database, schema, bootstrap], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        connection, _ = silent.accept()
        with connection:
            process.terminate()
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "the broker does not answer; what is under way is left to other workers" in said
