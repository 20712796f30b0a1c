"""A worker in a process of its own: DSN, schema, bootstrap, partitions and views are its arguments."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from infra.kafka.settings import KafkaSettings
from infra.kafka.workers.worker import Place, Workers
from infra.logging import configure_logging
from projections.catalogue import VIEWS
from tests.infra.kafka.workers.conftest import SESSION_TIMEOUT_MS

if __name__ == "__main__":
    configure_logging("kafka-project")
    dsn, schema, bootstrap, partitions, *views = sys.argv[1:]
    settings = KafkaSettings(bootstrap=(bootstrap,), partitions=int(partitions))
    workers = Workers(
        Place(desk=dsn, views=dsn, schema=schema, settings=settings),
        [view for view in VIEWS if view.name in views],
        session_timeout_ms=SESSION_TIMEOUT_MS,
    )
    signal.signal(signal.SIGTERM, lambda *_: workers.request_stop())
    workers.run()
