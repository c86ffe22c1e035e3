"""Delimited text in every dialect and encoding, written by a writer of its own and read back exactly, with every record's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.config.model import Limits, Route
from headrace.errors import ObjectError
from headrace.formats import Decoder
from headrace.record import Origin, Rejection, Start
from headrace.records import open_records

LIMITS = Limits()
PYTHON = {"windows-1252": "cp1252"}
MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-32-le": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff"}
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "windows-1252"]

texts = st.text(st.sampled_from("ab,;|~\t\"'\\N#\n\r é\0ÿ"), max_size=6)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), max_size=6))
routes = st.builds(
    Route,
    name=st.just("r"),
    match=st.just("**"),
    format=st.just("csv"),
    table=st.just("t"),
    delimiter=st.sampled_from([",", ";", "\t", "||", "|~|", "ab"]),
    quote=st.sampled_from(['"', "'"]),
    escape=st.sampled_from(["", "\\"]),
    comment=st.sampled_from(["", "#", "##"]),
    skip_lines=st.integers(0, 3),
    skip_footer_lines=st.integers(0, 3),
    encoding=st.sampled_from(ENCODINGS),
)


def field_of(text: str, route: Route) -> str:
    """Any field can stand in quotes; of an escaped one each character that means something has the escape before it."""
    if route.escape:
        special = route.escape + route.quote
        return route.quote + "".join(route.escape + one if one in special else one for one in text) + route.quote
    return route.quote + text.replace(route.quote, route.quote * 2) + route.quote


def written(table: Sequence[Sequence[str]], route: Route, end: str, *, has_bom: bool) -> bytes:
    """The header ``h0``, ``h1``, … and the rows, with comments, blank lines, a preamble and a footer."""
    header = [f"h{index}" for index in range(len(table[0]) if table else 1)]
    lines = ['junk "', "'", "more"][: route.skip_lines]
    lines.append(route.delimiter.join(header))
    for row in table:
        lines += ([route.comment + ' it"s'] if route.comment else []) + [route.delimiter.join(field_of(text, route) for text in row), ""]
    lines += ["total", "'", '"end'][: route.skip_footer_lines]
    text = end.join(lines) + end
    mark = MARKS.get(route.encoding, b"") if has_bom else b""
    return mark + text.encode(PYTHON.get(route.encoding, route.encoding))


def seen(decoder: Decoder) -> list[tuple[Any, int, int, bytes]]:
    return [(row, Origin(block, first, last).byte_offset, first, Origin(block, first, last).raw) for row, block, first, last in decoder]


@given(tables, routes, st.sampled_from(["\n", "\r\n", "\r"]), piece_sizes, st.booleans())
def test_table_in_any_dialect_is_read_as_it_was_written(table: list[list[str]], route: Route, end: str, sizes: Sequence[int], has_bom: bool) -> None:
    """Values, and the stored bytes of each record at its stored offset."""
    data = written(table, route, end, has_bom=has_bom)
    decoder = open_records(route, LIMITS, pieces(data, sizes))
    found = seen(decoder)
    assert [row for row, *_ in found] == table
    for _, offset, _, raw in found:
        assert data[offset : offset + len(raw)] == raw
    assert decoder.header == [f"h{index}" for index in range(len(table[0]) if table else 1)]


@given(tables, routes, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_reading_that_goes_on_after_any_record_gives_the_rest(table: list[list[str]], route: Route, end: str, has_bom: bool) -> None:
    """As a load does whose time was over: same rows, lines and places."""
    data = written(table, route, end, has_bom=has_bom)
    decoder = open_records(route, LIMITS, iter([data]))
    whole = [(row, Origin(block, first, last)) for row, block, first, last in decoder]
    for number, (_, origin) in enumerate(whole, 1):
        rest = open_records(route, LIMITS, iter([data[origin.end.byte_offset :]]), start=origin.end, header=decoder.header)
        assert seen(rest) == [(row, one.byte_offset, one.first, one.raw) for row, one in whole[number:]]


@pytest.mark.parametrize(
    ("settings", "data", "expected"),
    [
        ({"escape": "\\"}, b"a,b\n\\N,x\\,y\\\\N\nl\\\nm,\\N\\\\\n", [["\\N", "x,y\\N"], ["l\nm", "\\N\\"]]),
        ({"quote": ""}, b'a,b\n"x,y"\n', [['"x', 'y"']]),
        ({"quote": "", "escape": "\\", "delimiter": "||"}, b"a||b\nx\\||y||z\n", [["x||y", "z"]]),
        ({"delimiter": "||"}, b'a||b\nx|||y\n"p|"||q\n', [["x", "|y"], ["p|", "q"]]),
        ({"comment": "#"}, b'a,b\n#x\n1,"\n#y"\n', [["1", "\n#y"]]),
        ({"ragged": "pad"}, b"a,b\n1\n2,3\n", [["1", ""], ["2", "3"]]),
        ({"ragged": "keep_extra"}, b'a,b\n1\n2,3\n4,5,6,"7,8"\n', [["1", "", ""], ["2", "3", ""], ["4", "5", '["6","7,8"]']]),
        ({"skip_lines": 9}, b"a\nb\n", []),
        ({"skip_footer_lines": 9}, b"a\nb\n", []),
        ({"skip_footer_lines": 1}, b"a\nb\nc\n\n\n", [["b"]]),
        ({}, b'a,b\r\n"x\r\ny",z\r\n', [["x\r\ny", "z"]]),
        ({}, b"a,b\n1,\0\n\0,2\n", [["1", "\0"], ["\0", "2"]]),
    ],
)
def test_dialect_reads(settings: dict[str, Any], data: bytes, expected: list[list[str]]) -> None:
    """One example of each rule, for every size of the pieces up to four."""
    for size in (1, 2, 3, 4, 100):
        decoder = open_records(Route("r", "**", "csv", "t", **settings), LIMITS, pieces(data, [size]))
        assert [row for row, *_ in decoder] == expected


def test_header_names_when_numbered_are_all_different() -> None:
    """No name that the file has is given to another column."""
    route = Route("r", "**", "csv", "t", header_names="number")
    decoder = open_records(route, LIMITS, iter([b"a,a,,a_2,column_3,\n"]))
    assert decoder.header == ["a", "a_3", "column_3_2", "a_2", "column_3", "column_6"]


WIDTHS = {"id": 4, "name": 5, "n": 3}


@given(st.lists(st.tuples(st.text("ab9", max_size=4), st.text("é x|", max_size=5), st.text("0-.", max_size=3))), st.sampled_from(ENCODINGS), piece_sizes)
def test_fixed_width_is_read_as_it_was_written(table: list[tuple[str, ...]], encoding: Any, sizes: Sequence[int]) -> None:
    """Widths count characters; spaces around values are no part of them."""
    route = Route("r", "**", "fixed", "t", widths=WIDTHS, encoding=encoding)
    lines = [f"{id:<4}{name:<5}{n:>3}" for id, name, n in table]
    data = "".join(f"{line}\n" for line in lines).encode(PYTHON.get(encoding, encoding))
    decoder = open_records(route, LIMITS, pieces(data, sizes))
    assert decoder.header == list(WIDTHS)
    assert [row for row, *_ in decoder] == [[text.strip(" ") for text in row] for row in table]


@pytest.mark.parametrize(
    ("ragged", "expected"),
    [
        ("reject", [["1", "x", "2"], "LINE_WIDTH", "LINE_WIDTH", "LINE_WIDTH"]),
        ("pad", [["1", "x", "2"], ["2", "y", ""], ["3", "z", "3"], "LINE_WIDTH"]),
        ("keep_extra", [["1", "x", "2", ""], ["2", "y", "", ""], ["3", "z", "3", ""], ["4", "w", "4", "more"]]),
    ],
)
def test_lines_of_another_width_follow_the_policy(ragged: Any, expected: list[Any]) -> None:
    """A line that is short, one with spaces at its end, and one with more."""
    data = b"1   x      2\n2   y\n3   z      3  \n4   w      4 more\n"
    found = seen(open_records(Route("r", "**", "fixed", "t", widths=WIDTHS, ragged=ragged), LIMITS, iter([data])))
    assert [row.code if isinstance(row, Rejection) else row for row, *_ in found] == expected


@pytest.mark.parametrize(
    ("route", "data", "message"),
    [
        ({"format": "csv"}, b'{"a":1,"b":2}\n', "found JSON, expected delimited text"),
        ({"format": "csv"}, b'[\n{"a":1}]', "found JSON, expected delimited text"),
        ({"format": "fixed", "widths": WIDTHS}, b'{"a":1}\n', "found JSON, expected text of fixed width"),
        ({"format": "jsonl"}, b'[{"a":1}]', "found one JSON document"),
        ({"format": "jsonl"}, b"a,b,c\n1,2,3\n", "found delimited text, expected JSON Lines"),
        ({"format": "json"}, b"a;b;c\n1;2;3\n", "found delimited text, expected JSON"),
        ({"format": "csv"}, "a,b\n".encode("utf-16"), "found UTF-16-LE text, expected UTF-8"),
        ({"format": "json", "encoding": "utf-16-le"}, b'\xef\xbb\xbf{"a":1}', "found UTF-8 text, expected UTF-16-LE"),
        ({"format": "csv", "encoding": "utf-16-le"}, "a,b\n1,2\n".encode("utf-16-le") + b"1", "are not utf-16-le at byte 16"),
        ({"format": "csv", "encoding": "utf-32-le"}, "a,b\n".encode("utf-32-le") + b"\xff\xff\xff\xff", "are not utf-32-le at byte 16"),
    ],
)
def test_object_in_another_format_fails_as_a_whole(route: dict[str, Any], data: bytes, message: str) -> None:
    """Before the first record, and the message names what was seen."""
    with pytest.raises(ObjectError) as caught:
        list(open_records(Route("r", "**", table="t", **route), LIMITS, iter([data])))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("name", "data", "length", "code"),
    [
        ("record_bytes_max", b"a,b\nxx,yy\n", 6, "RECORD_TOO_LARGE"),
        ("field_bytes_max", 'a,b\n"xé",y\n'.encode(), 3, "FIELD_TOO_LARGE"),
        ("columns_max", b"a,b\n1,2\n", 2, "HEADER_TOO_WIDE"),
        ("name_bytes_max", "aé,b\n1,2\n".encode(), 3, "HEADER_NAME_TOO_LONG"),
    ],
)
def test_limit_of_a_csv_holds_at_its_edge(name: str, data: bytes, length: int, code: str) -> None:
    """One less than there is fails with its code; as many, and one more, do not."""
    route = Route("r", "**", "csv", "t")
    for allowed in (length - 1, length, length + 1):
        try:
            found = [row.code for row, *_ in open_records(route, replace(LIMITS, **{name: allowed}), iter([data])) if isinstance(row, Rejection)]
        except ObjectError as error:
            found = [error.code]
        assert found == ([code] if allowed < length else [])


def test_start_in_a_text_of_two_bytes_is_counted_in_stored_bytes() -> None:
    """A record's offset is where it stands in the decompressed object."""
    data = "a\n€\n𝄞\nx\n".encode("utf-16-le")
    found = list(open_records(Route("r", "**", "csv", "t", encoding="utf-16-le"), LIMITS, iter([data])))
    assert [Origin(*place).end for _, *place in found] == [Start(8, 3), Start(14, 4), Start(18, 5)]
