"""Avro, Excel, Ion and DynamoDB JSON: each type exactly, and damaged input that ends in an error."""

from __future__ import annotations

import datetime
import io
import json
import random
from decimal import Decimal
from typing import Any

import fastavro
import openpyxl
import pytest
from amazon.ion import simpleion

from decode.tables import readers_here, records, rows
from headrace.config.model import Limits, Route
from headrace.errors import ObjectError
from headrace.ledger.entries import Span
from headrace.record import Number, Rejection, Start
from headrace.types import AVRO_TYPES, DYNAMODB_TYPES, ION_TYPES, PAGE_PATH, XLSX_TYPES, page
from split.cases import Case

UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=UTC)


def test_page_of_types_is_generated() -> None:
    """``python -m headrace.types`` writes it."""
    assert PAGE_PATH.read_text(encoding="utf-8") == page()


AVRO: dict[str, list[tuple[Any, Any, Any]]] = {
    "null": [("null", None, None)],
    "boolean": [("boolean", True, True)],
    "int, long": [("int", -1, -1), ("long", 2**63 - 1, 2**63 - 1)],
    "float": [("float", 0.1, Number("0.1")), ("float", 16777216.0, Number("16777216.0"))],
    "double": [("double", 0.1, Number("0.1"))],
    "bytes, fixed": [("bytes", b"\0", b"\0"), ({"type": "fixed", "name": "f2", "size": 2}, b"ab", b"ab")],
    "string, enum": [("string", "ä", "ä"), ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", "B")],
    "array": [({"type": "array", "items": "float"}, [0.5, 0.1], [Number("0.5"), Number("0.1")])],
    "map, record": [
        ({"type": "map", "values": "int"}, {"k": 1}, {"k": 1}),
        ({"type": "record", "name": "inner", "fields": [{"name": "x", "type": "double"}]}, {"x": 1.5}, {"x": Number("1.5")}),
    ],
    "union": [(["null", "float"], 0.1, Number("0.1")), (["null", "float"], None, None), (["int", "string", "double"], "x", "x")],
    "decimal": [({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, Decimal("1.50"), Number("1.50"))],
    "uuid": [({"type": "string", "logicalType": "uuid"}, "00000000-0000-0000-0000-000000000005", "00000000-0000-0000-0000-000000000005")],
    "date": [({"type": "int", "logicalType": "date"}, MOMENT.date(), "2024-02-29"), ({"type": "int", "logicalType": "date"}, -719_528, "0000-01-01")],
    "time-millis, time-micros": [
        ({"type": "int", "logicalType": "time-millis"}, MOMENT.time(), "01:02:03.004"),
        ({"type": "long", "logicalType": "time-micros"}, MOMENT.time(), "01:02:03.004000"),
    ],
    "timestamp-millis, -micros, -nanos": [
        ({"type": "long", "logicalType": "timestamp-millis"}, MOMENT, "2024-02-29T01:02:03.004Z"),
        ({"type": "long", "logicalType": "timestamp-micros"}, 2**62, "+148108-07-06T14:00:27.387904Z"),
        ({"type": "long", "logicalType": "timestamp-nanos"}, -1, "1969-12-31T23:59:59.999999999Z"),
    ],
    "local-timestamp-millis, -micros, -nanos": [
        ({"type": "long", "logicalType": "local-timestamp-micros"}, MOMENT.replace(tzinfo=None), "2024-02-29T01:02:03.004000")
    ],
}
"""For each row of the table of types: schemas, values, and what the values become."""


def avro(schema: Any, values: list[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    record = {"type": "record", "name": "r", "fields": [{"name": "v", "type": schema}]}
    fastavro.writer(out, record, [{"v": value} for value in values], **options)
    return out.getvalue()


@pytest.mark.parametrize("name", AVRO)
def test_avro_type_becomes_what_the_table_says(name: str) -> None:
    """Each row of the table."""
    assert {source for source, _, _ in AVRO_TYPES} == {*AVRO, "NaN, Infinity"}
    for schema, value, expected in AVRO[name]:
        (found,) = rows(avro(schema, [value]), "avro")
        assert found == {"v": expected}
        assert type(found["v"]) is type(expected)


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy", "zstandard", "lz4"])
def test_avro_of_any_codec_is_read_with_its_blocks_as_places(codec: str) -> None:
    """A value that is no number rejects its record; reading goes on anywhere."""
    data = avro("double", [1.5, float("nan"), 2.0] * 20, codec=codec, sync_interval=100)
    found = records(data, "avro")
    assert [row if isinstance(row, dict) else row.code for row, _, _ in found[:3]] == [{"v": Number("1.5")}, "NUMBER_INVALID", {"v": Number("2.0")}]
    assert [line for _, line, _ in found] == list(range(1, 61))
    assert len({offset for _, _, offset in found}) > 2
    assert records(data, "avro", start=Start(found[40][2], 41)) == found[40:]


def test_avro_that_is_damaged_or_lies_is_an_error() -> None:
    """Cut within a block, changed, or with a block that claims more records than bytes."""
    data = avro("string", ["abc"] * 50, codec="null")
    for at in range(20, len(data) - 1, 7):
        with pytest.raises(ObjectError) as caught:
            records(data[:at], "avro")
        assert caught.value.code in ("AVRO_DAMAGED", "FORMAT_UNEXPECTED")
    sync = data[-16:]
    begin = data.index(sync) + 16
    giant = data[:begin] + b"\xfe\xff\xff\xff\x0f" + data[begin + 1 :]
    with pytest.raises(ObjectError) as caught:
        records(giant, "avro", in_child=True)
    assert caught.value.code == "AVRO_DAMAGED"


def workbook(*table: list[Any], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in table:
        sheet.append(row)
    for place, form in (formats or {}).items():
        sheet[place].number_format = form
    book.create_sheet("second").append(["only"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_types_become_what_the_table_says() -> None:
    """Each row of the table; rows are numbered as Excel numbers them, blank ones are none."""
    cells: dict[str, tuple[Any, Any]] = {
        "empty cell": (None, None),
        "number": (0.1, Number("0.1")),
        "text (shared or inline)": ("ä", "ä"),
        "boolean": (True, True),
        "date": (datetime.date(2024, 2, 29), "2024-02-29"),
        "date with time": (datetime.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03"),
        "time": (datetime.time(1, 2, 3), "01:02:03"),
        "elapsed time (`[h]:mm`)": (datetime.timedelta(hours=25), "25:00:00"),
        "formula": ("=1+1", None),
    }
    assert {source for source, _, _ in XLSX_TYPES} == {*cells, "error such as `#DIV/0!`"}
    data = workbook([], list(cells), [value for value, _ in cells.values()], [], [7, 2**40, 1e300])
    found = records(data, "xlsx", in_child=True)
    assert [(row, line) for row, line, _ in found] == [
        ({name: expected for name, (_, expected) in cells.items() if expected is not None}, 3),
        ({"empty cell": 7, "number": 2**40, "text (shared or inline)": Number("1e+300")}, 5),
    ]


def test_xlsx_errors_and_values_beyond_the_header_reject_their_row() -> None:
    """The other rows go on."""
    assert rows(workbook(["a", "b"], ["#DIV/0!", 1], [1, 2, 3], [1, 2]), "xlsx") == ["CELL_ERROR", "FIELD_COUNT", {"a": 1, "b": 2}]


def test_xlsx_sheet_is_found_by_name() -> None:
    """One that is not there is an error that lists those that are."""
    data = workbook(["a"], [1])
    assert rows(data, "xlsx", sheet="second", header=["h"]) == [{"h": "only"}]
    with pytest.raises(ObjectError, match="found the sheets 'Sheet', 'second'") as caught:
        rows(data, "xlsx", sheet="third")
    assert caught.value.code == "SHEET_MISSING"
    for table in ([["a", "a"]], [["a", None, "b"]]):
        with pytest.raises(ObjectError) as caught:
            rows(workbook(*table), "xlsx")
        assert caught.value.code in ("HEADER_DUPLICATE", "HEADER_INVALID")


def test_xlsx_names_that_are_empty_or_twice_are_numbered_where_the_route_says_so() -> None:
    """As in CSV; cells on the right of the last name have none."""
    data = workbook(["a", None, "a", "b", None], [1, 2, 3, 4], [5, None, None, 6], [7, 8, 9, 10, 11])
    expected = [{"a": 1, "column_2": 2, "a_2": 3, "b": 4}, {"a": 5, "b": 6}, "FIELD_COUNT"]
    assert rows(data, "xlsx", header_names="number") == expected


def test_xlsx_that_is_damaged_is_an_error() -> None:
    """Cut, or with changed bytes."""
    data, chance = workbook(["a"], *([number] for number in range(50))), random.Random(1)
    for _ in range(20):
        with pytest.raises(ObjectError) as caught:
            rows(data[: chance.randrange(10, len(data) - 30)], "xlsx")
        assert caught.value.code in ("XLSX_DAMAGED", "FORMAT_UNEXPECTED")


ION: dict[str, tuple[str, Any]] = {
    "null of any type": ("null.blob", None),
    "bool": ("true", True),
    "int, decimal": ("[103, 103., 1.50, 12345678901234567890]", [103, Number("103"), Number("1.50"), 12345678901234567890]),
    "float": ("1e-1", Number("0.1")),
    "string, symbol": ('["ä", sym]', ["ä", "sym"]),
    "blob, clob": ("{{aGk=}}", b"hi"),
    "timestamp": ("2024-01-01T00:00:00.50+02:00", "2024-01-01T00:00:00.50+02:00"),
    "list, sexp": ("(1 [])", [1, []]),
    "list with $dynamodb_SS, _NS or _BS": ('$dynamodb_SS::["b", "a"]', frozenset(("a", "b"))),
    "struct": ("{a: {b: 1}}", {"a": {"b": 1}}),
}


@pytest.mark.parametrize("is_binary", [False, True])
def test_ion_types_become_what_the_table_says(is_binary: bool) -> None:
    """Text with an item on each line, and binary."""
    assert {source for source, _, _ in ION_TYPES} == {*ION}
    text = "$ion_1_0\n" + "".join(f"{{Item:{{v:{value}}}}}\n" for value, _ in ION.values())
    data = simpleion.dumps(simpleion.loads(text, single_value=False), binary=True, sequence_as_stream=True) if is_binary else text.encode()
    assert rows(data, "ion") == [{"v": expected} for _, expected in ION.values()]


def test_ion_places_and_rejections_are_those_of_lines_and_values() -> None:
    """What is wrong with one line rejects that line alone."""
    text = b"{Item:{v:1}}\n{Item:\n[1]\n{v:nan}\n\n{Item:{v:2}}"
    found = records(text, "ion")
    assert [(row if isinstance(row, dict) else row.code, line) for row, line, _ in found] == [
        ({"v": 1}, 1), ("ION_INVALID", 2), ("ION_NOT_STRUCT", 3), ("NUMBER_INVALID", 4), ({"v": 2}, 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code"), [("null.blob", "ION_NOT_STRUCT"), ("[1,a::null]", "ION_NOT_STRUCT"), ("{NewImage:null.int,Keys:1,Metadata:{}}", "ION_INVALID")]
)
@pytest.mark.parametrize("is_binary", [False, True])
def test_ion_that_is_rejected_is_kept_as_ion_text(line: str, code: str, is_binary: bool) -> None:
    """Not as what Python calls the object that stands for it, which is another one each time."""
    text = f"{{Item:{{v:1}}}}\n{line}\n"
    data = simpleion.dumps(simpleion.loads(text, single_value=False), binary=True, sequence_as_stream=True) if is_binary else text.encode()
    _, (rejection, *_) = records(data, "ion")
    assert isinstance(rejection, Rejection)
    assert (rejection.code, json.loads(rejection.raw)) == (code, {"ion": line})


def test_ion_when_reading_stops_among_the_first_rows_goes_on_after_them() -> None:
    """All rows of a batch are at its first byte, which is 0 for the first: the number of the row says where reading goes on."""
    case = Case(b"".join(b"{Item:{v:%d}}\n" % number for number in range(5)), Route("r", "**", "ion", "t", other_columns="keep"), chunk_bytes=10)
    with readers_here():
        whole = case.records()
        assert [case.chunked([Span(0, None, 1)], resumed) for resumed in (1, 2, 4)] == [whole] * 3
    assert [seen.what for seen in whole[1:]] == [{"v": number} for number in range(5)]


@pytest.mark.parametrize("line_end", [b"\n", b""])
@pytest.mark.parametrize("piece", [1, 7, 100])
def test_ion_line_beyond_the_limit_is_an_error_however_its_pieces_come(piece: int, line_end: bytes) -> None:
    """The line end does not count."""
    line = b"{Item:{v:12}}"
    for limit in (len(line), len(line) - 1):
        case = Case(line + line_end, Route("r", "**", "ion", "t", other_columns="keep"), chunk_bytes=10, limits=Limits(record_bytes_max=limit), largest=piece)
        with readers_here():
            assert [seen.what for seen in case.records()[1:]] == [{"v": 12} if limit == len(line) else "ION_DAMAGED"]


def test_ion_that_is_cut_is_an_error() -> None:
    """Binary values have lengths."""
    data = simpleion.dumps([{"Item": {"v": "x" * 30}}] * 3, binary=True, sequence_as_stream=True)
    whole = rows(data, "ion")
    for at in range(4, len(data)):
        try:
            assert rows(data[:at], "ion") == whole[: len(rows(data[:at], "ion"))]
        except ObjectError as error:
            assert error.code == "ION_DAMAGED"


TYPED: dict[str, tuple[Any, Any]] = {
    "S": ("", ""), "N": ("1.50", Number("1.50")), "B": ("aGk=", b"hi"), "BOOL": (False, False), "NULL": (True, None), "L": ([{"N": "1"}], [Number("1")]),
    "M": ({"a": {"NULL": True}}, {"a": None}), "SS": (["a"], frozenset(["a"])), "NS": (["1"], frozenset([Number("1")])), "BS": (["aGk="], frozenset([b"hi"])),
}  # fmt: skip


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_dynamodb_json_types_are_kept() -> None:
    """As an export has them on lines, and as a scan prints them."""
    assert {source for source, _, _ in DYNAMODB_TYPES} == {*TYPED}
    item = {kind: {kind: value} for kind, (value, _) in TYPED.items()}
    expected = {kind: value for kind, (_, value) in TYPED.items()}
    assert rows(lines({"Item": item}, {"Item": item}), "dynamodb_json") == [expected] * 2
    scan = json.dumps({"Items": [item, item], "Count": 2, "ScannedCount": 2, "ConsumedCapacity": None}, indent=4).encode()
    assert rows(scan, "dynamodb_json") == [expected] * 2


def test_incremental_export_gives_images_with_their_operation() -> None:
    """Without `operation` a deletion is rejected."""
    keys, image = {"id": {"N": "1"}}, {"id": {"N": "1"}, "v": {"S": "x"}}
    metadata = {"WriteTimestampMicros": {"N": "1680109764000000"}}
    data = lines(
        {"Metadata": metadata, "Keys": keys, "NewImage": image},
        {"Metadata": metadata, "Keys": keys, "OldImage": image, "NewImage": image},
        {"Metadata": metadata, "Keys": keys, "OldImage": image},
    )
    row = {"id": Number("1"), "v": "x"}
    assert rows(data, "dynamodb_json", operation="op") == [row | {"op": "I"}, row | {"op": "U"}, {"id": Number("1"), "op": "D"}]
    assert rows(data, "dynamodb_json") == [row, row, "DELETE_UNEXPECTED"]


def test_incremental_export_in_ion_is_read_as_one_in_dynamodb_json() -> None:
    """With `Record` around each change, as the service writes it, and without; what is no image rejects its record."""
    changes = ["Keys:{id:1.},Metadata:{WriteTimestampMicros:1.},NewImage:{id:1.,v:x}", "Keys:{id:1.},Metadata:{},NewImage:{id:1.,v:x},OldImage:{id:1.}"]
    changes += ["Keys:{id:1.},Metadata:{},OldImage:{id:1.}", "Keys:{id:1.},Metadata:{},NewImage:5"]
    row = {"id": Number("1"), "v": "x"}
    for form in ("$ion_1_0 {Record:{%s}}\n", "{%s}\n"):
        text = "".join(form % change for change in changes).encode()
        assert rows(text, "ion", operation="op") == [row | {"op": "I"}, row | {"op": "U"}, {"id": Number("1"), "op": "D"}, "ION_INVALID"]
        assert rows(text, "ion") == [row, row, "DELETE_UNEXPECTED", "ION_INVALID"]
    assert rows(b"{Record:{v:1}}", "ion") == [{"Record": {"v": 1}}]


@pytest.mark.parametrize("value", [1, {"S": 1}, {"N": 5}, {"B": "!"}, {"BOOL": "true"}, {"NULL": False}, {"X": "a"}, {"S": "a", "N": "1"}, {}, {"SS": "a"}])
def test_value_without_a_type_rejects_its_record(value: Any) -> None:
    """And its neighbours go on."""
    found = rows(lines({"Item": {"v": value}}, {"Item": {"v": {"S": "x"}}}, {"v": {"S": "x"}}), "dynamodb_json")
    assert found == ["DYNAMODB_JSON_INVALID", {"v": "x"}, "DYNAMODB_JSON_INVALID"]


def test_manifest_of_an_export_is_no_data() -> None:
    """The message says which files are."""
    with pytest.raises(ObjectError, match="manifest") as caught:
        rows(lines({"itemCount": 8, "md5Checksum": "x", "etag": "y", "dataFileS3Key": "AWSDynamoDB/1/data/a.json.gz"}), "dynamodb_json")
    assert caught.value.code == "FORMAT_UNEXPECTED"
