"""Each column type with each kind of value, from CSV texts and from JSON values."""

from __future__ import annotations

import datetime
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from encode.samples import TABLE, from_fields, from_members, item_of, route_of, value_of
from headrace.config.model import Column
from headrace.encode.compile import compile_fields, compile_members
from headrace.record import Number

N = Number
NULL = {"NULL": True}

CELLS: list[tuple[Column, str, Any]] = [
    (Column("string"), " a ", {"S": " a "}),
    (Column("string"), '"\\\u2028\x00\x7f\t', {"S": '"\\\u2028\x00\x7f\t'}),
    (Column("string"), "\udcff", "ENCODING_INVALID"),
    (Column("number"), " 1.50 ", {"N": "1.5"}),
    (Column("number"), "1,5", "NUMBER_INVALID"),
    (Column("number"), "\udcff", "NUMBER_INVALID"),
    (Column("boolean"), " YES ", {"BOOL": True}),
    (Column("boolean"), "f", {"BOOL": False}),
    (Column("boolean"), "2", "BOOLEAN_INVALID"),
    (Column("binary"), "AAH/", {"B": "AAH/"}),
    (Column("binary"), "AAH", "BINARY_INVALID"),
    (Column("binary"), "AA H/", "BINARY_INVALID"),
    (Column("binary"), "AAH_", "BINARY_INVALID"),
    (Column("binary"), "ÄÄÄÄ", "BINARY_INVALID"),
    (Column("binary", format="hex"), "00 Ff", {"B": "AP8="}),
    (Column("binary", format="hex"), "0", "BINARY_INVALID"),
    (Column("timestamp"), "2024-02-29", {"N": "1709164800"}),
    (Column("timestamp"), "2024-02-29T12:00:00+02:00", {"N": "1709200800"}),
    (Column("timestamp"), "1970-01-01T00:00:00.999Z", {"N": "0"}),
    (Column("timestamp"), "9999-12-31T23:59:59Z", {"N": "253402300799"}),
    (Column("timestamp"), "1969-12-31T23:59:59Z", "TIMESTAMP_INVALID"),
    (Column("timestamp"), "0001-01-01T00:00:00+14:00", "TIMESTAMP_INVALID"),
    (Column("timestamp"), "2024-02-30", "TIMESTAMP_INVALID"),
    (Column("timestamp"), "1709164800", "TIMESTAMP_INVALID"),
    (Column("timestamp", format="epoch_s"), "1709164800.9", {"N": "1709164800"}),
    (Column("timestamp", format="epoch_s"), "1.7e9", {"N": "1700000000"}),
    (Column("timestamp", format="epoch_s"), "1709164800000", "TIMESTAMP_INVALID"),
    (Column("timestamp", format="epoch_s"), "-0.5", "TIMESTAMP_INVALID"),
    (Column("timestamp", format="epoch_s"), "1e100", "TIMESTAMP_INVALID"),
    (Column("timestamp", format="epoch_ms"), "1709164800999", {"N": "1709164800"}),
    (Column("timestamp", format="%d/%m/%Y %H:%M"), "29/02/2024 01:02", {"N": "1709168520"}),
    (Column("timestamp", format="%d/%m/%Y"), "2024-02-29", "TIMESTAMP_INVALID"),
    (Column("json"), ' {"a":[1.0,null,"x",true]} ', {"M": {"a": {"L": [{"N": "1"}, NULL, {"S": "x"}, {"BOOL": True}]}}}),
    (Column("json"), "1e3", {"N": "1000"}),
    (Column("json"), "x", "JSON_INVALID"),
    (Column("json"), '{"a":NaN}', "JSON_INVALID"),
    (Column("json"), '{"a":1,"a":2}', "JSON_INVALID"),
    (Column("json"), '{"":1}', "NAME_INVALID"),
    (Column("json"), "[" * 100_000, "JSON_INVALID"),
    (Column("json"), '"\\ud800"', "ENCODING_INVALID"),
    (Column("map"), '{"a":{}}', {"M": {"a": {"M": {}}}}),
    (Column("map"), "[]", "TYPE_MISMATCH"),
    (Column("list"), "a||b", {"L": [{"S": "a"}, {"S": ""}, {"S": "b"}]}),
    (Column("list", separator=", "), "a, b", {"L": [{"S": "a"}, {"S": "b"}]}),
    (Column("string_set"), "b|a|b", {"SS": ["b", "a"]}),
    (Column("number_set"), "1|1.0|01e0| 2 ", {"NS": ["1", "2"]}),
    (Column("number_set"), "1|", "NUMBER_INVALID"),
]


@pytest.mark.parametrize(("column", "text", "expected"), CELLS, ids=[f"{column.type}-{text[:12]!r}" for column, text, _ in CELLS])
def test_cell_becomes_the_value_of_its_type(column: Column, text: str, expected: Any) -> None:
    """A text is converted or refused with a code, in CSV and in a JSON string alike, also when it comes again."""
    assert value_of(column, text) == expected
    found = from_members(route_of({"v": column}), {"pk": "1", "v": text})
    assert (found if isinstance(found, str) else found["v"]) == expected


MEMBERS: list[tuple[str, Any, Any]] = [
    ("string", N("1.50"), {"S": "1.50"}),
    ("string", True, {"S": "true"}),
    ("string", 1, {"S": "1"}),
    ("string", Decimal("1.0"), {"S": "1.0"}),
    ("string", 1.5, "TYPE_MISMATCH"),
    ("string", [], "TYPE_MISMATCH"),
    ("string", 10**5000, {"S": "1" + "0" * 5000}),
    ("number", N("1.50"), {"N": "1.5"}),
    ("number", "1.50", {"N": "1.5"}),
    ("number", True, "TYPE_MISMATCH"),
    ("number", {}, "TYPE_MISMATCH"),
    ("number", 10**5000, "NUMBER_RANGE"),
    ("number", Decimal("NaN"), "NUMBER_INVALID"),
    ("number", 0.5, "TYPE_MISMATCH"),
    ("boolean", True, {"BOOL": True}),
    ("boolean", N("0"), {"BOOL": False}),
    ("boolean", [True], "TYPE_MISMATCH"),
    ("binary", b"\0\xff", {"B": "AP8="}),
    ("binary", True, "TYPE_MISMATCH"),
    ("binary", N("1234"), "TYPE_MISMATCH"),
    ("timestamp", N("5"), "TIMESTAMP_INVALID"),
    ("json", [N("1"), {"a": None}], {"L": [{"N": "1"}, {"M": {"a": NULL}}]}),
    ("json", b"x", {"B": "eA=="}),
    ("json", {1: "x"}, "NAME_INVALID"),
    ("json", {b"x", b""}, {"BS": ["", "eA=="]}),
    ("json", {b"x", "x"}, "TYPE_MISMATCH"),
    ("json", {"b", "a"}, {"SS": ["a", "b"]}),
    ("json", set(), "SET_EMPTY"),
    ("json", datetime.date(2024, 1, 1), "TYPE_MISMATCH"),
    ("map", {"a": N("1")}, {"M": {"a": {"N": "1"}}}),
    ("map", [], "TYPE_MISMATCH"),
    ("list", [N("1"), "x"], {"L": [{"N": "1"}, {"S": "x"}]}),
    ("list", [], {"L": []}),
    ("list", {"a": 1}, "TYPE_MISMATCH"),
    ("list", N("1"), "TYPE_MISMATCH"),
    ("string_set", ["a", "a"], {"SS": ["a"]}),
    ("string_set", [""], {"SS": [""]}),
    ("string_set", [], "SET_EMPTY"),
    ("string_set", [[]], "TYPE_MISMATCH"),
    ("number_set", [N("1"), N("1.0"), 2], {"NS": ["1", "2"]}),
    ("number_set", [], "SET_EMPTY"),
    ("number_set", [True], "NUMBER_INVALID"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), MEMBERS, ids=[f"{kind}-{number}" for number, (kind, _, _) in enumerate(MEMBERS)])
def test_member_becomes_the_value_of_its_type(kind: Any, value: Any, expected: Any) -> None:
    """The values of JSON and of transforms, converted where nothing is lost, else refused."""
    found = from_members(route_of({"v": Column(kind)}), {"pk": "1", "v": value})
    assert (found if isinstance(found, str) else found["v"]) == expected


EMPTY = {"string": {"S": ""}, "list": {"L": []}, "map": {"M": {}}}
TYPES = ["string", "number", "boolean", "binary", "timestamp", "json", "map", "list", "string_set", "number_set"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("text", ["", "NA", None])
def test_empty_value_becomes_what_the_policy_says(kind: Any, text: str | None) -> None:
    """Each policy for each type, of the route or of the column, for nothing, for a null value and for JSON null."""
    expected = {"omit": None, "null": NULL, "empty": EMPTY.get(kind), "reject": "VALUE_EMPTY"}
    for policy, result in expected.items():
        for route in (route_of({"v": Column(kind)}, empty=policy, null_values=["NA"]), route_of({"v": Column(kind, empty=policy)}, null_values=["NA"])):
            for found in (from_members(route, {"pk": "1", "v": text}), from_fields(route, {"pk": "1", "v": text}) if text is not None else None):
                if found is not None:
                    assert (found if isinstance(found, str) else found.get("v")) == result
    assert from_members(route_of({"v": Column(kind, empty="null")}), {"pk": "1"})["v"] == NULL


@pytest.mark.parametrize(
    ("values", "texts"), [((True, 1, Decimal("1.0")), ("true", "1", "1.0")), ((1, True), ("1", "true")), ((Decimal("1.0"), N("1"), "1.0"), ("1.0", "1", "1.0"))]
)
def test_values_that_python_calls_equal_are_told_apart(values: tuple[Any, ...], texts: tuple[str, ...]) -> None:
    """1, True and 1.0 are equal in Python; what one of them became is not taken for another."""
    encode = compile_members(route_of({"v": Column("string")}), TABLE)
    assert tuple(item_of(encode({"pk": "1", "v": value})[1])["v"]["S"] for value in values) == texts


@pytest.mark.parametrize("values", [("1.234", N("1.234")), (N("1.234"), "1.234")])
def test_number_of_json_has_its_own_marks_whichever_comes_first(values: tuple[str, str]) -> None:
    """A column whose texts are written 1.234,5 has the text "1.234" and the number 1.234 beside each other: they are a thousand times apart."""
    encode = compile_members(route_of({"v": Column("number", decimal=",", thousands=".")}), TABLE)
    found = [item_of(encode({"pk": "1", "v": value})[1])["v"]["N"] for value in values]
    assert found == ["1.234" if isinstance(value, N) else "1234" for value in values]


def test_cache_when_values_are_long_stays_small() -> None:
    """A long text may become a short fragment, such as a number behind a million blanks: it is not kept."""
    encode = compile_fields(route_of({"v": Column("number")}), TABLE, ["pk", "v"])
    tracemalloc.start()
    for value in range(200):
        encode(["1", " " * 100_000 + str(value)])
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 1 << 20


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_nesting_is_limited_where_dynamodb_limits_it(opening: str, closing: str) -> None:
    """The 32nd level is the last, counting the attribute's value as the first and the innermost value too."""
    for levels, text in ((32, "1"), (33, "1"), (32, "[]"), (33, "{}"), (400, "null")):
        found = value_of(Column("json"), opening * (levels - 1) + text + closing * (levels - 1))
        assert (found == "NESTING_TOO_DEEP") == (levels > 32)
