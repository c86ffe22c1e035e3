"""What can be cut, from the first bytes of an object; and whole files, planned, scanned, cut and read in chunks."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.samples import decoded
from golden.cases import FOLDER, case, names
from headrace.config.model import Limits, Route
from headrace.config.parse import load
from headrace.errors import ObjectError
from headrace.record import Start
from headrace.records import open_records
from headrace.split.automaton import Dialect
from headrace.split.plan import OBJECT_CHUNKS_MAX, Cuttable, Whole, chunk_bytes_for, plan_cuts
from split.samples import cuts_of, read_chunks, route_of

FLIGHTS = FOLDER.parent.parent / "examples" / "flights"
CUT_FORMATS = ("csv", "tsv", "jsonl")
GOLDEN = [name for name in names() if case(name).input.suffix != ".gz" and case(name).config.routes[0].format in CUT_FORMATS]
BOM = b"\xef\xbb\xbf"
LIMITS = Limits()
CSV, JSON = route_of(","), route_of("")


def assert_chunks_are_the_whole(data: bytes, route: Route, chunk_bytes: int, block_bytes: int) -> int:
    """Plan, scan, cut and read ``data``, compare it with a read from the beginning; the number of chunks."""
    plan = plan_cuts(route, LIMITS, head=data[:4096], size=len(data))
    assert isinstance(plan, Cuttable)
    decoder = open_records(route, LIMITS, iter([data]))
    whole = decoded(decoder)
    assert (plan.header or route.header) == decoder.header
    cuts = cuts_of(data, plan.dialect, chunk_bytes, sizes=[block_bytes], first=plan.first)
    assert cuts.unended is None
    assert read_chunks(data, route, LIMITS, cuts, header=plan.header) == whole
    return len(cuts.starts)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize(("chunk_bytes", "block_bytes"), [(1, 1), (1, 100), (7, 3), (64, 1000), (1000, 31)])
def test_golden_input_in_chunks_is_the_whole(name: str, chunk_bytes: int, block_bytes: int) -> None:
    """Each golden input that can be cut, by its own route."""
    golden = case(name)
    (route,) = golden.config.routes
    assert assert_chunks_are_the_whole(golden.input.read_bytes(), route, chunk_bytes, block_bytes) >= 1


@pytest.mark.parametrize("path", [path for path in sorted((FLIGHTS / "data").iterdir()) if path.suffix in (".csv", ".jsonl")], ids=lambda path: path.name)
@pytest.mark.parametrize(("chunk_bytes", "block_bytes"), [(100, 1_000), (10_000, 4_321), (65_536, 1 << 20)])
def test_example_in_chunks_is_the_whole(path: Path, chunk_bytes: int, block_bytes: int) -> None:
    """Each file of the examples that can be cut, by the route for its format."""
    route = next(route for route in load(FLIGHTS / "headrace.yaml").routes if route.format == path.suffix[1:])
    data = path.read_bytes()[: 100_000 if chunk_bytes == 100 else None]
    assert assert_chunks_are_the_whole(data, route, chunk_bytes, block_bytes) >= len(data) // max(chunk_bytes, 1_000)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("head", [b"", b"\n", b"\r\r\n"])
@pytest.mark.parametrize("bom", [b"", BOM])
def test_plan_when_there_is_a_header_begins_after_it(bom: bytes, head: bytes, ends: bytes) -> None:
    """With byte order mark, blank lines before it and a line end in it; the header is handed on and is no record."""
    header = bom + head + b'"a\nb",c' + ends
    data = header + b"1,2" + ends + b'"3\n",4' + ends
    plan = plan_cuts(CSV, LIMITS, head=data, size=len(data))
    assert plan == Cuttable(Dialect(",", LIMITS.record_bytes_max), Start(len(header), 1 + len(header[len(bom) :].splitlines())), ["a\nb", "c"], 4.5 + len(ends))
    for chunk_bytes in range(1, len(data) + 1):
        assert_chunks_are_the_whole(data, CSV, chunk_bytes, 2)


@pytest.mark.parametrize(("route", "data"), [(JSON, b'{"a":1}\n\n{"b":2}'), (route_of(",", header=["a", "b"]), b"1234567\n\n8,12345")])
def test_plan_when_there_is_no_header_begins_after_the_byte_order_mark(route: Route, data: bytes) -> None:
    """Which is no part of the first record."""
    for bom in (BOM, b""):
        plan = plan_cuts(route, LIMITS, head=bom + data, size=len(bom + data))
        assert isinstance(plan, Cuttable)
        assert (plan.first, plan.header) == (Start(len(bom), 1), None)
        assert [assert_chunks_are_the_whole(bom + data, route, chunk_bytes, 3) for chunk_bytes in (1, 5, 9, 30)] in ([3, 3, 2, 1], [3, 2, 2, 1])


@pytest.mark.parametrize(
    ("route", "head", "reason"),
    [
        (CSV, gzip.compress(b"a,b\n", mtime=0), "gzip"),
        (JSON, gzip.compress(b"{}\n", mtime=0), "gzip"),
        (CSV, b"PK\x03\x04" + b"x" * 60, "zip"),
        (CSV, "a,b\n".encode("utf-16"), "UTF-16"),
        (JSON, "{}\n".encode("utf-16-le"), "UTF-16"),
        (CSV, b"", "no record"),
        (CSV, b"\n\r\n", "no record"),
        (CSV, b'a,"b"c\n1,2\n', "header line"),
        (CSV, b'a,"b\n1,2\n', "header line"),
    ],
)
def test_plan_when_the_object_cannot_be_cut_says_why(route: Route, head: bytes, reason: str) -> None:
    """It is then read as one, which says what is wrong with it."""
    plan = plan_cuts(route, LIMITS, head=head, size=len(head))
    assert isinstance(plan, Whole)
    assert reason in plan.reason


def test_plan_when_the_object_is_larger_than_may_be_read_is_whole() -> None:
    """Chunks would pass the limit unseen."""
    limits = Limits(decompressed_bytes_max=10)
    assert isinstance(plan_cuts(JSON, limits, head=b"{}\n", size=10), Cuttable)
    assert plan_cuts(JSON, limits, head=b"{}\n", size=11) == Whole("found 11 bytes, more than limits.decompressed_bytes_max")


@pytest.mark.parametrize("length", range(1, 10))
def test_plan_when_the_header_may_go_on_after_the_head_is_whole(length: int) -> None:
    """What of it is seen may be half of a name, half of a line end, or a quoted field that goes on."""
    data = b'a,"b\r\nc"\r\n1,2\r\n'
    assert isinstance(plan_cuts(CSV, LIMITS, head=data[:length], size=len(data)), Whole)
    assert isinstance(plan_cuts(CSV, LIMITS, head=data[:11], size=len(data)), Cuttable)


def test_plan_when_the_head_ends_inside_a_large_record_can_be_cut() -> None:
    """Whether its quotes match is seen by the scan, not by the sample."""
    head = b'a,b\n1,2\n3,"' + b"x" * 50
    plan = plan_cuts(CSV, Limits(record_bytes_max=20), head=head, size=1_000)
    assert isinstance(plan, Cuttable)
    assert (plan.first, plan.record_bytes) == (Start(4, 2), len(head) - 4)


def test_chunk_is_read_as_plain_text_whatever_it_begins_with() -> None:
    """Signs of gzip, of UTF-16 and of byte order are signs only at the beginning of the object."""
    data = b"h\nok\n\x1f\x8b,x\n\xff\xfe,y\n" + BOM + b",z\nPK\x03\x04\n"
    for chunk_bytes in range(1, len(data)):
        assert_chunks_are_the_whole(data, CSV, chunk_bytes, 5)


def test_chunk_size_is_that_of_90_seconds_of_writing() -> None:
    """Between 8 MB and 1 GB."""
    assert chunk_bytes_for(10**12, 100) == 90_000_000
    assert chunk_bytes_for(10**11, 100, items_per_s=1_000) == 9_000_000
    assert chunk_bytes_for(10**11, 100, items_per_s=0.5) == 8_000_000 == chunk_bytes_for(10**9, 0.1)
    assert chunk_bytes_for(10**12, 100_000) == 1_000_000_000


@given(st.integers(1, 50 * 10**12), st.floats(1, 1e6), st.floats(0.01, 1e6))
def test_chunk_size_of_any_object_gives_less_than_100_000_chunks(size: int, record_bytes: float, items_per_s: float) -> None:
    """Up to 50 TB, the largest object that S3 has."""
    chunk_bytes = chunk_bytes_for(size, record_bytes, items_per_s=items_per_s)
    assert -(-size // chunk_bytes) <= OBJECT_CHUNKS_MAX < 100_000
    assert 8_000_000 <= chunk_bytes <= 1_000_000_000


def test_sequential_read_of_what_is_whole_names_the_fault() -> None:
    """As the plan promises."""
    with pytest.raises(ObjectError, match="UTF-16"):
        list(open_records(JSON, LIMITS, iter(["{}\n".encode("utf-16")])))
