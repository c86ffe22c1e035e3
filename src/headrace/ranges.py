"""An object as a file that can be read at any place, with few requests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Protocol

from headrace.errors import ObjectError

HEAD_BYTES = 262_144
WINDOW_BYTES = 1 << 20
WINDOWS_MAX = 8
GAP_BYTES_MAX = 1 << 20
"""Two ranges with less between them are read with one request: 1 MB takes 10 ms, about what a request does."""

Open = Callable[[int, int | None], Iterator[bytes]]
"""From a first byte and the one after the last, or None for the end, to the bytes between them; closed when it is not read to its end."""


class Ranges:
    """The bytes of an object. ``head`` are its first, ``size`` is that of the whole object."""

    def __init__(self, open: Open, size: Callable[[], int]) -> None:
        self._open = open
        self.head = self._read(0, None, HEAD_BYTES)
        self.size = size()

    def fetch(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end``, all of them. Raises ObjectError OBJECT_CUT where the object has fewer."""
        if not 0 <= start <= end <= self.size:
            message = f"found {self.size} bytes, expected those from {start} to {end}"
            raise ObjectError("OBJECT_CUT", message, hint="upload the whole file again")
        if end <= len(self.head):
            return self.head[start:end]
        return self._read(start, end, end - start) if end > start else b""

    def fetch_all(self, ranges: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
        """The bytes of all ``ranges``, each once, with where they begin; those that are near to each other with one request."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            if merged and start - merged[-1][1] <= GAP_BYTES_MAX:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return [(start, self.fetch(start, end)) for start, end in merged]

    def _read(self, start: int, end: int | None, count: int) -> bytes:
        parts: list[bytes] = []
        pieces: Any = self._open(start, end)
        with closing(pieces):
            for piece in pieces:
                parts.append(piece)
                count -= len(piece)
                if count <= 0:
                    break
        return b"".join(parts)


class Source(Protocol):
    """What a RangedFile reads from."""

    size: int

    def fetch(self, start: int, end: int) -> bytes: ...


class _Readable(io.RawIOBase):
    """A file of ``size`` bytes that is read at any place; ``_at`` is the next byte."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def size(self) -> int:
        return self._size


class RangedFile(_Readable):
    """A file of ``ranges`` for a library that reads here and there: in windows of 1 MB, of which the last eight are kept."""

    def __init__(self, ranges: Source) -> None:
        super().__init__(ranges.size)
        self._ranges = ranges
        self._windows: dict[int, bytes] = {}

    def readinto(self, buffer: Any, /) -> int:
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """All of the ``size`` bytes that there are, not some of them."""
        count = self._size - self._at if size is None or size < 0 else size
        parts = []
        while count > 0 and (data := self._some(count)):
            parts.append(data)
            count -= len(data)
        return b"".join(parts)

    def _some(self, count: int) -> bytes:
        number, begin = divmod(self._at, WINDOW_BYTES)
        if self._at >= self._size:
            return b""
        window = self._windows.pop(number, None)
        if window is None:
            start = number * WINDOW_BYTES
            window = self._ranges.fetch(start, min(start + WINDOW_BYTES, self._size))
        self._windows[number] = window  # the one used last stands last
        if len(self._windows) > WINDOWS_MAX:
            del self._windows[next(iter(self._windows))]
        data = window[begin : begin + count]
        self._at += len(data)
        return data


class FetchedFile(_Readable):
    """A file of which only ``parts`` are there, as ``Ranges.fetch_all`` gives them. Reading elsewhere raises OSError."""

    def __init__(self, parts: list[tuple[int, bytes]], size: int) -> None:
        super().__init__(size)
        self._parts = parts

    def read(self, size: int | None = -1, /) -> bytes:
        count = self._size - self._at if size is None or size < 0 else min(size, self._size - self._at)
        if count <= 0:
            return b""
        for start, data in self._parts:
            if start <= self._at < start + len(data):
                found = bytes(memoryview(data)[self._at - start : self._at - start + count])
                self._at += len(found)
                return found
        raise OSError(f"byte {self._at} was not fetched")
