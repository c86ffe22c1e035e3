"""The rejected records that loads kept: read again, and put together to one object for their replay."""

from __future__ import annotations

import base64
import json
import os
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import Any, BinaryIO, cast

from headrace.config.model import Config, Encoding, Format, OnError, Route
from headrace.errors import ObjectError
from headrace.formats import HEADER_FORMATS
from headrace.ledger.entries import Generation
from headrace.ledger.ledger import Ledger
from headrace.ports import Clock, ObjectRef, ObjectStore, OpenedObject, RejectSink
from headrace.read.stream import ObjectStream
from headrace.records import Opened, Part

NOT_WHOLE = frozenset(("CSV_QUOTING", "RECORD_TOO_LARGE"))
"""Rejected records with these codes are not kept whole, or may have taken a part of the next: put together they would spoil their neighbours."""

LINE_FORMATS: tuple[Format, ...] = ("csv", "tsv", "fixed", "jsonl")
"""Formats whose records stand on lines of their own."""
BLANK_LINES = "\n\n\n\n"
"""Before the records that are put together: without them the first bytes might be taken for a byte order mark or for gzip."""
MEMORY_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True)
class Kept:
    """A rejected record as ``Rejection.as_json`` tells it, with the load and the chunk that rejected it."""

    generation: Generation
    chunk: int
    fields: Mapping[str, Any]

    @property
    def raw(self) -> bytes:
        """The record as it stands in the object."""
        fields = self.fields
        return base64.b64decode(fields["raw_base64"]) if "raw_base64" in fields else str(fields["raw"]).encode()

    @property
    def is_replayable(self) -> bool:
        return self.fields["code"] not in NOT_WHOLE


def kept_records(ledger: Ledger, generation: Generation, objects: ObjectStore, clock: Clock) -> Iterator[Kept]:
    """The rejected records of a generation, in the order of its chunks. Raises REJECTS_GONE, and what reading an object raises."""
    for chunk in ledger.chunks(generation.id):
        for address in chunk.rejects:
            bucket, _, name = address.removeprefix("s3://").partition("/")
            stream = ObjectStream(objects, ObjectRef(bucket, name), clock, object_bytes_max=sys.maxsize)
            try:
                yield from (Kept(generation, chunk.number, json.loads(line)) for line in _lines(iter(stream)))
            except ObjectError as error:
                if error.code != "OBJECT_MISSING":
                    raise
                hint = "they are kept for rejects.retention_days; `headrace replay --whole` loads the object again"
                raise ObjectError("REJECTS_GONE", f"the rejected records at {address} are gone", object=address, hint=hint) from None


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def replay_config(config: Config, route: Route, header: list[str] | None) -> Config:
    """``config`` with the route changed for records without their header line, of which any number may be rejected again."""
    changed = replace(route, header=header or route.header, skip_lines=0, skip_footer_lines=0, on_error=OnError("continue", None))
    return replace(config, routes=[changed if each is route else each for each in config.routes])


def header_of(ref: ObjectRef, route: Route, config: Config, objects: ObjectStore, clock: Clock) -> list[str] | None:
    """The header line of an object, where the route's format has one. Raises HEADER_INVALID, and what reading the object raises."""
    if route.header or route.format not in HEADER_FORMATS:
        return None
    opened = Opened(objects, ref, clock, limits=config.limits)
    try:
        decoder = opened.records(route, Part())
        if decoder.header is None:
            raise ObjectError("HEADER_INVALID", f"{ref}: found no header line", object=str(ref), hint="set the route's `header`")
        return decoder.header
    finally:
        opened.close()


class Together:
    """Records put together: an ObjectStore that has nothing else, and a RejectSink that gives what is rejected again its place in the object.

    ``records`` counts those in it, ``left`` those that cannot be put together. One thread at a time; to be closed.
    """

    def __init__(self, encoding: Encoding, sink: RejectSink) -> None:
        self.records = self.left = 0
        self._sink = sink
        self._line_ends = "\n".encode(encoding), "\r".encode(encoding)
        self._file = TemporaryFile()  # noqa: SIM115 - lives until close()
        self._starts, self._lines, self._offsets = array("Q"), array("Q"), array("Q")
        self._file.write(BLANK_LINES.encode(encoding))

    def add(self, records: Iterable[Kept]) -> None:
        """Put ``records`` in, in their order. To be called once."""
        for record in records:
            if record.is_replayable:
                self._add(record)
            else:
                self.left += 1
        self._file.flush()

    def _add(self, record: Kept) -> None:
        self.records += 1
        self._starts.append(self._file.tell())
        self._lines.append(record.fields["line"])
        self._offsets.append(record.fields["byte_offset"])
        raw = record.raw
        self._file.write(raw if raw.endswith(self._line_ends) else raw + self._line_ends[0])

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        """See ObjectStore: the records, whatever ``ref`` names."""
        return OpenedObject(_Rest(self._file.fileno(), offset), os.fstat(self._file.fileno()).st_size, None, None)

    def store(self, name: str, content: BinaryIO) -> str:
        """See RejectSink."""
        with SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX) as moved:
            for line in content:
                fields = json.loads(line)
                at = bisect_right(self._starts, fields["byte_offset"]) - 1
                fields |= {"line": self._lines[at], "byte_offset": self._offsets[at]}
                moved.write(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            moved.seek(0)
            return self._sink.store(name, cast(BinaryIO, moved))

    def close(self) -> None:
        self._file.close()


class _Rest:
    """The bytes of a file from a place on."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor = descriptor
        self._offset = offset

    def read(self, amount: int, /) -> bytes:
        data = os.pread(self._descriptor, amount, self._offset)
        self._offset += len(data)
        return data

    def close(self) -> None:
        """Nothing: the file is read again."""
