"""Lists of hashes of keys in the rejects bucket: one for each slice of a chunk, in order, read back many at a time."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Generator, Iterator
from contextlib import closing
from io import BytesIO
from itertools import dropwhile
from typing import NamedTuple

from headrace.errors import Unavailable
from headrace.ports import Body, ObjectRef, ObjectStore, RejectSink

STREAMS_MAX = 256
"""Lists that are open at once: a function may open 1,024 files (Lambda developer guide, gettingstarted-limits, 2026-11). A slow table makes thousands of
slices; the lists beyond are read window by window, with a request for each."""
WINDOWS_BYTES = 16 * 1024 * 1024
"""All windows together, with READ_BYTES each at most, and WINDOW_BYTES_MIN at least."""
READ_BYTES, WINDOW_BYTES_MIN = 16_384, 1_024
OPENINGS_MAX = 5
"""Of a list, without a byte in between; lists are open for as long as a merge takes, and S3 closes what is idle."""
MARGIN = 4_096
"""Hashes are spread evenly; in a list of 50 million half of the places are off by less than 2,400."""
END = 2**64 - 1
ALL = 2**64
"""More than any hash."""
_SWAPPED = array("Q", [1]).tobytes()[0] == 1
"""Whether this machine's numbers begin with their least byte; lists begin with the greatest."""


class Place(NamedTuple):
    """A slice of a chunk: the line at which it began; rows of one row group have lines of their own and one byte offset."""

    generation: str
    chunk: int
    line: int

    @property
    def name(self) -> str:
        """Under which its list is kept: a slice that is repeated replaces it."""
        return f"staging/{self.generation}/{self.chunk:08d}-{self.line:015d}.keys"


def store_hashes(sink: RejectSink, place: Place, hashes: array[int], go_on: int | None) -> None:
    """Keep the hashes of a slice, and the line at which the next begins; None: it was the chunk's last."""
    ordered = array("Q", [END if go_on is None else go_on])
    parts = [array("Q") for _ in range(256)]
    for value in hashes:
        parts[value >> 56].append(value)
    for part in parts:  # sorted at once, five million would be numbers of 32 bytes each
        ordered.extend(sorted(part))
    if _SWAPPED:
        ordered.byteswap()
    sink.store(place.name, BytesIO(ordered.tobytes()))


class KeyLists:
    """Reads lists that are merged with each other; at most STREAMS_MAX of them are open at a time."""

    def __init__(self, objects: ObjectStore, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._count = self._streams = 0

    def hashes_of(self, place: Place, at_least: int = 0) -> Iterator[int]:
        """The hashes of a chunk's keys in order, from the lists of its slices, the first at ``place``; repeated where a key comes again."""
        lists = []
        while True:
            self._count += 1
            ref = ObjectRef(self._bucket, place.name)
            numbers = self._numbers(ref, 0)
            count, line = next(numbers), next(numbers)
            if count > 1:
                lists.append(self._tail(ref, numbers, count - 1, at_least) if at_least else numbers)
            if line == END:
                return heapq.merge(*lists)
            place = place._replace(line=line)

    def _tail(self, ref: ObjectRef, numbers: Generator[int, None, None], count: int, at_least: int) -> Iterator[int]:
        """Of a list's ``count`` hashes, ``numbers``, those from ``at_least`` on: its beginning is not read."""
        margin = MARGIN
        while (index := count * at_least // ALL - margin) > 0:
            numbers.close()
            numbers = self._numbers(ref, 8 * (1 + index))
            next(numbers)
            first = next(numbers, END)
            if first < at_least:
                break
            margin *= 8
        else:
            numbers.close()
            numbers = self._numbers(ref, 8)
            next(numbers)
        return dropwhile(lambda value: value < at_least, numbers)

    def _numbers(self, ref: ObjectRef, at: int) -> Generator[int, None, None]:
        """How many numbers a list has, then these from byte ``at`` on, read little by little."""
        is_told, rest = False, b""
        with closing(self._pieces(ref, at)) as pieces:
            for size, piece in pieces:
                if not is_told:
                    yield size // 8
                    is_told = True
                data = rest + piece
                whole = len(data) // 8 * 8
                rest = data[whole:]
                numbers = array("Q", data[:whole])
                if _SWAPPED:
                    numbers.byteswap()
                yield from numbers

    def _pieces(self, ref: ObjectRef, at: int) -> Generator[tuple[int, bytes], None, None]:
        """The size of a list, and piece after piece of it from byte ``at`` on."""
        size, openings = at + 1, 0
        cut = Unavailable("STREAM_CUT", f"{ref}: {OPENINGS_MAX} answers without a byte")
        while at < size:
            opened = self._objects.open(ref, at)
            size = opened.total_bytes
            openings += 1
            try:
                for piece in self._streamed(opened.body) if self._streams < STREAMS_MAX else self._window(opened.body):
                    at += len(piece)
                    openings = 0
                    yield size, piece
            except Unavailable as error:
                cut = error
            if openings == OPENINGS_MAX:
                raise cut

    def _streamed(self, body: Body) -> Iterator[bytes]:
        """All of ``body``, which stays open in between."""
        self._streams += 1
        try:
            with closing(body):
                while piece := body.read(READ_BYTES):
                    yield piece
        finally:
            self._streams -= 1

    def _window(self, body: Body) -> list[bytes]:
        """The beginning of ``body``, which is closed."""
        left = max(min(WINDOWS_BYTES // self._count, READ_BYTES), WINDOW_BYTES_MIN)
        pieces: list[bytes] = []
        with closing(body):
            while left > 0 and (piece := body.read(left)):
                pieces.append(piece)
                left -= len(piece)
        return pieces
