"""Parquet: each encoding and each form of a type that writers may choose has the same values."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from decode.tables import rows
from decode.test_parquet import failure, written
from headrace.decode import in_child
from headrace.record import Number

TEXTS = ["", "ä", "apple", "apples", None, "apple"] * 50
NUMBERS = [0, -1, 2**31 - 1, -(2**31), None, 7] * 50


@pytest.mark.parametrize(
    ("kind", "values", "encodings"),
    [
        (pa.string(), TEXTS, ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "RLE_DICTIONARY"]),
        (pa.large_string(), TEXTS, ["PLAIN", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY"]),
        (pa.string_view(), TEXTS, ["PLAIN", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY"]),
        (pa.binary_view(), [None if text is None else text.encode() for text in TEXTS], ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "RLE_DICTIONARY"]),
        (pa.binary(2), [b"ab", None, b"ac"] * 50, ["PLAIN", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT", "RLE_DICTIONARY"]),
        (pa.int32(), NUMBERS, ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "RLE_DICTIONARY"]),
        (pa.int64(), NUMBERS, ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "RLE_DICTIONARY"]),
        (pa.bool_(), [True, None, False] * 50, ["PLAIN", "RLE"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_values_are_those_that_were_written_in_any_encoding(kind: pa.DataType, values: list[Any], encodings: list[str], version: str) -> None:
    """Also where the texts of a column are not in a dictionary, or the dictionary was given up midway."""
    table = pa.table({"v": pa.array(values, kind)})
    for encoding in encodings:
        is_dictionary = encoding == "RLE_DICTIONARY"
        chosen = {"use_dictionary": True, "dictionary_pagesize_limit": 8} if is_dictionary else {"use_dictionary": False, "column_encoding": {"v": encoding}}
        data = written(table, data_page_version=version, data_page_size=64, row_group_size=77, **chosen)
        assert rows(data, "parquet") == [{"v": value} for value in values], encoding


@pytest.mark.parametrize("precision", [9, 18, 38])
@pytest.mark.parametrize("as_integer", [False, True])
def test_decimal_of_any_physical_type_is_exact(precision: int, as_integer: bool) -> None:
    """As a whole number of 32 or 64 bits, or as bytes."""
    largest = Decimal("9" * (precision - 2) + ".99")
    table = pa.table({"v": pa.array([largest, largest.copy_negate(), Decimal("0.01"), None], pa.decimal128(precision, 2))})
    found = rows(written(table, store_decimal_as_integer=as_integer), "parquet")
    assert found == [{"v": Number(largest)}, {"v": Number(largest.copy_negate())}, {"v": Number("0.01")}, {"v": None}]


@pytest.mark.parametrize(("unit", "digits"), [("s", 3), ("ms", 3), ("us", 6), ("ns", 9)])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "+05:30"])
def test_timestamp_of_any_unit_and_zone_is_the_instant(unit: Any, digits: int, zone: str | None) -> None:
    """Parquet keeps the instant and whether it is one, not the zone; seconds are kept as milliseconds."""
    moments = [datetime.datetime(1969, 12, 31, 23, 59, 59), datetime.datetime(2024, 2, 29), datetime.datetime(1700, 1, 1)]
    table = pa.table({"v": pa.array(moments, pa.timestamp(unit)).view(pa.timestamp(unit, zone))})
    expected = [f"{moment.isoformat()}.{'0' * digits}{'Z' if zone else ''}" for moment in moments]
    assert rows(written(table), "parquet") == [{"v": text} for text in expected]


@pytest.mark.parametrize("is_compliant", [False, True])
def test_nested_value_is_the_same_however_its_lists_are_named(is_compliant: bool) -> None:
    """`element` or `item`; lists of lists, of structs with lists, and maps of maps."""
    kind = pa.struct({"l": pa.list_(pa.list_(pa.int8())), "s": pa.large_list(pa.struct({"x": pa.list_(pa.string(), 2)})), "v": pa.list_view(pa.int8())})
    values = [{"l": [[1], [], None], "s": [{"x": ["a", None]}, None], "v": [1]}, None, {"l": [], "s": None, "v": []}]
    maps = pa.array([[("a", [("b", 1)])], [], None], pa.map_(pa.string(), pa.map_(pa.string(), pa.int8())))
    data = written(pa.table({"v": pa.array(values, kind), "m": maps}), use_compliant_nested_type=is_compliant)
    assert rows(data, "parquet") == [{"v": value, "m": named} for value, named in zip(values, [{"a": {"b": 1}}, {}, None], strict=True)]


def test_map_with_keys_that_are_no_texts_has_them_as_texts() -> None:
    """As JSON has them."""
    kind = pa.map_(pa.struct({"x": pa.int8()}), pa.int8())
    assert rows(written(pa.table({"m": pa.array([[({"x": 1}, 2)]], kind)})), "parquet") == [{"m": {'{"x":1}': 2}}]


def test_page_with_a_wrong_checksum_is_damage() -> None:
    """Where the writer left one, it is looked at."""
    data = bytearray(written(pa.table({"v": [b"abcdefgh"]}), write_page_checksum=True, write_statistics=False, compression="none", use_dictionary=False))
    at = data.index(b"abcdefgh")
    data[at] ^= 1
    assert failure(bytes(data)).code == "PARQUET_DAMAGED"
    data[at] ^= 1
    assert rows(bytes(data), "parquet") == [{"v": b"abcdefgh"}]


def test_type_that_the_library_cannot_read_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is not damaged, and the columns that can be read may be."""
    data = written(pa.table({"id": [1], "v": pa.array([1], pa.int8())}))
    cut = "; import headrace.decode.arrow as a; a._CONVERSIONS[:] = a._CONVERSIONS[:1]; "
    monkeypatch.setattr(in_child, "PROGRAM", in_child.PROGRAM.replace("; main(", cut + "main("))
    error = failure(data, in_child=True)
    assert (error.code, error.hint) == ("PARQUET_UNSUPPORTED", "write the file without it, or leave the column out with `other_columns: drop`")
    assert "int64" in error.message
