"""What docs/kafka-commands.md tells senders runs as it stands, and says of the records what the code does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka.inbound.asked import DEAD_CODES, HEADERS
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from tests.docs.test_code_blocks import blocks_of
from tests.e2e.desk_process import ROOT
from tests.infra.kafka.processes import environment, running

PAGE = "docs/kafka-commands.md"


def test_the_pages_sender_gets_its_answer_and_the_same_for_the_same_key(
    postgres_dsn: str, schema: str, kafka: KafkaSettings, tmp_path: Path
) -> None:
    [code] = [block.code for block in blocks_of(PAGE) if block.language == "python"]
    program = tmp_path / "sender.py"
    program.write_text(code)
    where = environment(postgres_dsn, schema, kafka)
    with running("kafka-commands", output=tmp_path / "log", environment=where) as process:
        process.await_line("joined the group")
        done = subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "CASELOG_KAFKA_BOOTSTRAP": kafka.bootstrap[0], "TOPICS": Names(schema).prefix},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("recorded at position ")


@pytest.mark.parametrize("name", [*DEAD_CODES, *HEADERS])
def test_the_page_names_each_header_and_each_reason_of_a_dead_letter(name: str) -> None:
    assert f"`{name}`" in (ROOT / PAGE).read_text()
