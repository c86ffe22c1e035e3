"""Where an object is cut: the spans of its chunks, from a scan of all of its bytes, or from what its footer says of its row groups.

What one function can scan in half of its time is scanned and cut at once. Of larger objects blocks are planned, which are chunks to be
scanned, each by whoever gets its message; when all are done the last chunk composes their scans and plans those that are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

from headrace.config.model import Config, Limits, Route
from headrace.config.order import is_ordered
from headrace.formats import ROW_GROUP_FORMATS
from headrace.ledger.entries import Chunk, Span
from headrace.read.decompress import Member
from headrace.read.signature import compression_of, first_bytes
from headrace.record import Start
from headrace.records import Opened, Part, decompressed
from headrace.split.plan import ITEMS_PER_S, OBJECT_CHUNKS_MAX, Cuttable, chunk_bytes_for, dialect_of, plan_cuts, row_groups_for
from headrace.split.scan import CHUNKS_MAX, BlockScan, compose, scan

SCAN_BYTES_PER_S = 40_000_000
"""What a function scans at least: its network gives 78 MB/s (Lambda developer guide, gettingstarted-limits, 2026-11)."""
SCAN_SHARE = 0.5
"""Of a function's time, for one scan: S3 is slower at times."""
ORDERED_CHUNKS_MAX = 200
"""Of an object whose order counts: their lists of hashes are merged at once (``repeats.py``)."""
BLOCKS_MAX = 1000
"""Blocks that are scanned each by itself: as many functions as there may be at once."""
SAMPLE_BYTES = 262_144
"""Of what is inside a compressed object: it may come in pieces of a few bytes."""
MEMBERLESS = ("", "snappy", "zip")
"""Kinds of compression that have no members, frames or streams to begin at."""
IN_ORDER = frozenset(("insert_only", "update"))
"""Modes in which all records of a key count, each after the one before: only one reader can keep that."""


def part_of(chunk: Chunk) -> Part:
    """The records of ``chunk``."""
    member = None if chunk.member_stored is None else Member(chunk.member_stored, chunk.member_content)
    return Part(Start(chunk.start, chunk.first_line), chunk.end, chunk.end_line, member)


def spans_of(opened: Opened, route: Route, config: Config, time_s: float) -> list[Span] | str:
    """The chunks of an object that is worth cutting, or why it is read as one. Raises what reading raises.

    Where the order counts the last span is empty: the chunk that settles which record of a key wins.
    """
    if route.mode in IN_ORDER:
        return f"mode {route.mode} needs every record of a key in its order"
    budget = config.tables[route.table].max_write_units_per_s
    items_per_s = budget / config.function.maximum_concurrency if budget else ITEMS_PER_S
    job = _Job(opened, route, config.limits, items_per_s, ORDERED_CHUNKS_MAX if is_ordered(route) else OBJECT_CHUNKS_MAX, time_s)
    if route.format in ROW_GROUP_FORMATS:
        return _of_row_groups(job)
    pieces = opened.pieces()
    head = first_bytes(pieces)
    return _of_plain(job, head, pieces) if compression_of(head) in MEMBERLESS else _of_members(job, chain([head], pieces))


class _Job(NamedTuple):
    """An object to be cut, and into how many chunks of how much work at most."""

    opened: Opened
    route: Route
    limits: Limits
    items_per_s: float
    chunks_max: int
    time_s: float


def _of_row_groups(job: _Job) -> list[Span] | str:
    """Chunks of whole row groups, as the footer counts them."""
    groups = job.opened.row_groups(job.route)
    lines = list(accumulate((group.rows for group in groups), initial=1))
    begins = row_groups_for(groups, job.items_per_s, job.chunks_max)
    if len(begins) < 2:
        return f"{lines[-1] - 1} rows in {len(groups)} row groups are not worth a cut"
    ends = [*(lines[begin] for begin in begins[1:]), None]
    spans = [Span(groups[begin].offset, None, lines[begin], end_line=end) for begin, end in zip(begins, ends, strict=True)]
    return _with_settling(spans, job.opened.total_bytes, job.route)


def _of_plain(job: _Job, head: bytes, pieces: Iterator[bytes]) -> list[Span] | str:
    size = job.opened.total_bytes
    plan = plan_cuts(job.route, job.limits, head=head, size=size)
    if not isinstance(plan, Cuttable):
        return plan.reason
    chunk_bytes = max(chunk_bytes_for(size, plan.record_bytes, items_per_s=job.items_per_s), -(-size // job.chunks_max))
    if size < 1.5 * chunk_bytes:
        return f"{size} bytes are not worth a cut"
    scan_bytes = int(SCAN_SHARE * job.time_s * SCAN_BYTES_PER_S)
    if size > scan_bytes:
        return scan_spans(plan.first, size, chunk_bytes, scan_bytes)
    scans = _scans(plan, chain([head[plan.first.byte_offset :]], pieces), chunk_bytes)
    return _load_spans(compose(scans, first=plan.first, size=size).starts, size, job.route)


def _of_members(job: _Job, stored: Iterator[bytes]) -> list[Span] | str:
    """Chunks of what is inside a compressed object; how much that is, is known only after the scan, so chunks that are too many are joined."""
    from headrace.split.members import Members, Watched  # noqa: PLC0415 - only what a route needs

    members = Members(chunk_bytes_for(0, 0) // 16)
    content = decompressed(stored, job.route, job.limits, members.note)
    head = first_bytes(content, SAMPLE_BYTES)
    following = next(content, b"")
    plan = plan_cuts(job.route, job.limits, head=head, size=len(head) + len(following))
    if not isinstance(plan, Cuttable):
        return plan.reason
    chunk_bytes = chunk_bytes_for(job.opened.total_bytes, plan.record_bytes, items_per_s=job.items_per_s)
    first, time_left_s = plan.first.byte_offset, job.time_s * (1 - SCAN_SHARE)
    watched = Watched(chain([head[first:], following], content), members, first, lambda: job.opened.seconds_left < time_left_s)
    scans = list(_scans(plan, iter(watched), chunk_bytes))
    if watched.reason:
        return watched.reason
    if members.count < 2:
        return "found one member, frame, stream or block, which can only be read from its beginning"
    if watched.at < 1.5 * chunk_bytes:
        return f"{watched.at} bytes inside are not worth a cut"
    starts = compose(scans, first=plan.first, size=watched.at).starts
    starts = starts[:: -(-len(starts) // job.chunks_max)]
    places = {start.byte_offset: members.before(start.byte_offset) for start in starts}
    return [
        replace(span, member_stored=places[span.start].stored, member_content=places[span.start].content) if span.work == "load" else span
        for span in _load_spans(starts, watched.at, job.route)
    ]


def _scans(plan: Cuttable, pieces: Iterator[bytes], chunk_bytes: int) -> Iterator[BlockScan]:
    """The scans of ``pieces`` from the first record on, block by block."""
    for begin, block in _blocks(pieces, plan.first.byte_offset, CHUNKS_MAX * chunk_bytes // 2):
        yield scan(block, begin, dialect=plan.dialect, chunk_bytes=chunk_bytes)


def scan_spans(first: Start, size: int, chunk_bytes: int, scan_bytes: int) -> list[Span]:
    """The blocks of an object of ``size`` bytes that are scanned each by itself, and the chunk that plans the others when they are."""
    wanted = min(max(scan_bytes, -(-size // BLOCKS_MAX)), CHUNKS_MAX * chunk_bytes // 2)
    places = [*range(first.byte_offset, size, wanted), size]
    blocks = [Span(start, end, 0, "scan", chunk_bytes) for start, end in pairwise(places)]
    return [replace(blocks[0], first_line=first.line), *blocks[1:], Span(size, size, 0, "plan")]


def scan_part(pieces: Iterable[bytes], chunk: Chunk, route: Route, limits: Limits) -> BlockScan:
    """The scan of a block as far as ``pieces`` go, which begin where the last one of it ended."""
    before = BlockScan.from_json(json.loads(chunk.notes)) if chunk.notes else None
    assert chunk.chunk_bytes
    return scan(pieces, chunk.start, dialect=dialect_of(route, limits), chunk_bytes=chunk.chunk_bytes, before=before)


def notes_of(block: BlockScan) -> str:
    """What a scan is kept as."""
    return json.dumps(block.as_json(), separators=(",", ":"))


def composed_spans(scanned: Iterable[Chunk], route: Route) -> list[Span]:
    """The chunks of an object whose blocks are all scanned."""
    blocks = list(scanned)
    first, size = Start(blocks[0].start, blocks[0].first_line), blocks[-1].end
    assert size
    scans = (BlockScan.from_json(json.loads(block.notes or "")) for block in blocks)
    return _load_spans(compose(scans, first=first, size=size).starts, size, route)


def _load_spans(starts: Sequence[Start], size: int, route: Route) -> list[Span]:
    """The chunks that begin at ``starts``."""
    ends = [*(following.byte_offset for _, following in pairwise(starts)), size]
    spans = [Span(start.byte_offset, end, start.line) for start, end in zip(starts, ends, strict=True)]
    return _with_settling(spans, size, route)


def _with_settling(spans: list[Span], size: int, route: Route) -> list[Span]:
    """``spans``, and where the order counts the chunk that settles which record of a key wins."""
    return [*spans, Span(size, size, 0, "settle")] if is_ordered(route) and len(spans) > 1 else spans


def _blocks(pieces: Iterable[bytes], begin: int, size: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """``pieces`` as blocks of about ``size`` bytes, each with its place; a block is to be read before the next is asked for."""
    following = iter(pieces)
    at = begin
    for first in following:
        block = _Block(first, following, size)
        yield at, iter(block)
        at += block.bytes


class _Block:
    """Pieces until ``size`` bytes are reached."""

    def __init__(self, first: bytes, following: Iterator[bytes], size: int) -> None:
        self.bytes = 0
        self._first = first
        self._following = following
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        for piece in chain([self._first], self._following):
            self.bytes += len(piece)
            yield piece
            if self.bytes >= self._size:
                return
