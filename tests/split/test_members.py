"""Compressed objects of many members: their chunks against a read from the beginning, for every codec, layout and size of chunks."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.virtual_clock import VirtualClock
from headrace.config.model import Limits, OnError, Route
from headrace.cutting import spans_of
from headrace.errors import ObjectError
from headrace.records import Opened
from headrace.split import members as members_of
from headrace.split.plan import Cuttable, plan_cuts
from split.cases import BETWEEN, BLOCKS, CODECS, REF, Case, any_chunk_size, layout
from split.samples import dirty, route_of


@pytest.fixture
def no_chunk_is_too_small() -> Iterator[None]:
    """See ``any_chunk_size``."""
    with any_chunk_size():
        yield


class Drawn(NamedTuple):
    """A layout of members, and how it is read."""

    cuts: list[int]
    is_padded: list[bool]
    chunk_bytes: int
    record_bytes_max: int
    largest: int
    has_header: bool
    resumed: int


layouts = st.builds(
    Drawn,
    st.lists(st.integers(0, 1 << 16), min_size=1, max_size=12),
    st.lists(st.booleans(), max_size=3),
    st.integers(1, 60),
    st.sampled_from([1, 3, 8, 20, 1 << 20]),
    st.sampled_from([1, 7, 1 << 20]),
    st.booleans(),
    st.integers(0, 3),
)


@pytest.mark.parametrize("codec", [*CODECS, BLOCKS])
@pytest.mark.usefixtures("no_chunk_is_too_small")
@settings(max_examples=60, deadline=None)
@given(content=dirty(), drawn=layouts)
def test_chunks_of_members_are_the_records_of_a_read_from_the_beginning(codec: str, content: tuple[str, bytes], drawn: Drawn) -> None:
    """Rows, rejections, lines, offsets, bytes and the header; also where a chunk stops and goes on, and with empty members."""
    delimiter, data = content
    stored = layout(data, drawn.cuts, codec, [BETWEEN.get(codec, b"") if is_padded else b"" for is_padded in drawn.is_padded])
    limits = Limits(record_bytes_max=drawn.record_bytes_max)
    route = route_of(delimiter, header=["a"] if delimiter and not drawn.has_header else None)
    case = Case(stored, route, chunk_bytes=drawn.chunk_bytes, limits=limits, largest=drawn.largest)
    whole = case.records()
    try:
        spans = case.spans()
    except ObjectError as error:
        assert error.code == whole[-1].what
        return
    if isinstance(spans, str):
        is_block = codec == BLOCKS and len(drawn.cuts) < 3 and all(at % (len(data) + 1) in (0, len(data)) for at in drawn.cuts)
        assert is_block or len(data) < 1.5 * drawn.chunk_bytes or not isinstance(plan_cuts(route, limits, head=data, size=len(data)), Cuttable), spans
        return
    assert (spans[-1].end, len({span.start for span in spans})) == (len(data), len(spans))
    assert case.chunked(spans, drawn.resumed) == whole


ROWS = b"".join(b'%d,"a\r\nb",c\n' % number for number in range(200))


@pytest.mark.parametrize("codec", [*CODECS, BLOCKS])
@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_object_of_many_members_is_cut_and_read_from_the_member_of_each_chunk(codec: str) -> None:
    """No chunk asks for what lies before its member, but for the first bytes with the header."""
    stored = layout(b"h,i,j\n" + ROWS, range(0, len(ROWS), 97), codec, [])
    case = Case(stored, route_of(","), chunk_bytes=200)
    spans = case.spans()
    assert isinstance(spans, list)
    assert len(spans) > 10
    assert [span.start - span.member_content < 97 + 200 // 16 for span in spans] == [True] * len(spans)
    case.objects.asked.clear()
    assert case.chunked(spans) == case.records()
    assert {offset for _, offset in case.objects.asked} == {0} | {span.member_stored for span in spans}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_object_of_one_member_is_read_as_one(codec: str) -> None:
    """Nothing in it can be begun at."""
    assert Case(CODECS[codec](ROWS), route_of(",", header=["a"]), chunk_bytes=50).spans() == (
        "found one member, frame, stream or block, which can only be read from its beginning"
    )


@pytest.mark.usefixtures("no_chunk_is_too_small")
@pytest.mark.parametrize("codec", CODECS)
def test_object_with_a_later_member_that_is_damaged_or_cut_is_not_cut_into_chunks(codec: str) -> None:
    """It is read as one, and fails as that does."""
    good = layout(ROWS, [500, 1000], codec, [])
    middle = len(good) - len(CODECS[codec](ROWS[1000:])) // 2
    for stored in (good[:-1], good[:middle], good[: middle - 20] + b"damaged" + good[middle - 13 :], good + b"trailing"):
        case = Case(stored, route_of(",", header=["a"]), chunk_bytes=50)
        with pytest.raises(ObjectError) as caught:
            case.spans()
        assert caught.value.code == case.records()[-1].what


@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_limits_hold_over_all_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone would pass."""
    stored = layout(ROWS, range(0, len(ROWS), 100), "zstd", [])
    for size, is_cut in ((len(ROWS), True), (len(ROWS) - 1, False)):
        case = Case(stored, route_of(",", header=["a"]), chunk_bytes=50, limits=Limits(decompressed_bytes_max=size))
        if is_cut:
            assert isinstance(case.spans(), list)
            continue
        with pytest.raises(ObjectError, match="after decompression"):
            case.spans()
    bomb = layout(bytes(3 << 20), [1 << 20, 2 << 20], "zstd", [])
    with pytest.raises(ObjectError, match="times as many"):
        Case(bomb, route_of("", header=None), chunk_bytes=1 << 20).spans()


@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_member_that_is_too_long_ends_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk of it would decompress it from its beginning: no more of it is read than shows that."""
    monkeypatch.setattr(members_of, "MEMBER_BYTES_MAX", 600_000)
    text = b"1,2,3\n" * 1_000_000
    stored = gzip.compress(text[:600], mtime=1) + gzip.compress(text[600:], 1, mtime=1)
    case = Case(stored, route_of(",", header=["a"]), chunk_bytes=200_000)
    assert case.spans() == "found a member, frame or stream with more than 600000 bytes inside"


@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_scan_that_would_take_half_of_the_time_ends() -> None:
    """The rest is for loading the object as one."""
    case = Case(layout(ROWS, [100], "gzip", []), route_of(",", header=["a"]), chunk_bytes=50)
    clock = VirtualClock(0.0)
    opened = Opened(case.objects, REF, clock, limits=Limits(), deadline=clock.monotonic() + 300)
    pieces = opened.pieces

    def slow(start: int = 0, end: int | None = None) -> Iterator[bytes]:
        clock.sleep(151)
        return pieces(start, end)

    opened.pieces = slow  # type: ignore[method-assign, assignment]
    assert str(spans_of(opened, case.route, case.config, 300.0)).endswith("that could be scanned in time")


@pytest.mark.usefixtures("no_chunk_is_too_small")
def test_chunks_that_would_be_too_many_are_joined() -> None:
    """With an order there are at most 200, and one that settles it."""
    route = Route("r", "**", "csv", "t", header=["a", "b", "c"], order="file", on_error=OnError())
    case = Case(layout(ROWS * 5, range(0, 5 * len(ROWS), 97), "lz4", []), route, chunk_bytes=10)
    spans = case.spans()
    assert isinstance(spans, list)
    assert 150 < len(spans) <= 201
    assert (spans[-1].first_line, spans[-1].end) == (0, spans[-1].start)
    assert case.chunked(spans[:-1]) == case.records()


def test_members_that_are_kept_are_few_however_many_there_are() -> None:
    """An object may be made of millions of tiny ones, or of empty ones."""
    members = members_of.Members(100)
    for number in range(10_000):
        members.note(members_of.Member(number * 20, number // 2))
    assert len(members._stored) == 50
    assert [members.before(at) for at in (0, 99, 100, 4_999)] == [(0, 0), (0, 0), (4_000, 100), (196_000, 4_900)]
