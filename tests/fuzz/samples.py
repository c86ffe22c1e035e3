"""The first contents of each target: small, sound, and with a little of everything, for the fuzzer to change."""

from __future__ import annotations

import bz2
import datetime
import decimal
import gzip
import io
import json
import lzma
import zipfile
from functools import cache
from typing import Any, cast

import cramjam
import fastavro
import lz4.frame
import openpyxl
import polars as pl
import pyarrow as pa
from amazon.ion import simpleion
from backports import zstd
from pyarrow import orc

from events.event_samples import configured_event, eventbridge_event, s3_event, sns_event, sqs_event

DELIMITED = [
    b"a,b\n1,x\n2,y\n",
    b'a;b\r\n1;"x\r\ny"\r\n2;"p""q"\r\n',
    b"a||b\n# no\n1||2\n\nend\n",
    "a;näme\n1;€\n".encode("utf-16-le"),
    b'"a","b"\n"1","unended\n',
]
FIXED = [b"1abcde\n2   fg\n", b"1\n2abcdefgh\n", "é€𝄞\n".encode("utf-16-be")]
JSON_LINES = [
    b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n{"a":3,"b":null}\n',
    b'{"a":"1","b":[true,{"c":1.50e-3}]}\r\n\n{"a":"\\ud834\\udd1e","a":NaN}\n',
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}\n",
    b'{"a":' + b"1" * 4_301 + b"}\n",
]
JSON_VALUES = [b'{"a":1}{"a":2} [1,"x"]\n"y" 5 null', b'{\n "a": 1\n}\n{\n "b": "\\u00e9"\n}\n']
JSON_DOCUMENTS = [b'[{"a":1},{"b":[true,"x"]}, 5]', b'{"data":{"items":[{"a":1},{"a":"2"}]},"a":[{}]}', b'{"a":1,"b":"x"}']
DYNAMODB_JSON = [
    b'{"Item":{"a":{"S":"x"},"n":{"N":"1.50"},"b":{"B":"aGk="},"m":{"M":{"l":{"L":[{"NULL":true},{"BOOL":false}]}}},"s":{"SS":["a","b"]},"t":{"NS":["1"]}}}\n',
    b'{"Items":[{"a":{"S":"1"}},{"a":{"S":"2"},"b":{"BS":["aGk="]}}],"Count":2}',
    b'{"Metadata":{"WriteTimestampMicros":"1"},"Keys":{"a":{"S":"1"}},"NewImage":{"a":{"S":"1"}}}\n{"Metadata":{"WriteTimestampMicros":"1"},"Keys":{"a":{"S":"2"}}}\n',
]
ION_TEXT = (
    b'$ion_1_0 {Item:{a:"x",b:1.50,c:[true,null,2024-01-01T],d:{{aGk=}},e:$dynamodb_SS::["a"],f:1e0}}\n{Item:{a:sym,b:nan}}\n\n'
    b"{Record:{Keys:{a:1.},Metadata:{WriteTimestampMicros:1.},NewImage:{a:1.}}}\n"
)
PARTS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml")
CONFIG = b"""\
source: {bucket: a-bucket}
tables:
  t: {key: {pk: string, sk: number}, ttl: e}
routes:
  - name: r
    match: "in/**.csv"
    format: csv
    table: t
    key: {pk: "x#{a:02}"}
    null_values: [NA]
    columns: {a: number, sk: number, e: {type: timestamp, format: "%Y-%m-%d"}, d: drop}
    on_error: {action: continue, max_rejects: 5}
limits: {nesting_max: 5}
"""
ROWS: list[dict[str, Any]] = [
    {"a": "x", "b": 1, "c": 1.5, "d": b"hi", "l": [1, 2], "m": {"k": 1}, "o": None, "t": datetime.date(2024, 1, 1), "n": decimal.Decimal("1.50")},
    {"a": "é", "b": 2, "c": float("nan"), "d": b"", "l": [], "m": {}, "o": True, "t": datetime.date(1900, 1, 1), "n": decimal.Decimal("-9.99")},
    {"a": "", "b": None, "c": None, "d": None, "l": None, "m": None, "o": False, "t": None, "n": None},
]
AVRO = {
    "type": "record",
    "name": "r",
    "fields": [
        {"name": "a", "type": "string"},
        {"name": "b", "type": ["null", "long"]},
        {"name": "c", "type": ["null", "double"]},
        {"name": "d", "type": ["null", "bytes"]},
        {"name": "l", "type": ["null", {"type": "array", "items": "int"}]},
        {"name": "m", "type": ["null", {"type": "map", "values": "int"}]},
        {"name": "o", "type": ["null", "boolean"]},
        {"name": "t", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "n", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}]},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "A"},
        {"name": "r", "type": ["null", "r"], "default": None},
    ],
}


def ion() -> list[bytes]:
    values = simpleion.loads(ION_TEXT, single_value=False)
    return [ION_TEXT, simpleion.dumps(values, binary=True, sequence_as_stream=True)]


def parquet() -> list[bytes]:
    """Written by polars: pyarrow writes histograms of levels, and ends the process where one of them does not fit a changed schema."""
    found = []
    for options in ({"compression": "snappy"}, {"compression": "uncompressed"}, {"compression": "zstd", "row_group_size": 1}):
        out = io.BytesIO()
        cast(pl.DataFrame, pl.from_arrow(_table())).write_parquet(out, statistics=False, **cast(Any, options))
        found.append(out.getvalue())
    return found


def orc_files() -> list[bytes]:
    found = []
    for compression in ("uncompressed", "zlib"):
        out = io.BytesIO()
        orc.write_table(_table(), out, compression=compression)
        found.append(out.getvalue())
    return found


def _table() -> pa.Table:
    kinds = {"a": pa.string(), "b": pa.int64(), "c": pa.float64(), "d": pa.binary(), "l": pa.list_(pa.int32()), "m": pa.map_(pa.string(), pa.int32())}
    kinds |= {"o": pa.bool_(), "t": pa.date32(), "n": pa.decimal128(9, 2)}
    return pa.table(
        {name: pa.array([list(row[name].items()) if isinstance(row[name], dict) else row[name] for row in ROWS], kind) for name, kind in kinds.items()}
    )


def avro() -> list[bytes]:
    found = []
    for codec in ("null", "deflate"):
        out = io.BytesIO()
        fastavro.writer(out, AVRO, [row | {"e": "B", "r": {**ROWS[0], "e": "A"}} for row in ROWS], codec=codec, sync_marker=bytes(16))
        found.append(out.getvalue())
    return found


def xlsx() -> list[bytes]:
    parts = workbook_parts()
    return [_workbook(), b"\0\0".join(parts.get(name, b"") for name in PARTS)]


@cache
def _workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b"], ["x", 1], [datetime.datetime(2024, 1, 1, 12), 1.5], [True, None], ["é", datetime.timedelta(hours=30)], ["=1/0", "#N/A"]):
        sheet.append(row)
    book.create_sheet("second").append(["only"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@cache
def workbook_parts() -> dict[str, bytes]:
    """The parts of a sound workbook by name."""
    with zipfile.ZipFile(io.BytesIO(_workbook())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, method)
    return out.getvalue()


def compressed() -> list[bytes]:
    text = DELIMITED[0] * 5
    half = len(text) // 2
    each = [lambda data: gzip.compress(data, mtime=1), bz2.compress, lzma.compress, zstd.compress, lz4.frame.compress]
    return [compress(text[:half]) + compress(text[half:]) for compress in each] + [bytes(cramjam.snappy.compress(text))]


def zips() -> list[bytes]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return [*(zip_of({"1": DELIMITED[0], "folder/": b"", "2": DELIMITED[1]}, method) for method in methods), DELIMITED[0] + b"\0\0" + DELIMITED[1]]


def events() -> list[bytes]:
    bodies: list[Any] = [s3_event(), configured_event(), eventbridge_event(), {"headrace": "chunk", "generation": "0" * 32, "chunk": 1}]
    bodies += [{"headrace": "replay", "generation": "0" * 32, "number": 1}, {"headrace": "sweep", "key": "a", "eTag": "b", "size": 1}]
    return [json.dumps(event).encode() for event in (*bodies, *map(sns_event, bodies[:2]), sqs_event(*bodies))]
