"""How are the log's events packed on their topic? By Zstandard, a batch at a time, which the clients of today can read.

A record with our headers has 920 bytes, of which a batch of them keeps 60 (docs/adr/0111-packed-events.md).
"""

import io
from typing import Any

import zstandard
from kafka.record.default_records import DefaultRecordBatch

METHOD = "zstd"
"""Of the topics that relays write. The broker packs what somebody else has written to them in the same way."""

LARGEST_BATCH_BYTES = 64 * 1024 * 1024
"""No batch of a relay's is half as large: it has one record at least, and few more than `BATCH_BYTES` of them."""


class CannotUnpack(Exception):
    """The records of a batch cannot be had; the text says why."""


class Unpacker:
    """Takes the records out of batches as kafka-python has them. Not for use by several threads at once."""

    def __init__(self) -> None:
        self._zstandard = zstandard.ZstdDecompressor()

    def records_of(self, batch: Any) -> tuple[bytes, int]:
        """Return a batch's records and where in it they begin. Raises `CannotUnpack`."""
        try:
            if batch.compression_type == DefaultRecordBatch.CODEC_ZSTD:
                return self._by_zstandard(batch._buffer[batch._pos :]), 0  # noqa: SLF001
            batch._maybe_uncompress()  # noqa: SLF001
            return bytes(batch._buffer), batch._pos  # noqa: SLF001
        except Exception as error:  # noqa: BLE001 - its checksum is right, so no reading it again will help
            raise CannotUnpack(f"it is compressed in a way that cannot be unpacked here: {error}") from None

    def _by_zstandard(self, packed: memoryview) -> bytes:
        size = zstandard.frame_content_size(packed)
        if size > LARGEST_BATCH_BYTES:
            raise ValueError(f"it would have {size} bytes")
        if size >= 0:
            first = self._zstandard.decompressobj()
            content = first.decompress(packed)
            if first.eof and not first.unused_data:
                return content
            if not first.eof:
                raise ValueError("its end is missing")
        # a broker that has packed it does not say how large it is, and others pack it in several frames
        with self._zstandard.stream_reader(io.BytesIO(packed), read_across_frames=True) as reader:
            content = reader.read(LARGEST_BATCH_BYTES + 1)
        if len(content) > LARGEST_BATCH_BYTES:
            raise ValueError(f"it would have more than {LARGEST_BATCH_BYTES} bytes")
        return content
