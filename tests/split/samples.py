"""Contents to be cut, what a read from the beginning makes of them, and what their chunks make of them."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from decode.samples import Seen, decoded
from headrace.config.model import Limits, Route
from headrace.formats import delimiter_of
from headrace.record import Start
from headrace.records import open_records
from headrace.split.automaton import Dialect
from headrace.split.scan import BlockScan, Cuts, compose, scan

BEGIN = Start(0, 1)


def route_of(delimiter: str, *, header: list[str] | None = None) -> Route:
    """A route of CSV with ``delimiter``, of JSON Lines if it is empty."""
    return Route("r", "**", "csv" if delimiter else "jsonl", "t", header=header, delimiter=delimiter)


def dialect_of(route: Route, limits: Limits) -> Dialect:
    return Dialect("" if route.format == "jsonl" else delimiter_of(route), limits.record_bytes_max)


def blocks_of(data: bytes, begin: int, sizes: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Blocks of ``sizes``, again from the first size when they are used up, each with its place."""
    turns = itertools.cycle(sizes)
    while begin < len(data):
        size = next(turns)
        yield begin, data[begin : begin + size]
        begin += size


def scanned(data: bytes, dialect: Dialect, chunk_bytes: int, *, sizes: Sequence[int], begin: int = 0) -> list[BlockScan]:
    """The scans of all blocks after their way through the ledger; each block is read in pieces that are cut at odd places."""
    scans = []
    for at, block in blocks_of(data, begin, sizes):
        pieces = [block[:1], b"", block[1 : len(block) // 2 + 1], block[len(block) // 2 + 1 :]]
        found = scan(pieces, at, dialect=dialect, chunk_bytes=chunk_bytes)
        scans.append(BlockScan.from_json(json.loads(json.dumps(found.as_json()))))
        assert scans[-1] == found
    return scans


def cuts_of(data: bytes, dialect: Dialect, chunk_bytes: int, *, sizes: Sequence[int], first: Start = BEGIN) -> Cuts:
    scans = scanned(data, dialect, chunk_bytes, sizes=sizes, begin=first.byte_offset)
    return compose(scans, first=first, size=len(data))


def read_chunks(data: bytes, route: Route, limits: Limits, cuts: Cuts, *, header: list[str] | None = None) -> list[Seen]:
    """The records of all chunks, one after the other."""
    found = []
    for start, end in itertools.zip_longest(cuts.starts, [start.byte_offset for start in cuts.starts[1:]], fillvalue=len(data)):
        assert isinstance(start, Start)
        found += decoded(open_records(route, limits, iter([data[start.byte_offset : end]]), start=start, header=header))
    return found


def places(data: bytes, dialect: Dialect, chunk_bytes: int) -> Cuts:
    """The cuts of ``data`` (without a byte order mark) by Python's csv module, and by the lines of JSON Lines."""
    text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="" if dialect.delimiter else "\n")
    lengths = [len(line.encode("utf-8", "surrogateescape")) for line in text]
    offsets = [0, *itertools.accumulate(lengths)]
    text.seek(0)
    starts, unended = [BEGIN], None
    if not dialect.delimiter:
        starts += [Start(offset, 1 + line) for line, offset in enumerate(offsets[1:], 1)]
    else:
        reader = csv.reader(text, delimiter=dialect.delimiter, strict=True)
        while reader.line_num < len(lengths) and not unended:
            try:
                next(reader)
            except csv.Error:
                if offsets[reader.line_num] - starts[-1].byte_offset > dialect.record_bytes_max:
                    unended = starts[-1]
            starts.append(Start(offsets[reader.line_num], 1 + reader.line_num))
    kept = [start for start in starts if start.byte_offset < len(data) and (not unended or start <= unended)]
    firsts = [start for before, start in itertools.pairwise(kept) if before.byte_offset // chunk_bytes < start.byte_offset // chunk_bytes]
    return Cuts([BEGIN, *firsts], unended)


def every_content(length: int) -> list[bytes]:
    """All contents of so many letters that matter."""
    return [b"".join(letters) for letters in itertools.product([b'"', b",", b"\r", b"\n", b"a"], repeat=length)]


def wrong_cuts(dialect: Dialect, contents: list[bytes]) -> list[bytes]:
    """Those of ``contents`` that are cut elsewhere than Python's csv says, byte by byte or in one."""
    found = []
    for data in contents:
        expected = places(data, dialect, 1)
        cuts = [cuts_of(data, dialect, 1, sizes=[size]) for size in (1, len(data))]
        parts = [[data], [data[at : at + 1] for at in range(len(data))]]
        one, other = (scan(pieces, 1, dialect=dialect, chunk_bytes=2 * len(data)).passages for pieces in parts)
        if cuts != [expected, expected] or one != other:
            found.append(data)
    return found


delimiters = st.sampled_from([",", ";", "\t", "|", "\\", "§", "→", "𝄞", ""])


@st.composite
def dirty(draw: st.DrawFn) -> tuple[str, bytes]:
    """A delimiter and a content that is hostile to whoever cuts it; never UTF-16."""
    delimiter = draw(delimiters)
    one = delimiter.encode()
    wrong = [
        b"a",
        b"bc",
        one,
        one,
        b'"',
        b'"',
        b'""',
        b"\n",
        b"\r",
        b"\r\n",
        b" ",
        one + b'"',
        b'"' + one,
        b'"\n',
        b'\n"',
        b"\xff",
        one[:1],
        one[1:],
        b"\xef\xbb\xbf",
    ]
    right = ["a", "b c", '"', '""', delimiter, "\n", "\r", "\r\n", "é", ""]
    field = st.lists(st.sampled_from(right), max_size=4).map(lambda parts: '"' + "".join(parts).replace('"', '""') + '"')
    line = st.lists(field, min_size=1, max_size=4).map(lambda fields: delimiter.join(fields).encode() + b"\r\n")
    parts = draw(st.lists(st.one_of(st.sampled_from(wrong), line), max_size=draw(st.sampled_from([8, 40]))))
    data = b"".join(parts)
    return delimiter, data if data[:2] not in (b"\xff\xfe", b"\xfe\xff") else b"x" + data


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=3)
