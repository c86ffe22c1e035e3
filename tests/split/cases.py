"""An object, plain or compressed in any layout of members, read whole and in the chunks that it is cut into."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, cast

import lz4.frame
import pytest
from backports import zstd

from contracts.virtual_clock import VirtualClock
from decode.samples import Seen, decoded
from headrace import cutting
from headrace.config.model import Config, Limits, Route, Source, Table
from headrace.cutting import part_of, spans_of
from headrace.errors import ObjectError
from headrace.formats import Decoder
from headrace.ledger.entries import Chunk, Span
from headrace.ports import ObjectRef
from headrace.record import Origin, Start
from headrace.records import Opened, Part
from headrace.split import plan, scan
from read.bzip2_streams import stream_of
from read.memory_objects import MemoryObjects, Version

Compress = Callable[[bytes], bytes]
CODECS: dict[str, Compress] = {
    "gzip": lambda data: gzip.compress(data, mtime=1),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstd.compress,
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
}
BLOCKS = "blocks of bzip2"
BETWEEN = {"gzip": b"\0\0", "xz": b"\0\0\0\0", "zstd": b"\x50\x2a\x4d\x18\x03\0\0\0abc", "lz4": b"\x53\x2a\x4d\x18\0\0\0\0"}
"""Padding and skippable frames, which may stand after a member."""
REF = ObjectRef("landing", "in/a", "v1", "e1")


@contextmanager
def any_chunk_size() -> Iterator[None]:
    """Within it objects are cut however small they are. What an object is, is not looked at: any real chunk has the 4,096 bytes for it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("headrace.formats.required", lambda pieces, *_: pieces)
        patched.setattr(plan, "CHUNK_WRITE_S", 0)
        patched.setattr(scan, "CHUNKS_MAX", 1 << 40)
        patched.setattr(cutting, "CHUNKS_MAX", 1 << 40)
        yield


class Case:
    """An object of ``route``, read whole and in chunks of about ``chunk_bytes`` bytes; answers come in pieces of at most ``largest``."""

    def __init__(self, data: bytes, route: Route, *, chunk_bytes: int, limits: Limits | None = None, largest: int = 1 << 20) -> None:
        self.objects = MemoryObjects(Version(data, "e1", "v1"), largest=largest)
        self.route = route
        self.chunk_bytes = chunk_bytes
        self.config = Config(Source("landing"), {"t": Table({"a": "string"})}, [route], limits=limits or Limits())

    def opened(self) -> Opened:
        return Opened(self.objects, REF, VirtualClock(0.0), limits=self.config.limits)

    def spans(self) -> list[Span] | str:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(plan, "CHUNK_BYTES_MIN", self.chunk_bytes)
            return spans_of(self.opened(), self.route, self.config, 300.0)

    def records(self, part: Part | None = None) -> list[Seen]:
        """The header and the records, or the code of the error that ends them."""
        return self._read(part or Part(), None)[0]

    def chunked(self, spans: Sequence[Span], resumed: int = 0) -> list[Seen]:
        """The header and the records of all chunks; of each the reading stops after the first ``resumed`` and goes on there."""
        header, found = None, []
        for span in spans:
            part = part_of(Chunk(0, **asdict(span)))
            (header, *records), end = self._read(part, resumed or None)
            found += [*records, *self.records(replace(part, start=end))[1:]] if end else self.records(part)[1:]
        assert header
        return [header, *found]

    def _read(self, part: Part, most: int | None) -> tuple[list[Seen], Start | None]:
        """The header and at most so many records, and the place after them."""
        opened = self.opened()
        try:
            decoder = opened.records(self.route, part)
            if decoder.first_rejection:  # which ends a load
                return [Seen("HEADER_INVALID", 0, 0, 0, b"")], None
            read: list[Any] = []
            noted = (read.append(record) or record for record in itertools.islice(decoder, most))  # type: ignore[func-returns-value]
            found = [Seen(decoder.header, 0, 0, 0, b""), *decoded(cast(Decoder, noted))]
            is_going_on = read and len(read) == most and found[-1].what != "RECORD_TOO_LARGE"
            return found, Origin(*read[-1][1:]).end if is_going_on else None
        except ObjectError as error:
            return [Seen(error.code, 0, 0, 0, b"")], None
        finally:
            opened.close()


def layout(data: bytes, cuts: Sequence[int], codec: str, between: Sequence[bytes]) -> bytes:
    """``data`` in members that end at ``cuts``, with what may stand between them; BLOCKS in streams of three."""
    edges = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    parts = [data[begin:end] for begin, end in itertools.pairwise(edges)]
    if codec == BLOCKS:
        return b"".join(stream_of(parts[at : at + 3]) for at in range(0, len(parts), 3))
    turns = itertools.cycle(between or [b""])
    return b"".join(CODECS[codec](part) + next(turns) for part in parts)
