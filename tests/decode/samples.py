"""Contents for the decoders, and what a decoder makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from headrace.decode.csv import CsvDecoder
from headrace.decode.dialect import Dialect
from headrace.decode.jsonl import JsonLinesDecoder
from headrace.decode.limits import JsonLimits
from headrace.decode.lines import line_blocks
from headrace.errors import ObjectError
from headrace.formats import Decoder
from headrace.record import Origin, Rejection

MB = 1 << 20


class Seen(NamedTuple):
    """One record: its row, or the code of its rejection; its lines, its offset in the content and its bytes."""

    what: Any
    first: int
    last: int
    offset: int
    raw: bytes


def pieces(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """``data`` in pieces of ``sizes``, again from the first size when they are used up."""
    start = turn = 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        yield data[start : start + size]
        start, turn = start + size, turn + 1


def decoded(decoder: Decoder) -> list[Seen]:
    """All records that ``decoder`` gives; an ObjectError ends them as a record with its code at line 0."""
    found = []
    try:
        for row, block, first, last in decoder:
            if isinstance(row, Rejection):
                assert row.line == first
                found.append(Seen(row.code, first, last, row.byte_offset, row.raw))
            else:
                origin = Origin(block, first, last)
                found.append(Seen(row, first, last, origin.byte_offset, origin.raw))
    except ObjectError as error:
        found.append(Seen(error.code, 0, 0, 0, b""))
    return found


def csv_decoder(data: bytes, sizes: Sequence[int] = (MB,), *, delimiter: str = ",", limit: int = MB, header: list[str] | None = None) -> CsvDecoder:
    blocks = line_blocks(pieces(data, sizes), line_bytes_max=limit, lf_only=False)
    return CsvDecoder(blocks, dialect=Dialect(delimiter), record_bytes_max=limit, header=header)


def csv_records(data: bytes, sizes: Sequence[int] = (MB,), *, delimiter: str = ",", limit: int = MB) -> list[Seen]:
    """The records of a CSV without a header line."""
    return decoded(csv_decoder(data, sizes, delimiter=delimiter, limit=limit, header=["a"]))


def json_records(data: bytes, sizes: Sequence[int] = (MB,), *, limit: int = MB) -> list[Seen]:
    return decoded(JsonLinesDecoder(line_blocks(pieces(data, sizes), line_bytes_max=limit, lf_only=True), limits=JsonLimits(limit)))


piece_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=4)
