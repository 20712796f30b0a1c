"""Batches as brokers and producers pack them, and those that somebody made to fill the memory."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard
from kafka.record.default_records import DefaultRecordBatch

from infra.kafka import compression
from infra.kafka.compression import CannotUnpack, Unpacker

RECORDS = b"one record after another" * 1_000


def packed(content: bytes, codec: int = DefaultRecordBatch.CODEC_ZSTD) -> Any:
    """A batch of kafka-python's, as far as its records are concerned."""
    return SimpleNamespace(compression_type=codec, _buffer=memoryview(b"head" + content), _pos=4)


def without_its_size(content: bytes) -> bytes:
    """As a broker packs it: a piece at a time, so that nothing says how much there is."""
    packing = zstandard.ZstdCompressor().compressobj()
    return packing.compress(content) + packing.flush()


@pytest.mark.parametrize("pack", [zstandard.ZstdCompressor().compress, without_its_size])
def test_what_producers_and_brokers_pack_is_unpacked(pack: Any) -> None:
    assert Unpacker().records_of(packed(pack(RECORDS))) == (RECORDS, 0)


@pytest.mark.parametrize("pack", [zstandard.ZstdCompressor().compress, without_its_size])
def test_nobody_fills_the_memory_with_a_small_batch(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "LARGEST_BATCH_BYTES", len(RECORDS) - 1)
    with pytest.raises(CannotUnpack, match=r"it would have (more than )?\d+ bytes"):
        Unpacker().records_of(packed(pack(RECORDS)))
    monkeypatch.setattr(compression, "LARGEST_BATCH_BYTES", len(RECORDS))
    assert Unpacker().records_of(packed(pack(RECORDS))) == (RECORDS, 0)


@pytest.mark.parametrize("damaged", [b"", b"no frame", zstandard.ZstdCompressor().compress(RECORDS)[:-3]])
def test_what_is_damaged_is_told(damaged: bytes) -> None:
    with pytest.raises(CannotUnpack):
        Unpacker().records_of(packed(damaged))


@pytest.mark.parametrize("pack", [zstandard.ZstdCompressor().compress, without_its_size])
def test_a_frame_after_another_is_read_as_kafkas_clients_do(pack: Any) -> None:
    both = pack(RECORDS) + pack(b"and more")
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(both), read_across_frames=True) as reader:
        assert reader.read() == RECORDS + b"and more"
    assert Unpacker().records_of(packed(both)) == (RECORDS + b"and more", 0)
