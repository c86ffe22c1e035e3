"""Every limit of the config, for each family of formats: one less than there is refuses it with its code, as much and one more load it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from headrace.config.model import Column, Limits
from load.samples import World

CSV = b'id,n\xc3\xa4\n1,"x\xc3\xa9z"\n'
JSON = '{"id":1,"nä":{"a":[{"b":[]}]}}'.encode()
ITEM = '{"Item":{"id":{"N":"1"},"nä":{"S":"x"}}}'.encode()
TABLE = pa.table({"id": [1], "nä": ["x"]})
Text = Callable[[bytes], bytes]


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "nä"], [1, "x"]):
        book.worksheets[0].append(row)
    return written(book.save)


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", data)
    return out.getvalue()


AVRO = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}, {"name": "na", "type": "string"}]}
BINARY: dict[str, bytes] = {
    "parquet": written(lambda out: pq.write_table(TABLE, out)),
    "orc": written(lambda out: orc.write_table(TABLE, out)),
    "avro": written(lambda out: fastavro.writer(out, AVRO, [{"id": 1, "na": "x"}])),
    "xlsx": workbook(),
}
LINES: dict[str, bytes] = {
    "csv": CSV,
    "tsv": CSV.replace(b",", b"\t"),
    "fixed": b"1x\n",
    "jsonl": JSON,
    "json": JSON,
    "json_values": JSON,
    "dynamodb_json": ITEM,
}
ALL = {**LINES, "ion": "{Item:{id:1,'nä':\"x\"}}".encode(), **BINARY}
COMPRESSIONS: list[Text] = [bytes, gzip.compress, bz2.compress, lzma.compress, zipped]
RECORDS = LINES | {"csv": b'1,"x\xc3\xa9z"\n', "tsv": b'1\t"x\xc3\xa9z"\n', "fixed": b"1x"}
NAMES = ["csv", "tsv", "jsonl", "json", "json_values", "parquet", "orc", "xlsx"]
Case = tuple[str, str, bytes, int, str]
CASES: list[Case] = [
    *(("object_bytes_max", form, data, len(data), "OBJECT_TOO_LARGE") for form, data in ALL.items()),
    *(("decompressed_bytes_max", form, text(data), len(data), "DECOMPRESSED_TOO_LARGE") for form, data in LINES.items() for text in COMPRESSIONS),
    *(("record_bytes_max", form, LINES[form], len(record), "RECORD_TOO_LARGE") for form, record in RECORDS.items()),
    *(("field_bytes_max", form, LINES[form], 4, "FIELD_TOO_LARGE") for form in ("csv", "tsv")),
    *(("columns_max", form, ALL[form], 2, "HEADER_TOO_WIDE") for form in ("csv", "tsv", *BINARY)),
    *(("columns_max", form, ALL[form], 2, "COLUMNS_TOO_MANY") for form in ("jsonl", "json", "json_values")),
    *(("name_bytes_max", form, ALL[form], 3, "NAME_TOO_LONG" if "json" in form else "HEADER_NAME_TOO_LONG") for form in NAMES),
    *(("nesting_max", form, JSON, 4, "NESTING_TOO_DEEP") for form in ("jsonl", "json", "json_values")),
]
ELSEWHERE = {"decompressed_ratio_max", "reader_bytes_max", "bytes_per_day", "records_per_day", "rejects_bytes_max"}
"""Limits with tests of their own: tests/read/test_codecs.py, tests/decode/test_parquet.py, tests/loader, and below."""


def test_every_limit_of_the_config_is_held_by_a_test() -> None:
    """A new one has to be put here."""
    assert {field.name for field in fields(Limits)} == {name for name, *_ in CASES} | ELSEWHERE


def loaded(limit: str, allowed: int, form: Any, data: bytes) -> World:
    settings: dict[str, Any] = {"widths": {"id": 1, "na": 1}} if form == "fixed" else {}
    return World(data, format=form, limits=replace(Limits(), **{limit: allowed}), columns={"id": Column("number")}, **settings)


@pytest.mark.parametrize(("limit", "form", "data", "edge", "code"), CASES, ids=[f"{case[0]}-{case[1]}-{len(case[2])}" for case in CASES])
def test_limit_holds_at_its_edge(limit: str, form: str, data: bytes, edge: int, code: str) -> None:
    """What is refused is refused whole: as an object or as its only record."""
    for allowed in (edge - 1, edge, edge + 1):
        world = loaded(limit, allowed, form, data)
        outcome = world.load()
        codes = [outcome.error] * bool(outcome.error) + [line["code"] for line in world.rejects.lines]
        assert codes == ([code] if allowed < edge else []), outcome.message
        assert len(world.items()) == (allowed >= edge)
        assert allowed >= edge or limit in outcome.hint + outcome.message + json.dumps(world.rejects.lines)


def test_rejected_records_that_are_kept_are_limited_in_bytes() -> None:
    """The one that goes beyond is kept too, and the load stops there as PARTIAL."""
    data = b"id,v\n1,a\nx,b\ny,c\n2,d\n"
    world = World(data)
    assert (world.load().rejected, len(world.items())) == (2, 2)
    size = sum(len(json.dumps(line, ensure_ascii=False).encode()) + 1 for line in world.rejects.lines)
    for allowed in (size - 1, size, size + 1):
        world = loaded("rejects_bytes_max", allowed, "csv", data)
        outcome = world.load()
        assert (outcome.state, outcome.error) == (("PARTIAL", "REJECTS_TOO_LARGE") if allowed < size else ("LOADED", ""))
        assert (outcome.read, len(world.items()), len(world.rejects.lines)) == ((3, 1, 2) if allowed < size else (4, 2, 2))
        assert ("limits.rejects_bytes_max" in outcome.hint) == (allowed < size)
