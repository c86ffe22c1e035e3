"""Parquet in chunks of row groups: the rows of a read from the beginning, with their numbers and offsets."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.virtual_clock import VirtualClock
from decode.tables import readers_here
from headrace.config.model import Config, Limits, Route, Source, Table
from headrace.cutting import part_of, spans_of
from headrace.decode.rows import RowGroup
from headrace.ledger.entries import Chunk, Span
from headrace.ports import ObjectRef
from headrace.record import Origin, Start
from headrace.records import Opened, Part
from headrace.split import plan
from headrace.split.plan import ITEMS_PER_S, row_groups_for
from read.memory_objects import MemoryObjects, Version

ROUTE = Route("r", "**", "parquet", "t", other_columns="keep")
CONFIG = Config(Source("landing"), {"t": Table({"i": "number"})}, [ROUTE])
Row = tuple[Any, int, Start, Start]


def written(groups: Sequence[int]) -> bytes:
    """A file with so many rows in each row group, numbered from 1 on."""
    out, numbers = io.BytesIO(), itertools.count(1)
    schema = pa.schema({"i": pa.int64(), "s": pa.string()})
    with pq.ParquetWriter(out, schema) as writer:
        for rows in groups:
            of_group = list(itertools.islice(numbers, rows))
            writer.write_table(pa.table({"i": of_group, "s": [f"row {number}" for number in of_group]}, schema), row_group_size=max(rows, 1))
    return out.getvalue()


def opened(data: bytes) -> Opened:
    return Opened(MemoryObjects(Version(data, "e1", "v1")), ObjectRef("landing", "in/a", "v1", "e1"), VirtualClock(0.0), limits=Limits())


def rows(data: bytes, part: Part) -> list[Row]:
    """Each row with its number, its offset and the place after it."""
    one = opened(data)
    try:
        return [
            (row, first, Start(Origin(block, first, last).byte_offset, last), Origin(block, first, last).end)
            for row, block, first, last in one.records(ROUTE, part)
        ]
    finally:
        one.close()


def spans(data: bytes, chunk_rows: int, monkeypatch: pytest.MonkeyPatch, route: Route = ROUTE) -> list[Span] | str:
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", chunk_rows / ITEMS_PER_S)
    return spans_of(opened(data), route, CONFIG, 300.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(1, 12), st.integers(0, 4))
def test_chunks_of_row_groups_are_the_rows_of_a_read_from_the_beginning(groups: list[int], chunk_rows: int, resumed: int) -> None:
    """Also where a chunk stops and goes on, and with empty row groups."""
    data = written(groups)
    with readers_here(), pytest.MonkeyPatch.context() as patched:
        whole, found = rows(data, Part()), spans(data, chunk_rows, patched)
        assert [number for _, number, _, _ in whole] == list(range(1, sum(groups) + 1))
        if isinstance(found, str):
            assert sum(groups) < max(1.5 * chunk_rows, chunk_rows + 5), found
            return
        together: list[Row] = []
        for span in found:
            part = part_of(Chunk(0, **asdict(span)))
            of_chunk = rows(data, part)
            assert 0 < len(of_chunk) < chunk_rows + 5
            if 0 < resumed < len(of_chunk):
                place = of_chunk[resumed - 1][-1]
                of_chunk[resumed:] = rows(data, Part(place, part.end, part.end_line))
            together += of_chunk
        assert together == whole


def test_chunks_with_an_order_end_with_the_one_that_settles_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of any object, and there are at most 200."""
    route = Route("r", "**", "parquet", "t", other_columns="keep", order="file")
    with readers_here():
        found = spans(written([1] * 500), 1, monkeypatch, route)
    assert isinstance(found, list)
    assert (len(found), found[-1].first_line) == (168, 0)


def test_footer_alone_says_where_to_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is read for it."""
    data = written([50_000] * 12)
    one = opened(data)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 100_000 / ITEMS_PER_S)
    found = spans_of(one, ROUTE, CONFIG, 300.0)
    assert isinstance(found, list)
    assert [(span.first_line, span.end_line) for span in found[:2]] == [(1, 100_001), (100_001, 200_001)]
    assert (len(found), found[-1].end_line) == (6, None)
    assert one.bytes_read < 600_000 < len(data)


@pytest.mark.parametrize(
    ("groups", "wanted", "begins"),
    [
        ([], 10, [0]),
        ([100], 10, [0]),
        ([7, 7], 10, [0]),
        ([8, 8], 10, [0]),
        ([5] * 6, 10, [0, 2, 4]),
        ([0, 0, 9, 0, 9, 9], 9, [0, 4, 5]),
        ([1, 99, 1], 10, [0, 2]),
    ],
)
def test_row_groups_are_joined_to_about_the_wanted_rows(groups: list[int], wanted: int, begins: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is not worth a cut stays one."""
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 1)
    assert row_groups_for([RowGroup(4, rows) for rows in groups], wanted, 100) == begins
    assert len(row_groups_for([RowGroup(4, rows) for rows in groups], 0.1, 2)) <= 2
