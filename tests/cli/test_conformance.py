"""What RFC 8259, RFC 4180 and the Parquet format allow is previewed without a config; what they do not is refused with its place."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from cli.json_texts import ALLOWED, BEYOND, REFUSED
from cli.program import Run

CONFIG = """\
source: {bucket: my-incoming}
tables:
  texts: {key: {pk: string}}
routes:
  - {name: texts, match: "*.json", format: json, table: texts, key: {pk: "x"}, other_columns: keep, other_values: wrap, duplicate_names: last, empty: keep}
"""
LONG = [b"[" * 100_000, b'[{"":' * 50_000, b'{"a":' * 100_000, b'"' + b"\\" * 100_001]
CUT = re.compile(r"line|byte|character")


@pytest.fixture(params=[False, True], ids=["guessed", "configured"])
def options(request: pytest.FixtureRequest, folder: Path) -> list[str]:
    if request.param:
        (folder / "headrace.yaml").write_text(CONFIG)
    return ["--all"]


def plain(value: Any) -> Any:
    """The value that DynamoDB JSON says."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return Decimal(content)
        case "L":
            return [plain(member) for member in content]
        case "M":
            return {name: plain(member) for name, member in content.items()}
        case "NULL":
            return None
    return content


def records(text: bytes) -> list[Any]:
    """What Python's own parser makes of ``text``, as the items of a preview."""
    value = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    return [member if isinstance(member, dict) else {"value": member} for member in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("text", ALLOWED, ids=repr)
def test_json_text_is_previewed_value_for_value(run: Run, folder: Path, options: list[str], text: bytes) -> None:
    """RFC 8259: any value may be the whole text; a name that comes twice counts as the last."""
    (folder / "a.json").write_bytes(text)
    ran = run("preview", "a.json", *options)
    assert ran.code == 0, ran.err
    items = [plain({"M": {name: value for name, value in item["Item"].items() if name != "pk"}}) for item in ran.items]
    assert items == records(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_text_in_another_encoding_is_seen_by_its_bytes(run: Run, folder: Path, encoding: str) -> None:
    """RFC 8259 asks for UTF-8, and lets readers take more."""
    (folder / "a.json").write_bytes('["é"]'.encode(encoding))
    assert run("preview", "a.json").items == [{"Item": {"value": {"S": "é"}}}]


@pytest.mark.parametrize("text", [*REFUSED, *LONG], ids=lambda text: repr(text[:40]))
def test_text_that_is_no_json_is_refused_with_its_place(run: Run, folder: Path, options: list[str], text: bytes) -> None:
    """As an object or as a record, whatever of it could be read."""
    (folder / "a.json").write_bytes(text)
    ran = run("preview", "a.json", *options)
    assert ran.code in (1, 3), ran.out
    assert CUT.search(ran.err)
    assert "DEFECT" not in ran.err
    assert ("next: " in ran.err) == (ran.code == 1)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in BEYOND.items() for text in texts])
def test_json_that_no_item_can_hold_is_rejected_with_its_line(run: Run, folder: Path, options: list[str], code: str, text: bytes) -> None:
    """The text is JSON: the record is what is wrong."""
    (folder / "a.json").write_bytes(text)
    ran = run("preview", "a.json", *options)
    assert ran.code == 3
    assert f"1\t{code}\t1\t" in ran.err


CSV: dict[str, tuple[bytes, list[list[str]]]] = {
    "a comma in quotes": (b'a,b\nx,"y, z"\n', [["x", "y, z"]]),
    "quotes in quotes": (b'a,b\nx,"y ""z"" "\n', [["x", 'y "z" ']]),
    "a line end in quotes": (b'a,b\nx,"y\nz"\nv,w\n', [["x", "y\nz"], ["v", "w"]]),
    "CRLF, also in quotes": (b'a,b\r\nx,"y\r\nz"\r\nv,w\r\n', [["x", "y\r\nz"], ["v", "w"]]),
    "CR": (b'a,b\rx,"y\rz"\rv,w\r', [["x", "y\rz"], ["v", "w"]]),
    "no line end at the end": (b"a,b\nx,y", [["x", "y"]]),
    "empty fields, quoted or not": (b'a,b,c\nx,"",\n,,\n', [["x", "", ""], ["", "", ""]]),
    "empty fields among numbers": (b'a,b,c\n1,"",\n2,3,4\n', [["1", "", ""], ["2", "3", "4"]]),
    "one column": (b'a\nx\n""\n', [["x"], [""]]),
    "quoted names": (b'"a","b,c"\n1,2\n', [["1", "2"]]),
    "spaces": (b"a,b\n x , y\t\n", [[" x ", " y\t"]]),
    "UTF-8": ("a,b\n1,ʤ\n".encode(), [["1", "ʤ"]]),
    "UTF-8 with a mark": ("\ufeffa,b\n1,ʤ\n".encode(), [["1", "ʤ"]]),
    "another encoding": ("a,b\n1,señor\n".encode("latin-1"), [["1", "señor"]]),
    "JSON in a field": (b'a,b\n1,"{""type"": ""Point"", ""at"": [102.0, 0.5]}"\n', [["1", '{"type": "Point", "at": [102.0, 0.5]}']]),
    "the line with which Excel names the delimiter": (b"sep=;\r\na;b\r\nx;y,z\r\n", [["x", "y,z"]]),
    "the same and a comma": (b'sep=,\na,b\nx,"y\nz"\n', [["x", "y\nz"]]),
    "names that are all empty": (b",,\n1,2,3\n", [["1", "2", "3"]]),
    "names that are doubled": (b"a,a\nx,y\n", [["x", "y"]]),
    "a text that elsewhere is null": (b'a,b\nx,"NULL"\nNULL,y\n', [["x", "NULL"], ["NULL", "y"]]),
    "quotes within a field without quotes": ("a,b\n37°36'37.8\"N 121°2'17.9\"W,x\n".encode(), [["37°36'37.8\"N 121°2'17.9\"W", "x"]]),
}
"""RFC 4180 does not allow the last; it asks to be liberal in what is accepted, and public collections have it as these values."""


@pytest.mark.parametrize("name", CSV)
def test_csv_is_previewed_field_for_field(run: Run, folder: Path, name: str) -> None:
    """Numbers are numbers, everything else is text; nothing is left out or trimmed."""
    content, rows = CSV[name]
    (folder / "a.csv").write_bytes(content)
    ran = run("preview", "a.csv", "--all")
    assert ran.code == 0, ran.err
    assert [[next(iter(value.values())) for value in item["Item"].values()] for item in ran.items] == rows


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1\n", "1\tFIELD_COUNT\t2\t"),
        (b"a,b\n1,2,3\n", "1\tFIELD_COUNT\t2\t"),
        (b'a,b\n1,"open\n', "1\tCSV_QUOTING\t2\t"),
        (b'a,b\n1,"x"y\n2,3\n', "1\tCSV_QUOTING\t2\t"),
        (b'a,b\n1,"x" "y"\n2,3\n', "1\tCSV_QUOTING\t2\t"),
        (b"a,b\n1,x\0y\n", "at byte 7"),
    ],
)
def test_text_that_is_no_csv_is_refused_with_its_place(run: Run, folder: Path, content: bytes, expected: str) -> None:
    """The record alone where its end is known."""
    (folder / "a.csv").write_bytes(content)
    ran = run("preview", "a.csv", "--all")
    assert ran.code in (1, 3)
    assert expected in ran.err


def write_avro(table: pa.Table, path: str) -> None:
    fields = [{"name": "n", "type": "long"}, {"name": "b", "type": ["null", "bytes"]}, {"name": "l", "type": ["null", {"type": "array", "items": "bytes"}]}]
    with Path(path).open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema({"type": "record", "name": "r", "fields": fields}), table.to_pylist())


@pytest.mark.parametrize(("form", "write"), [("parquet", pq.write_table), ("orc", orc.write_table), ("avro", write_avro)])
def test_binary_format_is_previewed_without_a_config(run: Run, folder: Path, form: str, write: Any) -> None:
    """With all its columns, those of bytes and of lists too; a file without a record is one."""
    table = pa.table({"n": [1, 2], "b": [b"\xff", None], "l": [None, [b"\0"]]})
    write(table, "a")
    write(table.slice(0, 0), "empty")
    first, second = {"n": {"N": "1"}, "b": {"B": "/w=="}, "l": {"NULL": True}}, {"n": {"N": "2"}, "b": {"NULL": True}, "l": {"L": [{"B": "AA=="}]}}
    ran = run("preview", "a")
    assert (ran.code, ran.items) == (0, [{"Item": first}, {"Item": second}]), ran.err
    assert f"items: {form}" in ran.err
    ran = run("preview", "empty")
    assert (ran.code, ran.items) == (0, []), ran.err
