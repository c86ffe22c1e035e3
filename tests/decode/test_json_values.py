"""JSON documents and values one after another, against Python's parser reading the whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.config.model import Limits, Route
from headrace.errors import ObjectError
from headrace.record import Origin, Rejection, Start
from headrace.records import open_records

LIMITS = Limits()
DOCUMENT = Route("r", "**", "json", "t", other_values="wrap", duplicate_names="last")
VALUES = replace(DOCUMENT, format="json_values")
CODES = {"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"}


class Exact(str):
    """The text of a number."""


names = st.text(st.sampled_from('ab"\\é𝄞/'), max_size=3)
numbers = st.sampled_from(["0", "-0", "1.50", "1e5", "-1.0E-3", "123456789012345678901234567890", "9" * 60]).map(Exact)
leaves = st.none() | st.booleans() | names | numbers
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6)
spaces = st.text(st.sampled_from(" \t\r\n"), max_size=3)


def text_of(value: Any, space: str) -> str:
    """JSON with ``space`` wherever it may stand."""
    match value:
        case Exact():
            return str(value)
        case dict():
            return "{" + space + ",".join(f"{space}{json.dumps(name)}{space}:{space}{text_of(one, space)}{space}" for name, one in value.items()) + "}"
        case list():
            return "[" + space + ",".join(f"{space}{text_of(one, space)}{space}" for one in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def read(data: bytes, route: Route, sizes: Sequence[int] = (1 << 20,), *, limits: Limits = LIMITS, start: Start | None = None) -> list[Any]:
    """The records, rejections by their code, and the code of the object's failure if there is one; each record's bytes are where it says."""
    found: list[Any] = []
    try:
        for row, block, first, last in open_records(route, limits, pieces(data, sizes), start=start):
            origin = Origin(block, first, last)
            assert data[origin.byte_offset : origin.byte_offset + len(origin.raw)] == origin.raw
            assert first == data[: origin.byte_offset].decode(route.encoding).count("\n") + 1
            found.append(row.code if isinstance(row, Rejection) else row)
    except ObjectError as error:
        found.append(error.code)
    return found


def wrapped(value: Any) -> Any:
    return value if isinstance(value, dict) else {"value": value}


@given(st.lists(values, max_size=5), spaces, piece_sizes, st.sampled_from(sorted(CODES)))
def test_array_is_read_element_by_element(content: list[Any], space: str, sizes: Sequence[int], encoding: Any) -> None:
    """Whatever white space and encoding it has, and however it is cut."""
    text = space + text_of(content, space) + space
    assert read(text.encode(encoding), replace(DOCUMENT, encoding=encoding), sizes) == [wrapped(value) for value in content]


@given(st.lists(values, max_size=4), st.dictionaries(names, values, max_size=3), spaces, piece_sizes)
def test_array_at_a_path_is_found_among_other_members(content: list[Any], others: dict[str, Any], space: str, sizes: Sequence[int]) -> None:
    """What is beside it is passed over, and has to be JSON too."""
    document = {**others, "data": {"before": list(others.values()), "items": content, "after": others}, **{f"z{name}": one for name, one in others.items()}}
    text = text_of(document, space)
    route = replace(DOCUMENT, path="data.items")
    assert read(text.encode(), route, sizes) == [wrapped(value) for value in content]
    assert read(text.encode()[:-1] + b",}", route, sizes)[-1] == "JSON_INVALID"


@given(st.lists(values, max_size=5), st.lists(spaces, min_size=5, max_size=5), piece_sizes)
def test_values_one_after_another_are_read(content: list[Any], between: list[str], sizes: Sequence[int]) -> None:
    """With any white space between them, or none where they end by themselves."""
    text = "".join(text_of(one, "") + (space if isinstance(one, dict | list) else space or " ") for one, space in zip(content, between, strict=False))
    assert read(text.encode(), VALUES, sizes) == [wrapped(value) for value in content]


atoms = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a"',
        '"a"',
        "1",
        "-",
        "0",
        ".5",
        "e1",
        "true",
        "nul",
        "null",
        "NaN",
        '"',
        "\\",
        "\\u00",
        '"\\ud800"',
        "\n",
        " ",
        "\x0b",
        "é",
    ]
)


def reference(text: str) -> Any:
    """What Python's parser makes of a document, None if it is not JSON (NaN is not)."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return [json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)]
    except ValueError:
        return None


@given(st.lists(atoms, max_size=12).map("".join), piece_sizes)
@example("[1,]", [1])
@example("[1 2]", [1])
@example('{"a":1,}', [1])
@example('{"a"}', [1])
@example("[]]", [1])
@example("12.", [1])
@example("[1.5,-0]", [1])
def test_soup_is_json_where_python_says_so(text: str, sizes: Sequence[int]) -> None:
    """Accepted with the same values, or refused; a crash is neither."""
    expected, found = reference(text), read(text.encode(), DOCUMENT, sizes)
    if not text.strip(" \t\r\n"):
        assert found == ["JSON_INVALID"]
    elif expected is None:
        assert found[-1:] in (["JSON_INVALID"], ["FORMAT_UNEXPECTED"])
    else:
        assert found == [wrapped(value) for value in (expected[0] if isinstance(expected[0], list) else expected)]


@given(st.lists(atoms, max_size=12).map("".join), piece_sizes)
def test_soup_beside_the_path_is_json_where_python_says_so(text: str, sizes: Sequence[int]) -> None:
    """What is passed over is read as strictly as what is kept."""
    document = f'{{"x":{text},"p":[]}}'
    found = read(document.encode(), replace(DOCUMENT, path="p"), sizes)
    assert (found in ([], ["JSON_DUPLICATE_NAME"])) == (reference(document) is not None)


@given(st.lists(values, max_size=5), spaces)
def test_reading_that_goes_on_after_any_record_gives_the_rest(content: list[Any], space: str) -> None:
    """From the object's beginning, with what was read before left out."""
    data = text_of(content, space).encode()
    places = [Origin(*place).end for _, *place in open_records(DOCUMENT, LIMITS, iter([data]))]
    for number, place in enumerate(places, 1):
        assert read(data, DOCUMENT, start=place) == [wrapped(value) for value in content[number:]]


@pytest.mark.parametrize(
    ("settings", "data", "expected"),
    [
        ({"other_values": "reject"}, b'[1,"x",null,[1],{}]', ["JSON_NOT_OBJECT"] * 4 + [{}]),
        ({"duplicate_names": "reject"}, b'[{"a":1,"a":2},{"b":1}]', ["JSON_DUPLICATE_NAME", {"b": "1"}]),
        ({}, b'[{"a":"\xff"},{"b":1}]', ["ENCODING_INVALID", {"b": "1"}]),
        ({}, b'[{"a":1},NaN]', [{"a": "1"}, "JSON_INVALID"]),
        ({}, b'[{"a":' + b"[" * 3_000 + b"]" * 3_000 + b"},{}]", ["NESTING_TOO_DEEP", {}]),
        ({}, b"[" * 50_000, ["NESTING_TOO_DEEP"]),
        ({}, b'{"a":' * 50_000, ["NESTING_TOO_DEEP"]),
        ({}, b'[{"n":' + b"1" * 4_301 + b"}]", [{"n": "1" * 4_301}]),
        ({"path": "a"}, b'{"b":1}', ["JSON_PATH_MISSING"]),
        ({"path": "a"}, b"[1]", ["JSON_PATH_MISSING"]),
        ({"path": "a.b"}, b'{"a":[]}', ["JSON_PATH_MISSING"]),
        ({"path": "a"}, b'{"a":[],"a":[]}', ["JSON_DUPLICATE_NAME"]),
        ({"path": "a"}, b'{"a":{"x":1}}', [{"x": "1"}]),
        ({"path": "a"}, b'{"' + b"x" * 3_000_000 + b'":1,"a":[{}]}', [{}]),
        ({}, b"", ["JSON_INVALID"]),
        ({}, b"\xef\xbb\xbf \n", ["JSON_INVALID"]),
        ({}, b"\xef\xbb\xbf[{}]", [{}]),
        ({}, b"[{}] {}", [{}, "JSON_INVALID"]),
    ],
)
def test_document_becomes(settings: dict[str, Any], data: bytes, expected: list[Any]) -> None:
    """One example of each rule."""
    found: list[Any] = []
    try:
        for row, *_ in open_records(replace(DOCUMENT, **settings), LIMITS, iter([data])):
            found.append(row.code if isinstance(row, Rejection) else row)
    except ObjectError as error:
        found.append(error.code)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "record", "length", "code"),
    [
        ("record_bytes_max", b'{"a":1}', 7, "RECORD_TOO_LARGE"),
        ("columns_max", b'{"a":1,"b":2}', 2, "COLUMNS_TOO_MANY"),
        ("name_bytes_max", '{"aé":1}'.encode(), 3, "NAME_TOO_LONG"),
        ("nesting_max", b'{"a":[{"b":1}]}', 3, "NESTING_TOO_DEEP"),
    ],
)
@pytest.mark.parametrize("form", ["json", "jsonl", "json_values"])
def test_limit_of_a_json_record_holds_at_its_edge(form: Any, name: str, record: bytes, length: int, code: str) -> None:
    """One less than there is rejects the record with its code, and only that record."""
    data = b"[" + record + b",{}]" if form == "json" else record + b"\n{}\n"
    for allowed in (length - 1, length, length + 1):
        limits = replace(LIMITS, **{name: allowed})
        first, second = (row for row, *_ in open_records(Route("r", "**", form, "t"), limits, iter([data])))
        assert (first.code if isinstance(first, Rejection) else "") == (code if allowed < length else "")
        assert second == {}


def test_record_that_is_too_large_is_passed_over_and_what_follows_is_read() -> None:
    """Only its first bytes are kept, however it is cut."""
    data = b'[{"a":"' + b"x" * 500 + b'"},\n{"b":1}]'
    for size in (1, 7, 64, 1000):
        found = list(open_records(DOCUMENT, replace(LIMITS, record_bytes_max=20), pieces(data, [size])))
        assert [row.code if isinstance(row, Rejection) else row for row, *_ in found] == ["RECORD_TOO_LARGE", {"b": "1"}]
        assert isinstance(found[0][0], Rejection)
        assert found[0][0].raw == data[1:21]
        assert [Origin(*place).byte_offset for _, *place in found] == [1, data.index(b'{"b"')]
