"""Text at an edge of what is right: each record is in the table, or rejected with its code and place, or the object fails and says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from headrace.config.model import Column, Config, Limits, Route, Source, Table
from load.samples import World

Place = tuple[str, int, int, str]
MARK = b"\xef\xbb\xbf"
JSONL: dict[str, Any] = {"format": "jsonl"}
JSON: dict[str, Any] = {"format": "json"}
UTF16: dict[str, Any] = {"encoding": "utf-16-le"}
NUMBER: dict[str, Any] = {"columns": {"v": Column("number")}}
SMALL = Limits(record_bytes_max=1_000)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@dataclass(frozen=True)
class Case:
    """``rejected`` holds code, line, byte and column; ``stored`` the values of ``k`` in the table, in order."""

    content: bytes
    settings: dict[str, Any] = field(default_factory=dict)
    rejected: list[Place] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)


ENDS: dict[str, Case] = {
    "keys of 2,048 bytes and one more": Case(
        b"k\n%b\n%b\n%b\n%b\n" % (b"x" * 2048, b"y" * 2049, "é".encode() * 1024, "ü".encode() * 1025),
        rejected=[("KEY_TOO_LONG", 3, 2051, "k"), ("KEY_TOO_LONG", 5, 6150, "k")],
        stored=["x" * 2048, "é" * 1024],
    ),
    "keys that are empty": Case(b'k,v\n,1\n"",2\na,3\n', rejected=[("KEY_EMPTY", 2, 4, "k"), ("KEY_EMPTY", 3, 7, "k")], stored=["a"]),
    "JSON keys that are empty, null or missing": Case(
        b'{"k":""}\n{"k":null}\n{}\n{"k":"a"}\n', JSONL, [("KEY_EMPTY", line, at, "k") for line, at in ((1, 0), (2, 9), (3, 20))], ["a"]
    ),
    "NUL in values": Case(b"k,v\n\0,\0\na\0b,1\n", stored=["\0", "a\0b"]),
    "NUL in JSON": Case(b'{"k":"\\u0000"}\n{"k":"\0"}\n', JSONL, [("JSON_INVALID", 2, 15, "")], ["\0"]),
    "lone CR": Case(b"k,v\ra,1\rb,2", stored=["a", "b"]),
    "CR at the end": Case(b"k,v\na,1\r", stored=["a"]),
    "lone CR in JSON Lines": Case(b'{"k":"a"}\r{"k":"b"}\r\n{"k":"c"}\r', JSONL, [("JSON_INVALID", 1, 0, "")], ["c"]),
    "a mark in the middle": Case(b"k,v\na,1\n" + MARK + b"b,2\n", stored=["a", "\ufeffb"]),
    "a mark in the middle of JSON Lines": Case(b'{"k":"a"}\n' + MARK + b'{"k":"b"}\n', JSONL, [("JSON_INVALID", 2, 10, "")], ["a"]),
    "a lone surrogate in UTF-16": Case(utf16("k,v\n\ud800,1\na,2\n"), UTF16, [("ENCODING_INVALID", 2, 8, "k")], ["a"]),
    "a lone surrogate at the end of UTF-16": Case(utf16("k,v\na,1\nb,\ud800"), UTF16, [("ENCODING_INVALID", 3, 16, "v")], ["a"]),
    "lone surrogates in JSON": Case(
        b'{"k":"\\ud800"}\n{"k":"a","v":["\\udc00"]}\n{"k":"\\ud83d\\ude00"}\n{"k":"c","\\ud800":1}\n',
        JSONL,
        [("ENCODING_INVALID", 1, 0, "k"), ("ENCODING_INVALID", 2, 15, "v"), ("ENCODING_INVALID", 4, 61, "")],
        ["\U0001f600"],
    ),
    "a quote that is open at the end": Case(b'k,v\r\na,1\r\nb,"x\r\n', rejected=[("CSV_QUOTING", 3, 10, "")], stored=["a"]),
    "a quote that is closed at the end": Case(b'k,v\na,1\nb,"x"""', stored=["a", "b"]),
    "a line that does not end": Case(b"k,v\na,1\nb," + b"x" * 100_000, limits=SMALL, rejected=[("RECORD_TOO_LARGE", 3, 8, "")], stored=["a"]),
    "JSON of 100,000 levels": Case(b'{"k":"a","v":' + b"[" * 100_000 + b"]" * 100_000 + b'}\n{"k":"b"}\n', JSONL, [("NESTING_TOO_DEEP", 1, 0, "")], ["b"]),
    "names of JSON that no attribute has": Case(
        b'{"k":"a","":1}\n{"k":"b","%b":1}\n{"k":"c","%b":1}\n' % (b"x" * 65_535, b"x" * 65_536),
        JSONL,
        [("NAME_INVALID", 1, 0, ""), ("NAME_TOO_LONG", 3, 65_565, "")],
        ["b"],
    ),
    "JSON Lines that are cut": Case(b'{"k":"a"}\n{"k":"b', JSONL, [("JSON_INVALID", 2, 10, "")], ["a"]),
    "fixed width of bytes that are no text": Case(
        b"a1\nb\n\xff2\n", {"format": "fixed", "widths": {"k": 1, "v": 1}}, [("LINE_WIDTH", 2, 3, ""), ("ENCODING_INVALID", 3, 5, "k")], ["a"]
    ),
    "names of 256 and of 65,535 bytes": Case(b"k,%b,%b\na,1,2\n" % (b"x" * 256, b"y" * 65_535), stored=["a"]),
    "a name that is not UTF-8 in a column that is not kept": Case(b"k,\xff\na,1\n", {"other_columns": "drop"}, stored=["a"]),
    "a name that is empty, numbered": Case(b"k,\na,1\n", {"header_names": "number"}, stored=["a"]),
    "nothing": Case(b""),
    "a mark alone": Case(MARK),
    "blank lines alone": Case(b"\n\r\n\r"),
    "a header alone": Case(b"k,v"),
    "a preamble alone": Case(b"x\ny\n", {"skip_lines": 2}),
    "a preamble that is cut": Case(b"x\n", {"skip_lines": 2}),
    "a header and a footer": Case(b"k,v\nx\n", {"skip_footer_lines": 1}),
    "JSON Lines that are blank": Case(MARK + b" \n\t\r\n", JSONL),
    "an array of nothing": Case(b"[]", JSON),
}


def world(case: Case) -> World:
    settings = {"format": "csv", "other_columns": "keep"} | case.settings
    columns = {"k": Column(empty="reject"), **settings.pop("columns", {})}
    route = Route("orders", "in/**", table="orders", columns=columns, **settings)
    return World(case.content, Config(Source("landing"), {"orders": Table({"k": "string"})}, [route], limits=case.limits))


@pytest.mark.parametrize("name", ENDS)
def test_odd_text_ends_in_the_table_or_rejected_with_its_place(name: str) -> None:
    """Nothing of it is left out."""
    case = ENDS[name]
    loaded = world(case)
    outcome = loaded.load()
    assert [(one["code"], one["line"], one["byte_offset"], one["column"]) for one in loaded.rejects.lines] == case.rejected
    assert [item["k"]["S"] for item in loaded.items()] == case.stored
    assert (outcome.state, outcome.read) == ("LOADED", len(case.rejected) + len(case.stored))


NUMBERS = [
    ("1e400", "NUMBER_RANGE"),
    ("-0", "0"),
    ("0e0", "0"),
    ("0e999999999", "0"),
    ("1E+125", "1" + "0" * 125),
    ("1E+126", "NUMBER_RANGE"),
    ("1E-130", "1E-130"),
    ("1E-131", "NUMBER_RANGE"),
    ("1" * 38, "1" * 38),
    ("1" * 39, "NUMBER_PRECISION"),
    ("1" * 38 + "0", "1" * 38 + "0"),
    ("9" * 4_301, "NUMBER_PRECISION"),
]


@pytest.mark.parametrize("settings", [NUMBER, JSONL], ids=["csv", "jsonl"])
@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_number_at_an_edge_is_stored_exactly_or_rejected(settings: dict[str, Any], text: str, expected: str) -> None:
    """However it is written, and without an integer of Python, which refuses 4,301 digits."""
    content = f'{{"k":"a","v":{text}}}\n' if settings is JSONL else f"k,v\na,{text}\n"
    loaded = world(Case(content.encode(), settings))
    loaded.load()
    if expected.startswith("NUMBER_"):
        assert [(one["code"], one["column"]) for one in loaded.rejects.lines] == [(expected, "v")]
    else:
        assert [Decimal(item["v"]["N"]) for item in loaded.items()] == [Decimal(expected)]


@pytest.mark.parametrize(
    ("content", "settings", "code", "expected"),
    [
        (b"k,\xff\na,1\n", {}, "HEADER_INVALID", "column 2: found byte 0xff"),
        (b"k,\na,1\n", {}, "HEADER_INVALID", "column 2: found a name of 0 bytes"),
        (b"k,k\na,1\n", {}, "HEADER_DUPLICATE", "found column 'k' more than once"),
        (b"k," + b"x" * 65_536 + b"\na,1\n", {}, "HEADER_NAME_TOO_LONG", "65536 bytes for column 2"),
        (b'k,"v\na,1\n', {}, "HEADER_INVALID", "the header line: found the end of the object inside quotes"),
        (MARK + MARK + b"k,v\na,1\n", {}, "HEADER_MISSING_COLUMN", "expected column 'k'"),
        (b"c," * 20_000 + b"k\n", {}, "HEADER_TOO_WIDE", "found 20001 columns"),
        (b"x" * 100_000, {"limits": SMALL}, "HEADER_INVALID", "at most 1000 bytes"),
        (utf16("k,v\na,1\n") + b"x", UTF16, "ENCODING_INVALID", "at byte 16"),
        ("k,v\na,1\n".encode("utf-16-be"), {}, "ENCODING_UNSUPPORTED", "found UTF-16-BE text, expected UTF-8"),
        ("k,v\na,1\n".encode("utf-32-le"), {}, "ENCODING_UNSUPPORTED", "found UTF-32-LE text, expected UTF-8"),
        ("名,値\n日,1\n".encode("utf-16-be"), {}, "FORMAT_UNEXPECTED", "found binary content"),
        (b'[{"k":"a","v":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", JSON, "NESTING_TOO_DEEP", "line 1, byte 10014"),
        (MARK, JSON, "JSON_INVALID", "line 1, byte 3: found the end of the object"),
        (b" \n\t", JSON, "JSON_INVALID", "line 2, byte 3: found the end of the object"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', {}, "FORMAT_UNEXPECTED", "found XML content, expected text"),
        (b"\r\n<!doctype html>\n<html>\n", {}, "FORMAT_UNEXPECTED", "found an HTML page, expected text"),
    ],
)
def test_text_that_is_wrong_as_a_whole_fails_before_anything_is_written(content: bytes, settings: dict[str, Any], code: str, expected: str) -> None:
    """With what was seen, where, and what to do next."""
    limits = settings.get("limits", Limits())
    loaded = world(Case(content, {name: value for name, value in settings.items() if name != "limits"}, limits=limits))
    outcome = loaded.load()
    assert (outcome.state, outcome.error, loaded.items()) == ("FAILED", code, [])
    assert expected in outcome.message
    assert outcome.hint


@pytest.mark.parametrize("size", [1_024, 1_025])
def test_sort_key_of_a_byte_too_many_is_rejected(size: int) -> None:
    """1,024 bytes are taken."""
    route = Route("orders", "in/**", "csv", "orders", columns={"k": Column(empty="reject"), "s": Column(empty="reject")})
    loaded = World(b"k,s\na," + b"x" * size + b"\n", Config(Source("landing"), {"orders": Table({"k": "string", "s": "string"})}, [route]))
    loaded.load()
    assert [(one["code"], one["line"], one["column"]) for one in loaded.rejects.lines] == ([("KEY_TOO_LONG", 2, "s")] if size > 1_024 else [])
