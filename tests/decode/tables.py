"""Binary objects read as the function reads them, and a source that counts its requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from headrace.config.model import Column, Limits, Route
from headrace.decode.child import READERS
from headrace.decode.in_child import Reader
from headrace.decode.rows import RowGroup, Rows, batch_of
from headrace.errors import ObjectError
from headrace.formats import DECODERS, RANGED_FORMATS, Content
from headrace.ranges import Ranges
from headrace.read.signature import BINARY_FORMATS
from headrace.record import Origin, Rejection, Start
from headrace.records import decompressed

PIECE = 1 << 18


class Bytes:
    """An object in memory; ``asked`` are the ranges of its requests."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int | None]] = []

    def pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        self.asked.append((start, end))
        return (self.data[at : min(at + PIECE, end or len(self.data))] for at in range(start, end or len(self.data), PIECE))

    def ranges(self) -> Ranges:
        return Ranges(self.pieces, lambda: len(self.data))


class Here:
    """What a reader asks for, given without a process."""

    def __init__(self, source: Ranges | Iterator[bytes]) -> None:
        self._source: Any = source
        self.size = source.size if isinstance(source, Ranges) else 0

    def pieces(self) -> Iterator[bytes]:
        return iter(self._source)

    def fetch_all(self, ranges: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = self._source.fetch_all(ranges)
        return found

    def fetch(self, start: int, end: int) -> bytes:
        return self.fetch_all([(start, end)])[0][1]


def _told_here(reader: Reader, source: Ranges | Iterator[bytes], options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the process would tell."""
    here: Any = Here(source)
    try:
        yield from READERS[reader.format]()(here, options)
    except ObjectError:
        raise
    except Exception as error:
        raise ObjectError(f"{reader.format.upper()}_DAMAGED", str(error)) from error


def rows_here(reader: Reader, source: Ranges | Iterator[bytes], options: dict[str, Any], first: int = 1) -> Rows:
    """As ``rows_in_child``, in this process."""
    told = _told_here(reader, source, options | {"first": first})
    _, schema = next(told)
    batches = ((offset, batch_of(content)) for _, (offset, content) in told)
    return Rows(batches, first=first, skipped=schema["skipped"], columns=schema["columns"])


def row_groups_here(reader: Reader, source: Ranges, options: dict[str, Any]) -> list[RowGroup]:
    """As ``row_groups_in_child``, in this process."""
    _, schema = next(_told_here(reader, source, options | {"first": 1}))
    return [RowGroup(*group) for group in schema["groups"]]


@contextmanager
def readers_here() -> Iterator[None]:
    """Within it objects are read in this process, without the second that a process of their own takes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("headrace.binary.rows_in_child", rows_here)
        patched.setattr("headrace.binary.row_groups_in_child", row_groups_here)
        yield


def records(
    source: Bytes | bytes, format: Any, *, start: Start | None = None, limits: Limits | None = None, in_child: bool = False, **settings: Any
) -> list[tuple[Any, int, int]]:
    """Each record, or its Rejection, with its number and offset; read ``in_child``, as the function does, or here, without the second that a process takes."""
    with nullcontext() if in_child else readers_here():
        return _records(source if isinstance(source, Bytes) else Bytes(source), format, start, limits or Limits(), settings)


def _records(source: Bytes, format: Any, start: Start | None, limits: Limits, settings: dict[str, Any]) -> list[tuple[Any, int, int]]:
    route = Route("r", "**", format, "t", **{"other_columns": "keep", "columns": {}} | settings)
    if format in RANGED_FORMATS:
        content = Content(route, limits, iter(()), start, ranges=source.ranges())
    else:
        content = Content(route, limits, decompressed(source.pieces(0, None), route, limits), start)
    found = []
    decoder: Any = DECODERS[route.format](content)
    try:
        for row, block, first, last in decoder:
            assert first == last or format == "dynamodb_json"
            offset = row.byte_offset if isinstance(row, Rejection) else Origin(block, first, last).byte_offset
            found.append((row, first, offset))
    finally:
        if format in BINARY_FORMATS:
            decoder.close()
    return found


def rows(source: Bytes | bytes, format: Any, **settings: Any) -> list[Any]:
    """The records; of one that is rejected its code."""
    return [row.code if isinstance(row, Rejection) else row for row, _, _ in records(source, format, **settings)]


NUMBER = Column("number")
