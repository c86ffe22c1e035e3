"""Whether an object can be cut into chunks, how its bytes are to be scanned, and how large the chunks are to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from headrace.config.model import Limits, Route
from headrace.decode.rows import RowGroup
from headrace.encoding import UTF8_BOM
from headrace.errors import ObjectError
from headrace.formats import Decoder, delimiter_of
from headrace.read.signature import compression_of
from headrace.record import Origin, Rejection, Start
from headrace.records import open_records
from headrace.split.automaton import Dialect

ITEMS_PER_S = 10_000
"""What one worker writes where no budget says otherwise."""
CHUNK_WRITE_S = 90
"""Seconds of writing in a chunk: long enough that its ledger writes do not count, short enough to be repeated after a crash."""
CHUNK_BYTES_MIN, CHUNK_BYTES_MAX = 8_000_000, 1_000_000_000
OBJECT_CHUNKS_MAX = 99_999
"""The largest object in S3 has 50 TB (S3 User Guide, "Downloading objects"), which is 50,000 chunks of CHUNK_BYTES_MAX."""


class Cuttable(NamedTuple):
    """An object that can be cut. Scans cover the bytes from ``first`` on; ``header`` is None where the object has no header line."""

    dialect: Dialect
    first: Start
    header: list[str] | None
    record_bytes: float  # average of the sample


class Whole(NamedTuple):
    """An object that is read as one, and why. Where it is wrong, that reading says what is wrong."""

    reason: str


def plan_cuts(route: Route, limits: Limits, *, head: bytes, size: int) -> Cuttable | Whole:
    """Whether an object of ``size`` bytes that begins with ``head`` can be cut; ``head`` is also the sample of its records.

    Of a compressed object both are about what is inside; its size is at least ``size``.
    """
    if compression := compression_of(head):
        return Whole(f"found {compression}, which can only be read from its beginning")
    if size > limits.decompressed_bytes_max:
        return Whole(f"found {size} bytes, more than limits.decompressed_bytes_max")
    try:
        return _cuttable(route, limits, head, size)
    except ObjectError as error:
        return Whole(error.message)


def chunk_bytes_for(size: int, record_bytes: float, *, items_per_s: float = ITEMS_PER_S) -> int:
    """The bytes of a chunk that one worker writes in CHUNK_WRITE_S, if ``record_bytes`` are an item; of an object of ``size`` bytes."""
    wanted = int(CHUNK_WRITE_S * items_per_s * record_bytes)
    return max(min(max(wanted, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX), -(-size // OBJECT_CHUNKS_MAX))


def dialect_of(route: Route, limits: Limits) -> Dialect:
    """How objects of ``route``, if they can be cut, are cut into records."""
    return Dialect("" if route.format == "jsonl" else delimiter_of(route), limits.record_bytes_max)


def row_groups_for(groups: Sequence[RowGroup], items_per_s: float, chunks_max: int) -> list[int]:
    """The indices of the row groups at which chunks begin, of about as many rows as a worker writes in CHUNK_WRITE_S; one where it is not worth a cut."""
    total = sum(group.rows for group in groups)
    wanted = max(int(CHUNK_WRITE_S * items_per_s), -(-total // chunks_max), 1)
    begins, rows = [0], 0
    for index, group in enumerate(groups):
        if rows >= wanted and group.rows:
            begins.append(index)
            rows = 0
        rows += group.rows
    return begins if total >= 1.5 * wanted else [0]


def _cuttable(route: Route, limits: Limits, head: bytes, size: int) -> Cuttable | Whole:
    reason = _reason_against(route)
    if reason:
        return Whole(reason)
    route = replace(route, ragged="reject")  # which changes no record's place
    decoder = open_records(route, limits, iter([head]), header=[])  # with a header line as the first record
    first = Start(len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0, 1)
    header: list[str] | None = None
    if decoder.has_fields and not route.header:
        record = next(iter(decoder), None)
        if record is None:
            return Whole(f"found no record in the first {len(head)} bytes")
        row, *_ = record
        if isinstance(row, Rejection):
            return Whole(f"the header line: {row.message}")
        header, first = row, Origin(*record[1:]).end
        if first.byte_offset >= len(head) and len(head) < size:
            return Whole(f"found a header line that goes on after {len(head)} bytes")
    return Cuttable(dialect_of(route, limits), first, header, (len(head) - first.byte_offset) / max(_count(decoder), 1))


def _reason_against(route: Route) -> str:
    """Why objects of ``route`` are not cut: the automata know RFC 4180 and lines, in UTF-8; ``""`` if they do."""
    if route.format not in ("csv", "tsv", "jsonl"):
        return f"found `format: {route.format}`, which is read from its beginning"
    if route.encoding != "utf-8":
        return f"found `encoding: {route.encoding}`, which is read as one"
    others = {"quote": route.quote != '"', "escape": bool(route.escape), "comment": bool(route.comment), "skip_footer_lines": bool(route.skip_footer_lines)}
    others |= {"delimiter": len(delimiter_of(route)) > 1, "skip_lines": bool(route.skip_lines and route.header)}
    return next((f"found `{name}` in a dialect that is read as one" for name, is_set in others.items() if is_set), "")


def _count(decoder: Decoder) -> int:
    """Records up to the end of the sample, or to where reading stops: it may be the sample that ends inside quotes."""
    count = 0
    try:
        for _ in decoder:
            count += 1
    except ObjectError as error:
        if error.code != "RECORD_UNENDED":
            raise
    return count
