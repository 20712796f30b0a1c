"""What nobody here can unpack, and what is too large, keeps nobody else waiting."""

from contextlib import closing
from struct import pack
from typing import Any

import kafka.codec
import msgspec
import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError
from structlog.testing import capture_logs

from commands.wire.examples import EXAMPLES
from infra.kafka import clients
from infra.kafka.inbound.outgoing import KEPT_BYTES, LARGEST_REPLY_BYTES
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import LARGEST_COMMAND_BYTES
from tests.desk import Desk
from tests.infra.kafka import sending
from tests.infra.kafka.inbound.conftest import Correspondence, taking
from tests.waiting import eventually

BLANKS = b" " * 4096
"""Behind a command, so that there is something to compress: kafka-python sends what does not get smaller as it is."""


class Snappy:
    """Writes what a library for Snappy reads."""

    @staticmethod
    def compress(text: bytes) -> bytes:
        before, blanks, after = text.partition(BLANKS)
        size = len(text)
        assert 128 <= size < 2**14
        again = (bytes([63 << 2 | 2]) + pack("<H", 1)) * 63  # 64 bytes each, as the one before them is
        parts = [_literal(before + blanks[:64]), again, _literal(after)]
        return bytes([size & 127 | 128, size >> 7]) + b"".join(parts)


def _literal(text: bytes) -> bytes:
    return bytes([61 << 2]) + pack("<H", len(text) - 1) + text


class Zstandard:
    """The same for Zstandard."""

    class ZstdCompressor:
        """Its name there."""

        def compress(self, text: bytes) -> bytes:
            before, blanks, after = text.partition(BLANKS)
            blocks = [(0, len(before), before), (1, len(blanks), b" "), (0, len(after), after)]
            header = b"\x28\xb5\x2f\xfd\xa0" + pack("<I", len(text))
            return header + b"".join(
                pack("<I", size << 3 | kind << 1 | (number == 2))[:3] + part
                for number, (kind, size, part) in enumerate(blocks)
            )


def register(customer: str) -> bytes:
    data = EXAMPLES["register-customer"] | {"customer_id": customer}
    return msgspec.json.encode({"command": "register-customer", "data": data}) + BLANKS


def send_compressed(settings: KafkaSettings, topic: str, method: str, value: bytes, **more: Any) -> None:
    libraries: dict[str, type] = {"snappy": Snappy, "zstd": Zstandard}
    with pytest.MonkeyPatch.context() as installed:
        if method in libraries:
            installed.setattr(kafka.codec, method, libraries[method])
        options: dict[str, Any] = {"compression_type": method, "max_request_size": 2**28}
        with closing(sending.producer(settings, **options)) as producer:
            producer.send(topic, value, partition=0, **more).get(30)


def test_commands_in_a_compression_that_is_not_installed_are_carried_out(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    for method in ("snappy", "zstd", "gzip"):
        send_compressed(kafka, names.commands, method, register(method), key=b"alpine")
    with taking(kafka, names, desk.dispatcher):
        answers = post.replies(3)
    assert [each.json["stream_id"] for each in answers] == ["customer-snappy", "customer-zstd", "customer-gzip"]


def test_what_cannot_be_unpacked_or_is_too_large_unpacked_is_a_dead_letter_and_stops_nobody(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    """Somebody has told the topic to take records as they come."""
    with capture_logs() as lines, taking(kafka, names, desk.dispatcher):
        eventually(lambda: any(line["event"] == "joined the group" for line in lines))
        resource = ConfigResource(ConfigResourceType.TOPIC, names.commands, {"compression.type": "producer"})
        with closing(clients.admin_client(kafka)) as admin:
            admin.alter_configs([resource])
        large = LARGEST_COMMAND_BYTES + 2**20

        def taken() -> bool:
            try:
                send_compressed(kafka, names.commands, "gzip", b"x" * large, key=b"k", headers=[("a", b"b")])
            except MessageSizeTooLargeError:
                return False  # by the setting as it was
            return True

        eventually(taken)
        send_compressed(kafka, names.commands, "snappy", register("snappy"))
        send_compressed(kafka, names.commands, "gzip", register("long"), key=b"k" * large)
        fields = b",".join(b'"%d":0' % number for number in range(100_000))
        item = b'{"command":"add-note","data":{%s}}' % fields
        send_compressed(kafka, names.commands, "gzip", b'{"commands":[%s]}' % b",".join([item] * 12), key=b"many")
        post.send(register("alpine"), "alpine", 0)
        many, answer = post.replies(2, 60)
        letters = post.dead(3)
    assert [each.headers["dead-code"] for each in letters] == ["too_large", "unreadable", "too_large"]
    assert "snappy" in letters[1].headers["dead-reason"]
    for letter, value in zip(letters[::2], (b"x" * KEPT_BYTES, register("long")), strict=True):
        assert (letter.key, letter.value) == (None, value)
        assert int(letter.headers["dead-record-bytes"]) > large
        assert "a" not in letter.headers
    assert many.value is not None
    assert len(many.value) < LARGEST_REPLY_BYTES
    assert [each["problem"]["code"] for each in many.json["answers"]] == ["invalid_data"] * 12
    assert "too many to name each" in many.json["answers"][0]["problem"]["detail"]
    assert answer.json["stream_id"] == "customer-alpine"
