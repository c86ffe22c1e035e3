"""Parquet and ORC: every type exactly, few requests, and hostile files that end in an error."""

from __future__ import annotations

import datetime
import io
import random
import resource
import uuid
from decimal import Decimal
from typing import Any

import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from decode.tables import NUMBER, Bytes, records, rows
from headrace.config.model import Limits
from headrace.decode import in_child
from headrace.errors import ObjectError
from headrace.record import Number, Start
from headrace.types import PARQUET_TYPES

UTC = datetime.UTC
COLUMNS: dict[str, tuple[pa.DataType, Any, Any]] = {
    "boolean": (pa.bool_(), True, True),
    "int8 … int64": (pa.int64(), -(2**63), -(2**63)),
    "uint8 … uint64": (pa.uint64(), 2**64 - 1, 2**64 - 1),
    "float16": (pa.float16(), 1.5, Number("1.5")),
    "float32": (pa.float32(), 0.1, Number("0.1")),
    "float64": (pa.float64(), 0.1, Number("0.1")),
    "decimal": (pa.decimal128(38, 2), Decimal("123456789012345678901234567890123456.50"), Number("123456789012345678901234567890123456.50")),
    "date": (pa.date32(), datetime.date(2024, 2, 29), "2024-02-29"),
    "time": (pa.time64("us"), datetime.time(1, 2, 3, 4), "01:02:03.000004"),
    "timestamp, UTC-adjusted": (pa.timestamp("ms", tz="Europe/Berlin"), datetime.datetime(2024, 1, 1, 1, tzinfo=UTC), "2024-01-01T01:00:00.000Z"),
    "timestamp, local": (pa.timestamp("us"), datetime.datetime(2024, 1, 1, 1, 0, 0, 5), "2024-01-01T01:00:00.000005"),
    "duration (of Arrow)": (pa.duration("ms"), datetime.timedelta(seconds=-2), -2000),
    "string, JSON": (pa.string(), "ä", "ä"),
    "enum": (pa.dictionary(pa.int32(), pa.string()), "red", "red"),
    "UUID": (pa.uuid(), uuid.UUID(int=5).bytes, "00000000-0000-0000-0000-000000000005"),
    "binary, fixed binary, BSON, interval": (pa.binary(3), b"\0\1\2", b"\0\1\2"),
    "list": (pa.list_(pa.int32()), [1, None], [1, None]),
    "map": (pa.map_(pa.int32(), pa.float32()), [(1, 0.1)], {"1": Number("0.1")}),
    "struct": (pa.struct({"a": pa.string(), "b": pa.list_(pa.decimal128(3, 1))}), {"a": None, "b": [Decimal("1.0")]}, {"a": None, "b": [Number("1.0")]}),
    "null": (pa.null(), None, None),
}
"""For each row of the table of types: an Arrow type, a value, and what the value becomes. INT96 and what is no value have tests of their own."""


def written(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def failure(data: bytes, format: str = "parquet", **options: Any) -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        records(data, format, **options)
    return caught.value


def test_every_row_of_the_table_of_types_has_its_test() -> None:
    """The table in the documentation is this list, and the three kinds tested below."""
    assert {source for source, _, _ in PARQUET_TYPES} == {*COLUMNS, "INT96 (old timestamps)", "NaN, Infinity"}


def test_types_become_what_the_table_says() -> None:
    """Each type beside the null of it."""
    table = pa.table({name: pa.array([value, None], kind) for name, (kind, value, _) in COLUMNS.items()})
    for data in (written(table), written(table, use_dictionary=False, compression="zstd", data_page_version="2.0", version="2.6")):
        assert rows(data, "parquet") == [{name: expected for name, (_, _, expected) in COLUMNS.items()}, dict.fromkeys(COLUMNS)]


def test_values_that_no_item_can_hold_reject_their_record_alone() -> None:
    """Also deep inside; the record is kept as JSON."""
    kinds = pa.struct({"l": pa.list_(pa.float64())})
    table = pa.table({"f": [1.5, float("nan"), 0.0, 1.0], "s": pa.array([None, None, {"l": [float("-inf")]}, {"l": []}], kinds)})
    found = records(written(table), "parquet")
    assert [(getattr(row, "code", row), line) for row, line, _ in found] == [
        ({"f": Number("1.5"), "s": None}, 1),
        ("NUMBER_INVALID", 2),
        ("NUMBER_INVALID", 3),
        ({"f": Number("1"), "s": {"l": []}}, 4),
    ]
    assert (found[1][0].column, found[1][0].raw) == ("f", b'{"f":"nan","s":null}\n') or found[1][0].raw == b'{"f":"NaN","s":null}\n'
    double = pa.table({"m": pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8()))})
    assert rows(written(double), "parquet") == ["MAP_DUPLICATE_NAME"]


def test_int96_becomes_microseconds_without_zone() -> None:
    """Years that nanoseconds cannot hold included."""
    table = pa.table({"t": pa.array([datetime.datetime(2024, 1, 1, 1, 0, 0, 5), datetime.datetime(1600, 1, 1)], pa.timestamp("us"))})
    assert rows(written(table, use_deprecated_int96_timestamps=True), "parquet")[0] == {"t": "2024-01-01T01:00:00.000005"}


values = st.fixed_dictionaries(
    {
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "s": st.none() | st.text(max_size=5),
        "b": st.none() | st.binary(max_size=5),
        "d": st.none() | st.dates(),
        "t": st.none() | st.datetimes(),
        "l": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "o": st.none() | st.fixed_dictionaries({"x": st.none() | st.integers(0, 9), "y": st.booleans()}),
    }
)
POLARS = {"i": polars.Int64, "f": polars.Float64, "s": polars.String, "b": polars.Binary, "d": polars.Date, "t": polars.Datetime("us")}
POLARS |= {"l": polars.List(polars.String), "o": polars.Struct({"x": polars.Int64, "y": polars.Boolean})}


def expected(row: dict[str, Any]) -> dict[str, Any]:
    time = row["t"]
    return row | {
        "f": None if row["f"] is None else Decimal(repr(row["f"])),
        "d": None if row["d"] is None else row["d"].isoformat(),
        "t": None if time is None else time.isoformat(timespec="microseconds"),
    }


@settings(max_examples=15, deadline=None)
@given(st.lists(values, min_size=1, max_size=12), st.integers(1, 5), st.sampled_from(["zstd", "snappy", "lz4", "gzip", "uncompressed"]))
def test_tables_of_another_writer_are_read_exactly(table: list[dict[str, Any]], group: int, compression: Any) -> None:
    """Written by polars, whose Parquet writer is its own."""
    out = io.BytesIO()
    polars.DataFrame(table, schema=POLARS).write_parquet(out, compression=compression, row_group_size=group)
    found = rows(out.getvalue(), "parquet")
    for row in found:
        row["f"] = None if row["f"] is None else Decimal(row["f"])
    assert found == [expected(row) for row in table]


def test_places_are_row_groups_and_reading_goes_on_at_any_record() -> None:
    """A record's offset is that of its row group; what came before is not fetched again."""
    data = written(pa.table({"i": range(10)}), row_group_size=3)
    whole = records(data, "parquet")
    assert [line for _, line, _ in whole] == list(range(1, 11))
    assert len({offset for _, _, offset in whole}) == 4
    assert whole[0][2] == 4
    for record, line, offset in whole:
        assert records(data, "parquet", start=Start(offset, line))[0] == (record, line, offset)


@pytest.mark.parametrize("groups", [[0], [0, 2], [2, 0], [1, 0, 0, 1]])
def test_row_group_without_rows_is_none(groups: list[int]) -> None:
    """Writers that flush by the clock leave some."""
    out, schema = io.BytesIO(), pa.schema({"i": pa.int64()})
    with pq.ParquetWriter(out, schema) as writer:
        for rows_of_group in groups:
            writer.write_table(pa.table({"i": [7] * rows_of_group}, schema))
    assert rows(out.getvalue(), "parquet") == [{"i": 7}] * sum(groups)


def test_only_named_columns_are_fetched_with_few_requests() -> None:
    """With `other_columns: drop`: head, footer, and one request for a row group."""
    chance = random.Random(1)
    wide = {f"c{index}": [chance.random() for _ in range(20_000)] for index in range(40)}
    source = Bytes(written(pa.table({"id": range(20_000), **wide})))
    found = rows(source, "parquet", columns={"id": NUMBER}, other_columns="drop")
    assert found == [{"id": number} for number in range(20_000)]
    assert len(source.asked) <= 3  # the first also holds the column, which stands first in the file
    assert sum((end or 0) - start for start, end in source.asked[1:]) < 300_000 < len(source.data) / 10


def test_missing_and_unknown_columns_are_told_from_the_schema() -> None:
    """Before a record is read."""
    data = written(pa.table({"id": [1], "v": [2]}))
    assert failure(data, columns={"idd": NUMBER}).code == "HEADER_MISSING_COLUMN"
    assert failure(data, columns={"id": NUMBER}, other_columns="reject").code == "HEADER_UNKNOWN_COLUMN"
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert failure(written(twice)).code == "HEADER_DUPLICATE"


def test_row_group_that_does_not_fit_is_refused_before_it_is_fetched() -> None:
    """The hint says what to write or to raise."""
    chance = random.Random(2)
    source = Bytes(written(pa.table({"b": [chance.randbytes(1 << 20) for _ in range(18)]}), use_dictionary=False))
    with pytest.raises(ObjectError, match="row group 1 has") as caught:
        records(source, "parquet", limits=Limits(reader_bytes_max=1 << 24))
    assert caught.value.code == "ROW_GROUP_TOO_LARGE"
    assert "limits.reader_bytes_max" in caught.value.hint
    assert len(source.asked) == 2


def test_later_row_group_that_does_not_fit_is_refused_before_the_first_row() -> None:
    """All of them are looked at in the footer: nothing is read that would have to be loaded in part."""
    chance, out = random.Random(2), io.BytesIO()
    small = pa.table({"b": [b"x"]})
    with pq.ParquetWriter(out, small.schema, use_dictionary=False) as writer:
        writer.write_table(small)
        writer.write_table(pa.table({"b": [chance.randbytes(1 << 20) for _ in range(18)]}))
    source = Bytes(out.getvalue())
    with pytest.raises(ObjectError, match="row group 2 has") as caught:
        records(source, "parquet", limits=Limits(reader_bytes_max=1 << 24))
    assert caught.value.code == "ROW_GROUP_TOO_LARGE"
    assert len(source.asked) == 2  # the beginning and the footer


def test_small_file_of_a_large_repeated_value_takes_little_memory_here() -> None:
    """20 GB in a few kilobytes: the value is made once for each batch, or the reader is refused more memory."""
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * (1 << 20)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert len(rows(written(pa.table({"s": repeated})), "parquet", in_child=True)) == 20_000
    except ObjectError as error:
        assert error.code in ("MEMORY_EXCEEDED", "PARQUET_DAMAGED")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


@pytest.mark.parametrize("format", ["parquet", "orc"])
def test_damaged_file_is_an_error_and_never_a_crash(format: str) -> None:
    """Cut anywhere, and with changed bytes; a process of its own takes what the library does to itself."""
    table = pa.table({"i": range(30), "s": ["x", "y", "z"] * 10})
    out = io.BytesIO()
    orc.write_table(table, out) if format == "orc" else pq.write_table(table, out)
    data, chance = out.getvalue(), random.Random(3)
    assert len(rows(data, format, in_child=True)) == 30
    for _ in range(3):
        assert failure(data[: chance.randrange(1, len(data))], format, in_child=True).code in (f"{format.upper()}_DAMAGED", "FORMAT_UNEXPECTED")
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(len(data) - 400, len(data))] = chance.randrange(256)
        try:
            records(bytes(damaged), format, in_child=True)
        except ObjectError as error:
            assert error.code in (f"{format.upper()}_DAMAGED", "MEMORY_EXCEEDED", "PARQUET_FOOTER_TOO_LARGE", "ROW_GROUP_TOO_LARGE")


def test_crash_of_the_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is gone, and the message says by what."""
    crash = in_child.PROGRAM.replace("from headrace.decode.child import main; main(int(sys.argv[1]))", "import os; os.abort()")
    monkeypatch.setattr(in_child, "PROGRAM", crash)
    error = failure(written(pa.table({"i": [1]})), in_child=True)
    assert error.code == "PARQUET_DAMAGED"
    assert "SIGABRT" in error.message


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install stands in the hint."""
    without = in_child.PROGRAM.replace("from headrace", "sys.modules['pyarrow'] = None; from headrace")
    monkeypatch.setattr(in_child, "PROGRAM", without)
    error = failure(written(pa.table({"i": [1]})), in_child=True)
    assert error.code == "EXTRA_MISSING"
    assert "headrace[parquet]" in error.hint


@pytest.mark.parametrize(("content", "seen"), [(b"id,name\n1,x\n", "text that begins with 'id,name'"), (b"\x1f\x8b\x08", "gzip content"), (b"", "nothing")])
def test_another_format_is_named(content: bytes, seen: str) -> None:
    """As it was seen."""
    error = failure(content)
    assert (error.code, error.message) == ("FORMAT_UNEXPECTED", f"found {seen}, expected Parquet")


def test_orc_is_read_as_parquet_is() -> None:
    """The types that both have."""
    names = ["boolean", "int8 … int64", "float32", "float64", "decimal", "date", "string, JSON", "list", "map"]
    table = pa.table({name: pa.array([COLUMNS[name][1], None], COLUMNS[name][0]) for name in names})
    for compression in ("uncompressed", "zlib", "snappy", "lz4", "zstd"):
        out = io.BytesIO()
        orc.write_table(table, out, compression=compression)
        assert rows(out.getvalue(), "orc") == [{name: COLUMNS[name][2] for name in names}, dict.fromkeys(names)]
        assert rows(out.getvalue(), "orc", columns={"date": NUMBER}, other_columns="drop") == [{"date": "2024-02-29"}, {"date": None}]
