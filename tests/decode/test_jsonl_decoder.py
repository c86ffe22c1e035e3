"""JSON Lines by RFC 8259, line by line, nothing silently changed."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.samples import MB, Seen, json_records, piece_sizes
from headrace.decode.jsonl import JsonLinesDecoder, parse
from headrace.decode.limits import JsonLimits
from headrace.decode.lines import line_blocks
from headrace.errors import ObjectError, RecordError
from headrace.record import Number

names = st.text(max_size=4)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
records = st.dictionaries(names, values, max_size=4)


def line_of(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=len(record) % 2 == 0).encode("utf-8", "surrogatepass")


def refusal(data: bytes) -> str:
    """The code with which ``data`` is refused, or ``""``."""
    try:
        parse(data)
    except RecordError as error:
        return error.code
    return ""


soups = st.lists(
    st.sampled_from([b'{"a":1}', b'{"a":1', b"\n", b"\n", b"\r\n", b"\r", b" ", b"[1]", b"{}", b'{"b":"' + b"y" * 20 + b'"}', b"\xff", b"\xef\xbb\xbf", b"x"]),
    max_size=20,
).map(b"".join)


def expected(data: bytes, limit: int) -> list[Seen]:
    """The records of the content, line by line."""
    base = at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    found = []
    for number, text in enumerate(data[base:].split(b"\n"), 1):
        raw = data[at : at + len(text) + 1]
        if len(text) > limit:
            found.append(Seen("RECORD_TOO_LARGE", number, number, at, raw[:limit]))
        elif text.strip(b" \t\r\n"):
            found.append(Seen(refusal(text) or json.loads(text, parse_int=Number), number, number, at, raw))
        at += len(text) + 1
    return found


@given(soups, piece_sizes, st.integers(1, 30))
def test_records_however_cut_are_the_lines(data: bytes, sizes: Sequence[int], limit: int) -> None:
    """Every line that is not blank is a record or a rejection with its line, offset and bytes, for every cut and limit."""
    for limited in (limit, MB):
        assert json_records(data, sizes, limit=limited) == expected(data, limited)


@given(st.lists(records, max_size=5), piece_sizes)
def test_records_written_as_json_are_read_as_they_were(content: list[dict[str, Any]], sizes: Sequence[int]) -> None:
    """Names, texts and structure come back equal; numbers come back as the digits that were written."""
    data = b"".join(line_of(record) + b"\n" for record in content)
    found = [record.what for record in json_records(data, sizes)]
    assert found == [json.loads(line_of(record), parse_int=Number) for record in content]


@pytest.mark.parametrize(
    "text", ["0", "-0", "1e400", "-1E-400", "1.0", "1.50", "1e+05", "9" * 5000, "123456789012345678901234567890.123456789012345678901234567890"]
)
def test_numbers_are_the_text_that_was_written(text: str) -> None:
    """No digit passes through a float or an int, however long or large."""
    value = parse(f'{{"n": {text} }}'.encode())["n"]
    assert (type(value), value) == (Number, text)


@pytest.mark.parametrize(
    "text",
    [
        *["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "5.", "1e", "0x10", "- 1", "1_000", "\N{ARABIC-INDIC DIGIT ONE}"],
        *[
            '"\t"',
            '"\x00"',
            '"\\x"',
            '"\\u12"',
            "'a'",
            '"a',
            "[1,]",
            "[,1]",
            "[1",
            "{1:2}",
            '{"a":1,}',
            "True",
            "None",
            "nul",
            "//c",
            "",
            "1 2",
            "\xa01",
            "\f1",
        ],
    ],
)
def test_values_that_are_not_json_are_refused(text: str) -> None:
    """What Python's json takes beyond RFC 8259 (NaN, Infinity) is refused as well as what it refuses itself."""
    assert refusal(f'{{"a":{text}}}'.encode()) == "JSON_INVALID"


@pytest.mark.parametrize("text", ["[]", "1", '"a"', "null", "true", " [{}] "])
def test_line_that_is_json_but_no_object_is_refused(text: str) -> None:
    """Only an object can become an item."""
    assert refusal(text.encode()) == "JSON_NOT_OBJECT"


@pytest.mark.parametrize("text", ['{"a":1} {"b":2}', '{"a":1}x', '\ufeff{"a":1}', '{"a":1};'])
def test_line_with_more_than_one_value_is_refused(text: str) -> None:
    """One object per line; a byte order mark stands only at the start of the object."""
    assert refusal(text.encode()) == "JSON_INVALID"


def test_duplicate_name_is_refused_at_every_depth() -> None:
    """Python would keep the last value and lose the others; equal names may be spelt differently."""
    for text in ('{"a":1,"b":2,"a":1}', '{"x":{"a":1,"a":2}}', '{"x":[{"a":1,"\\u0061":2}]}'):
        with pytest.raises(RecordError) as caught:
            parse(text.encode())
        assert (caught.value.code, caught.value.column) == ("JSON_DUPLICATE_NAME", "a")


def test_duplicate_name_among_many_is_found_in_linear_time() -> None:
    """A line of 1 MB cannot hold up the load."""
    names = [f'"{number:x}":0' for number in range(90_000)]
    began = time.process_time()
    assert refusal(("{" + ",".join([*names, '"15f8f":1']) + "}").encode()) == "JSON_DUPLICATE_NAME"
    assert time.process_time() - began < 20


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_nesting_is_refused_and_not_a_crash(text: str) -> None:
    """100,000 levels are one rejected line."""
    assert refusal(f'{{"a":{text}}}'.encode()) == "NESTING_TOO_DEEP"


def test_text_that_is_not_utf8_is_refused_and_surrogates_are_left_to_the_encoder() -> None:
    """Bad bytes have no text at all; an escaped lone surrogate has a value, which only the item cannot hold."""
    for raw in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"):
        assert refusal(b'{"a":"' + raw + b'"}') == "ENCODING_INVALID"
    assert parse(b'{"a":"\\ud800"}') == {"a": "\ud800"}
    assert parse(b'{"a":"\\ud834\\udd1e"}') == {"a": "𝄞"}


def test_blank_lines_and_line_ends_inside_are_no_records() -> None:
    """CRLF ends a line as LF does; CR between tokens is JSON's own blank."""
    found = json_records(b'\xef\xbb\xbf\r\n \t\r\n{"a":\r1}\r\n\n{"b":2}', [3])
    assert [(seen.what, seen.first, seen.offset, seen.raw) for seen in found] == [({"a": "1"}, 3, 9, b'{"a":\r1}\r\n'), ({"b": "2"}, 5, 20, b'{"b":2}')]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_record_bytes_max_counts_the_bytes_before_the_line_end(size: int) -> None:
    """One byte below and exactly at the limit is a record, one above is not; its neighbours always are."""
    for length in (19, 20, 21):
        line = '{"a":"é'.encode() + b"x" * (length - 10) + b'"}'
        found = json_records(b"{}\n" + line + b"\n{}\n", [size], limit=20)
        assert len(line) == length
        assert [seen.what if isinstance(seen.what, str) else "" for seen in found] == ["", "" if length <= 20 else "RECORD_TOO_LARGE", ""]


def test_line_of_a_gigabyte_is_one_rejection_in_bounded_memory() -> None:
    """One line is refused with its first bytes, the next is read."""
    tracemalloc.start()
    content = itertools.chain([b'{"a":"'], itertools.repeat(b"x" * 262_144, 4096), [b'"}\n{"b":1}\n'])
    found = list(JsonLinesDecoder(line_blocks(content, line_bytes_max=MB, lf_only=True), limits=JsonLimits(MB)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [getattr(row, "code", row) for row, *_ in found] == ["RECORD_TOO_LARGE", {"b": "1"}]
    assert peak < 8 * MB


def test_utf16_is_refused_by_name() -> None:
    """As for CSV."""
    with pytest.raises(ObjectError) as caught:
        list(JsonLinesDecoder(line_blocks(iter(['{"a":1}'.encode("utf-16")]), line_bytes_max=MB, lf_only=True), limits=JsonLimits(MB)))
    assert caught.value.code == "ENCODING_UNSUPPORTED"
