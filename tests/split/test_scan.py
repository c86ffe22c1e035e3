"""Chunks against a read from the beginning: for every cut into blocks, every size of chunks, every dialect and every dirt."""

from __future__ import annotations

import itertools
import json
import re
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import decoded
from headrace.config.model import Limits
from headrace.record import Start
from headrace.records import open_records
from headrace.split import automaton
from headrace.split.automaton import Dialect
from headrace.split.scan import CHUNKS_MAX, BlockScan, compose, scan
from split.samples import BEGIN, cuts_of, dialect_of, dirty, every_content, places, read_chunks, route_of, scanned, sizes, wrong_cuts

COMMA = Dialect(",", 1_000)


@given(dirty(), sizes, st.integers(1, 60), st.sampled_from([1, 3, 8, 20, 1 << 20]))
@example((",", b'"a""b"\r\n"c"d,"e\r\nf,"g\nh"'), [1], 1, 1 << 20)
@example((",", b'a\n"' + b"x" * 30 + b'\n"y\nb\nc\n'), [4], 1, 8)  # malformed and too large, over several blocks
@example(("→", 'a→"b"→c\n'.encode()), [1], 1, 1 << 20)
@example(("→", b'a\n"bbb"\xe2'), [1], 1, 3)  # malformed and too large only because half a delimiter is the end
@example((",", b'a\n"b"ccc,\nd\n'), [4], 1, 8)  # malformed, over two blocks, and just not too large
@example((",", b'a\n"b"xxx\n"c"xxx\n' + b"d\n" * 10), [40], 1, 3)  # two that cannot be read past
def test_chunks_of_any_content_are_the_records_of_a_read_from_the_beginning(content: tuple[str, bytes], blocks: Sequence[int], chunk: int, limit: int) -> None:
    """Rows, rejections, lines, offsets and bytes, and where the object cannot be read on; the cuts are those of Python's csv."""
    delimiter, data = content
    route, limits = route_of(delimiter, header=["a"] if delimiter else None), Limits(record_bytes_max=limit)
    cuts = cuts_of(data, dialect_of(route, limits), chunk, sizes=blocks)
    assert cuts == places(data, dialect_of(route, limits), chunk)
    whole = decoded(open_records(route, limits, iter([data]), start=BEGIN))
    assert read_chunks(data, route, limits, cuts) == whole
    assert (cuts.unended is not None) == any(seen.what == "RECORD_UNENDED" for seen in whole)


@given(dirty(), sizes, st.integers(1, 60), st.sampled_from([1, 8, 1 << 20]))
def test_scan_of_pieces_is_that_of_the_whole_for_every_state(content: tuple[str, bytes], blocks: Sequence[int], chunk: int, limit: int) -> None:
    """Also for the states in which no reader comes to a block, so that nothing depends on how its pieces were cut."""
    delimiter, data = content
    dialect = Dialect(delimiter, limit)
    pieces = [data[begin : begin + blocks[0]] for begin in range(0, len(data), blocks[0])]
    assert scan(pieces, 1000, dialect=dialect, chunk_bytes=chunk * 10) == scan([data], 1000, dialect=dialect, chunk_bytes=chunk * 10)


def test_cuts_of_every_short_content_are_those_of_python() -> None:
    """All contents of one to four letters, and all of five that begin with a quote, block by byte and in one block."""
    assert wrong_cuts(COMMA, [data for length in range(1, 5) for data in every_content(length)]) == []
    assert wrong_cuts(COMMA, [b'"' + data for data in every_content(4)]) == []


def test_scan_when_it_is_kept_is_small() -> None:
    """As JSON it fits into a ledger item and a message, however bad the block: offsets of 50 TB, the longest delimiter, every chunk cut differently."""
    begin, chunk = 50_000_000_000_000 - 250 * 40, 40
    data = b'"' + b'aaaaaaaa\n"",aaaaaa\n,"' * 500
    found = scan([data[: CHUNKS_MAX * chunk]], begin, dialect=Dialect("𝄞", 1_000), chunk_bytes=chunk)
    assert len(set(found.passages.values())) > 2
    assert len(json.dumps(found.as_json())) < 160_000
    assert max(len(passage.cuts) for passage in found.passages.values()) > 200
    assert len(found.passages) == 15


def test_scan_when_the_block_holds_too_many_chunks_is_refused() -> None:
    """Its result would outgrow what may hold it."""
    for pieces in ([b"a\n" * 251], [b"a\n" * 100, b"a\n" * 151]):
        with pytest.raises(ValueError, match="more than 250 chunks of 2 bytes"):
            scan(pieces, 0, dialect=COMMA, chunk_bytes=2)
    assert len(scan([b"a\n" * 250], 0, dialect=COMMA, chunk_bytes=2).passages["start"].cuts) == 250


def test_compose_when_scans_do_not_cover_the_object_is_refused() -> None:
    """A block left out, twice, of other sizes, or not yet scanned would give wrong chunks."""
    data = b"a,b\n" * 10
    one, two, three = scanned(data, COMMA, 8, sizes=[15])
    other = scan([data[15:30]], 15, dialect=COMMA, chunk_bytes=9)
    for scans in ([one, three], [one, one, two, three], [one, two], [], [two, three], [one, other, three]):
        with pytest.raises(ValueError, match="expected"):
            compose(scans, first=BEGIN, size=len(data))
    assert len(compose([one, two, three], first=BEGIN, size=len(data)).starts) == 5


def test_compose_of_nothing_is_one_chunk() -> None:
    """An object that ends with its header has one chunk without bytes."""
    assert compose([], first=Start(4, 2), size=4).starts == [Start(4, 2)]


def test_record_that_cannot_be_read_past_is_named_and_nothing_after_it_is_cut() -> None:
    """Whether what follows is text or records, nobody knows: the last chunk begins before it and fails as a read from the beginning does."""
    data = b"1,a\n" * 5 + b'2,"x"y' + b"z" * 30 + b"\n" + b"3,c\n" * 5
    cuts = cuts_of(data, Dialect(",", 20), 4, sizes=[7])
    assert cuts.unended == Start(20, 6)
    assert cuts.starts == [Start(offset, 1 + offset // 4) for offset in range(0, 24, 4)]


def test_quote_that_is_never_closed_is_found_at_the_end() -> None:
    """Within the limit it is one rejected record to the end of the object; above it reading stops there."""
    data = b'1,a\n2,"b\n' + b"3,c\n" * 5
    assert cuts_of(data, Dialect(",", 25), 4, sizes=[6]) == ([Start(0, 1), Start(4, 2)], None)
    assert cuts_of(data, Dialect(",", 24), 4, sizes=[6]) == ([Start(0, 1), Start(4, 2)], Start(4, 2))


def test_scan_of_a_large_block_takes_the_memory_of_its_pieces() -> None:
    """64 MB of text with and without quotes, good and bad."""
    piece = (b'1,"a, b","c ""d""",e\r\n' * 5000 + b'2,"x"y\n' + b"3,no,quotes,here\n" * 5000)[:131_072] * 2
    tracemalloc.start()
    scan(itertools.repeat(piece, 256), 0, dialect=Dialect(",", 1 << 20), chunk_bytes=8_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_field_over_many_blocks_is_not_cut() -> None:
    """A quoted field of 32 MB has no place to cut, whatever is in it; text before and after it is cut as usual."""
    scans = [scan([b'a\n"'], 0, dialect=COMMA, chunk_bytes=1_000_000)]
    scans += [scan([b"1,2\r\n" * 200_000], 3 + at * 1_000_000, dialect=COMMA, chunk_bytes=1_000_000) for at in range(32)]
    scans += [scan([b'"\nb\n'], 32_000_003, dialect=COMMA, chunk_bytes=1_000_000)]
    assert compose(scans, first=BEGIN, size=32_000_007) == ([BEGIN, Start(32_000_005, 6_400_003)], None)


def test_block_scan_keeps_equal_paths_once() -> None:
    """Readers that came together are one in JSON."""
    found = scan([b"a\nb\n"], 0, dialect=COMMA, chunk_bytes=2)
    members = json.loads(json.dumps(found.as_json()))
    assert (len(found.passages), len(members["passages"])) == (9, 6)
    assert BlockScan.from_json(members) == found


def test_record_of_many_quoted_fields_on_one_line_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the line is not looked for again at each field: a megabyte of them would take minutes."""
    searches: list[int] = []
    right = automaton._LINE_END

    class Counted:
        def search(self, data: bytes, at: int) -> re.Match[bytes] | None:
            searches.append(at)
            return right.search(data, at)

    monkeypatch.setattr(automaton, "_LINE_END", Counted())
    data = b'"",' * 1000 + b'"\n",""\n'
    assert automaton.CsvAutomaton(",").record_end(data, 0, automaton.START) == (len(data), automaton.FIELD)
    assert len(searches) == 2
