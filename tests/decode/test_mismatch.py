"""Every content in a route of every format: it is read, or the object fails and the message says what it is."""

from __future__ import annotations

import bz2
import gzip
import io
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from amazon.ion import simpleion
from pyarrow import orc

from decode.tables import Bytes, rows_here
from headrace.config.model import Limits, Route
from headrace.decode.in_child import Reader
from headrace.errors import ObjectError
from headrace.formats import DECODERS, RANGED_FORMATS, Content
from headrace.record import Rejection
from headrace.records import decompressed

TABLE = pa.table({"id": ["1", "2"], "name": ["x", "y"]})
ROWS = [["id", "name"], ["1", "x"], ["2", "y"]]


def binary(format: str) -> bytes:
    out = io.BytesIO()
    match format:
        case "parquet":
            pq.write_table(TABLE, out)
        case "orc":
            orc.write_table(TABLE, out)
        case "avro":
            fields = [{"name": name, "type": "string"} for name in TABLE.column_names]
            fastavro.writer(out, {"type": "record", "name": "r", "fields": fields}, TABLE.to_pylist())
        case "xlsx":
            book = openpyxl.Workbook()
            for row in ROWS:
                book.active.append(row)  # type: ignore[union-attr]  # a new book has a sheet
            book.save(out)
        case _:
            out.write(simpleion.dumps([{"Item": row} for row in TABLE.to_pylist()], binary=True, sequence_as_stream=True))
    return out.getvalue()


CONTENTS = {
    "csv": b"id,name\n1,x\n2,y\n",
    "tsv": b"id\tname\n1\tx\n2\ty\n",
    "fixed": b"1 x\n2 y\n",
    "jsonl": b'{"id":"1","name":"x"}\n{"id":"2","name":"y"}\n',
    "array": b'[{"id":"1","name":"x"},\n{"id":"2","name":"y"}]\n',
    "document": b'{\n "id": "1",\n "name": "x"\n}\n',
    "behind": b'{"id":"1"}{"id":"2"}\n',
    "items": b'{"Item":{"id":{"S":"1"}}}\n{"Item":{"id":{"S":"2"}}}\n',
    "scan": b'{\n "Items": [\n  {"id":{"S":"1"}}\n ],\n "Count": 1\n}\n',
    "ion text": b'$ion_1_0 {Item:{id:"1",name:"x"}}\n{Item:{id:"2"}}\n',
    "zeros": bytes(range(256)) * 4,
    "utf-16": '{"id":"1","name":"x"}\n'.encode("utf-16-le"),
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    **{format: binary(format) for format in ("parquet", "orc", "avro", "xlsx", "ion")},
}
JSON = ("jsonl", "array", "document", "behind", "items", "scan")
LINES = ("csv", "tsv", "fixed")
SEEN = {
    "parquet": "Parquet",
    "orc": "ORC",
    "avro": "Avro",
    "xlsx": "an Excel workbook (.xlsx)",
    "ion": "binary Ion",
    "xls": "an Excel workbook of the old kind",
}
SEEN |= {"ion text": "Ion text", "zeros": "binary content", "utf-16": "text in utf-16-le (`encoding: utf-16-le` reads it)"}
AS_JSON = {"csv": "delimited text", "tsv": "delimited text", "fixed": "text that is no JSON"}
DOCUMENT = "one JSON document (`format: json` reads it)"
BEHIND = "JSON values behind each other (`format: json_values` reads them)"
NO_TYPES = "JSON without the types of DynamoDB"
EXPECTED: dict[str, dict[str, str]] = {
    **{format: dict.fromkeys(JSON, "JSON") | SEEN for format in LINES},
    "jsonl": {"array": DOCUMENT, "document": DOCUMENT, "scan": DOCUMENT, "behind": BEHIND} | AS_JSON | SEEN,
    "json": dict.fromkeys(("jsonl", "items"), "JSON Lines (`format: jsonl` reads them)") | {"behind": "JSON_INVALID"} | AS_JSON | SEEN,
    "json_values": AS_JSON | SEEN,
    "dynamodb_json": dict.fromkeys(("jsonl", "array", "document"), NO_TYPES) | {"behind": BEHIND} | AS_JSON | SEEN,
    "ion": {"items": "DynamoDB JSON", "scan": "DynamoDB JSON", "document": "a value on several lines", "array": "text that begins with '[{"}
    | dict.fromkeys(LINES, "text that begins with")
    | {name: seen for name, seen in SEEN.items() if name not in ("ion", "ion text")}
    | {"utf-16": "binary content"},
}
"""By the route's format and the content, what the message says was found; a code for an error that says it in other words. Other pairs are read, for they may
be meant: text of another delimiter is one column (and the columns that the route names are missing), and JSON is also Ion, and DynamoDB JSON also JSON."""
for _format in ("parquet", "orc", "avro", "xlsx"):
    EXPECTED[_format] = {name: SEEN.get(name, "text that begins with") for name in CONTENTS if name != _format}
    EXPECTED[_format] |= {"ion text": "text that begins with '$ion_1_0", "utf-16": "binary content"}


def read(form: Any, data: bytes) -> list[Any]:
    """The records, as the function reads them."""
    widths = {"id": 2, "name": 1} if form == "fixed" else {}
    route, limits, source = Route("r", "**", form, "t", other_columns="keep", widths=widths), Limits(), Bytes(data)
    content = Content(route, limits, iter(()), ranges=source.ranges())
    if form not in RANGED_FORMATS:
        content = Content(route, limits, decompressed(source.pieces(0, None), route, limits))
    return [row for row, *_ in DECODERS[route.format](content)]


@pytest.fixture(autouse=True)
def readers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process for each pair."""
    assert Reader
    monkeypatch.setattr("headrace.binary.rows_in_child", rows_here)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("form", DECODERS)
def test_content_when_it_is_of_another_format_than_the_route_fails_and_is_named(form: Any, name: str) -> None:
    """Before a record is read; also when it is compressed, where the format can be."""
    found = EXPECTED[form].get(name)
    if found is None:
        assert read(form, CONTENTS[name])
        return
    with pytest.raises(ObjectError) as caught:
        read(form, CONTENTS[name])
    assert caught.value.code == (found if found == "JSON_INVALID" else "FORMAT_UNEXPECTED")
    assert caught.value.code == found or caught.value.message.startswith(f"found {found}")


@pytest.mark.parametrize("form", DECODERS)
def test_content_when_it_is_compressed_is_read_or_the_compression_named(form: Any) -> None:
    """By its bytes, whatever its name; formats that are read here and there cannot be."""
    own = {"json": "array", "json_values": "behind", "dynamodb_json": "items"}.get(form, form)
    for compress in (gzip.compress, bz2.compress):
        if form not in RANGED_FORMATS:
            assert read(form, compress(CONTENTS[own])) == read(form, CONTENTS[own])
            other = "parquet" if form != "ion" else "avro"
            with pytest.raises(ObjectError, match=f"found {SEEN[other]} content inside {'gzip' if compress is gzip.compress else 'bzip2'}"):
                read(form, compress(CONTENTS[other]))
            continue
        with pytest.raises(ObjectError, match=f"found {'gzip' if compress is gzip.compress else 'bzip2'} content, expected"):
            read(form, compress(CONTENTS[own]))


@pytest.mark.parametrize(("form", "data", "codes"), [
    ("jsonl", b'damaged,line,here\n{"a":1}\n', ["JSON_INVALID"]),
    ("jsonl", b'{"a":1}{"a":2}\n{"a":3}\n', ["JSON_INVALID"]),
    ("jsonl", b"5\n", ["JSON_NOT_OBJECT"]),
    ("dynamodb_json", b'{"a":1}\n{"Item":{"a":{"N":"1"}}}\n', ["DYNAMODB_JSON_INVALID"]),
    ("csv", b"a,b\n\0\xff,2\n" + b"long enough to be text,1\n" * 5, []),
    ("csv", b"a\0b,c\nx\0y,z\n" + b"long enough to be text,1\n" * 5, []),
])  # fmt: skip
def test_content_when_only_a_record_is_odd_is_not_taken_for_another_format(form: Any, data: bytes, codes: list[str]) -> None:
    """What can be of the route's format is, and its neighbours are read."""
    found = read(form, data)
    assert [row.code for row in found if isinstance(row, Rejection)] == codes
