"""Publishes a record for each line of input, however long it takes, and says how that ended.

Broker, topic and transactional id are its arguments. It is a process of its own because kafka-python leaves sockets
open that it could not connect.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from kafka import TopicPartition

from infra.kafka.producer import TransactionalProducer, Unfinished
from infra.kafka.records import EventRecord
from infra.kafka.settings import KafkaSettings

if __name__ == "__main__":
    bootstrap, topic, transactional_id = sys.argv[1:]
    producer = TransactionalProducer(KafkaSettings(bootstrap=(bootstrap,)), transactional_id, lambda: True)
    producer.begin([topic])
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            producer.publish([TopicPartition(topic, 0)], [EventRecord(b"key", line.encode(), [])])
        except Unfinished as error:
            sys.stdout.write(f"{error}\n")
            break
    producer.close()
