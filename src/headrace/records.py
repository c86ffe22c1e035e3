"""An object, or a part of it, opened as records: read → decompress → decode."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from headrace.config.model import Limits, Route
from headrace.decode.rows import RowGroup, Rows
from headrace.errors import Deadline, ObjectError
from headrace.formats import DECODERS, HEADER_FORMATS, RANGED_FORMATS, SEQUENTIAL_FORMATS, Content, Decoder
from headrace.ports import Clock, ObjectRef, ObjectStore
from headrace.ranges import Ranges
from headrace.read.decompress import Member, decompress, from_member
from headrace.read.signature import BINARY_FORMATS, compression_of, first_bytes
from headrace.read.stream import ObjectStream
from headrace.read.unzip import Join
from headrace.record import Start

FIRST = Start(0, 1)
"""Where an object begins; rows of Ion after others of the same batch are at byte 0 too."""


@dataclass(frozen=True)
class Part:
    """Records of an object: from ``start`` (None: the first) up to byte ``end`` (None: the last), both places between two records.

    Rows end before the row ``end_line`` instead, which begins a row group. Of a compressed object that was cut ``member`` is where reading
    begins, at ``start`` or before. ``read`` and ``rejected`` count the records before it that the route's limits of rejected records include,
    ``is_last`` says that none follows.
    """

    start: Start | None = None
    end: int | None = None
    end_line: int | None = None
    member: Member | None = None
    read: int = 0
    rejected: int = 0
    is_last: bool = True


class Opened:
    """One object version, opened for reading its records once. To be closed."""

    def __init__(self, store: ObjectStore, ref: ObjectRef, clock: Clock, *, limits: Limits, deadline: float = math.inf) -> None:
        self.ref = ref
        self.total_bytes = 0
        self.is_late = False
        """Whether reading ended because time ran out."""
        self._store = store
        self._clock = clock
        self._limits = limits
        self._deadline = deadline
        self._streams: list[ObjectStream] = []
        self._reading: list[Generator[bytes, None, None]] = []
        self._decoders: list[Decoder] = []

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self._deadline - self._clock.monotonic()

    @property
    def bytes_read(self) -> int:
        """Bytes that came so far, as stored."""
        return sum(stream.bytes_read for stream in self._streams)

    def close(self) -> None:
        """Close what was not read to its end: else a load that fails would leave connections open."""
        for decoder in self._decoders:
            if isinstance(decoder, Rows):
                decoder.close()
        for reading in self._reading:
            reading.close()

    def pieces(self, start: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """The stored bytes from ``start`` up to ``end``, always of the version that was read first."""
        size = self._limits.object_bytes_max
        stream = ObjectStream(self._store, self.ref, self._clock, object_bytes_max=size, deadline=self._deadline, start=start, end=end)
        self._streams.append(stream)
        self._reading.append(self._noting(stream))
        return self._reading[-1]

    def _noting(self, stream: ObjectStream) -> Generator[bytes, None, None]:
        """The pieces of ``stream``, noting which version it is that is read."""
        try:
            with closing(iter(stream)) as pieces:
                for piece in pieces:
                    self.ref, self.total_bytes = stream.ref, stream.total_bytes
                    yield piece
        except Deadline:
            self.is_late = True
            raise
        self.ref, self.total_bytes = stream.ref, stream.total_bytes

    def records(self, route: Route, part: Part) -> Decoder:
        """The decoder of the records of ``part``: with the lines, offsets and rejections of a read from the object's beginning."""
        start = part.start if part.start and part.start > FIRST else None
        if route.format in RANGED_FORMATS:
            ranges = Ranges(self.pieces, lambda: self.total_bytes)
            return self._kept(DECODERS[route.format](Content(route, self._limits, iter(()), start, ranges=ranges, end_line=part.end_line)))
        if start is None and not part.member:
            return self._kept(open_records(route, self._limits, self.pieces(end=part.end)))
        if route.format in SEQUENTIAL_FORMATS:
            content: Iterator[bytes] = decompressed(self.pieces(), route, self._limits)
            return self._kept(DECODERS[route.format](Content(route, self._limits, content, start)))
        return self._lines(route, part, start)

    def _lines(self, route: Route, part: Part, start: Start | None) -> Decoder:
        """The decoder of records that are lines, from ``start`` on or, of what was compressed and cut, from the first."""
        stored = self.pieces()
        first = first_bytes(stored)
        content: Iterator[bytes] = itertools.chain([first] if first else [], stored)
        is_compressed = bool(compression_of(first))
        if is_compressed:
            content = decompressed(content, route, self._limits)
        if start is None:
            return self._kept(DECODERS[route.format](Content(route, self._limits, _between(content, 0, part.end))))
        seen: list[bytes] = []
        header = self._header(route, _noted(content, seen))
        if is_compressed and not (part.member and part.member.stored):
            rest = _between(itertools.chain(seen, content), start.byte_offset, part.end)
        else:
            stored.close()
            rest = self._rest(part, start.byte_offset)
        return self._kept(open_records(route, self._limits, rest, start=start, header=header))

    def _rest(self, part: Part, begin: int) -> Iterator[bytes]:
        """The content from byte ``begin`` up to the end of ``part``."""
        if part.member:
            stored, before = part.member
            return _between(from_member(self.pieces(stored), stored), begin - before, None if part.end is None else part.end - before)
        end = min(part.end or self.total_bytes, self.total_bytes)
        return self.pieces(begin, end) if begin < end else iter(())

    def row_groups(self, route: Route) -> list[RowGroup]:
        """The row groups of an object of one of ROW_GROUP_FORMATS, in their order. Raises ObjectError."""
        from headrace.binary import row_groups  # noqa: PLC0415 - only what a route needs

        return row_groups(Content(route, self._limits, iter(()), ranges=Ranges(self.pieces, lambda: self.total_bytes)))

    def _kept(self, decoder: Decoder) -> Decoder:
        """``decoder``, alive until all is closed: the garbage collector would else close what reads from a generator while that is being closed."""
        self._decoders.append(decoder)
        return decoder

    def _header(self, route: Route, content: Iterator[bytes]) -> list[str] | None:
        if route.header or route.format not in HEADER_FORMATS:
            return None
        decoder = self._kept(open_records(replace(route, ragged="reject"), self._limits, content))  # else a column would be added twice
        if decoder.header is None:
            raise ObjectError("OBJECT_CHANGED", "the header line was there before and is gone", object=str(self.ref), hint="load it again")
        return decoder.header


def open_records(route: Route, limits: Limits, pieces: Iterator[bytes], *, start: Start | None = None, header: list[str] | None = None) -> Decoder:
    """The decoder of an object's bytes in the format that ``route`` names.

    With ``start``, a place between two records, the pieces are the plain bytes from there on; records, lines, offsets and rejections are
    those of a read from the beginning. ``header`` is then what the header line held, where the object has one.
    """
    content = pieces if start else decompressed(pieces, route, limits)
    return DECODERS[route.format](Content(route, limits, content, start, header))


def decompressed(pieces: Iterator[bytes], route: Route, limits: Limits, note: Callable[[Member], None] | None = None) -> Iterator[bytes]:
    """The content of an object of ``route``; ``note`` is told of its members.

    Raises ObjectError for what is compressed in a way, or is of a format, that it cannot be.
    """
    join: Join = "one"
    if route.format in ("jsonl", "dynamodb_json", "json_values") or route.header or (route.format in ("csv", "tsv", "fixed") and not has_margins(route)):
        join = "header" if route.format in HEADER_FORMATS and not route.header else "lines"
    content = BINARY_FORMATS.get(route.format, "text")
    bytes_max, ratio_max = limits.decompressed_bytes_max, limits.decompressed_ratio_max
    return decompress(pieces, decompressed_bytes_max=bytes_max, ratio_max=ratio_max, join=join, content=content, note=note)


def has_margins(route: Route) -> bool:
    """Whether lines of an object's beginning or end are no records, or its bytes no UTF-8: then files cannot be joined."""
    return bool(route.skip_lines or route.skip_footer_lines or route.comment) or route.encoding != "utf-8"


def _noted(pieces: Iterator[bytes], seen: list[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        seen.append(piece)
        yield piece


def _between(pieces: Iterator[bytes], begin: int, end: int | None) -> Iterator[bytes]:
    """The bytes of ``pieces`` from the byte ``begin`` to before ``end`` (None: the last); no more is read than they need."""
    at = 0
    while (end is None or at < end) and (piece := next(pieces, b"")):
        following = at + len(piece)
        if following > begin:
            yield piece[max(begin - at, 0) : None if end is None else end - at]
        at = following
