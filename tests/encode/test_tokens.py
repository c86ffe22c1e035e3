"""Tokens against mappings: the same object becomes the same request, or is refused for the same reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encode.samples import TABLE, route_of
from headrace.config.model import Column, Route, Table
from headrace.encode.compile import Encode, compile_json, compile_members
from headrace.encode.values import of_token
from headrace.errors import RecordError
from headrace.record import Shape

NAMES = ["a", "b", "attr_a", "k", "pk", "sk", "é", "", "\ud800", "{v0}", "const"]
TOKENS = ['""', '"NA"', '"1"', "1", "1.0", "-0", '"007"', "true", '"true"', "false", "null", '"null"', '"a|b"', "1e500", '"\\u0041"', '"\\ud800"', '"é"']
TOKENS += ['"[1]"', '"{}"', '"AAAA"', '"2024-01-01"', '"\\"\\\\"', "9" * 39, "1704067200"]
types = st.sampled_from(["string", "number", "boolean", "binary", "timestamp", "json", "map", "list", "string_set", "number_set", "drop"])
policies = st.sampled_from(["omit", "null", "empty", "reject"])


@st.composite
def routes(draw: st.DrawFn) -> tuple[Route, Table]:
    """A route for members that its table accepts."""
    declared = draw(st.lists(st.sampled_from(["a", "b", "é", "{v0}"]), unique=True))
    columns = {name: Column(draw(types), draw(st.sampled_from(["", f"attr_{name}"])), draw(st.none() | policies)) for name in declared}
    columns["k"] = Column(draw(st.sampled_from(["drop", "number", "string"])))
    kinds = st.sampled_from(["string", "number", "binary"])
    table = Table({name: draw(kinds) for name in draw(st.sampled_from([["pk"], ["pk", "sk"]]))})
    key = {"pk": draw(st.sampled_from(["{k}", "x#{k:03}", "{k}{é}"])), "sk": draw(st.sampled_from(["{pk}", "{k}#"]))}
    return Route(
        "orders",
        "**",
        "jsonl",
        "orders",
        columns=columns,
        other_columns=draw(st.sampled_from(["keep", "keep", "drop", "reject"])),
        key={name: key[name] for name in table.key},
        constants=draw(st.sampled_from([{}, {"const": 7}])),
        empty=draw(policies),
        null_values=draw(st.sampled_from([[], ["NA", "1"]])),
        mode=draw(st.sampled_from(["put", "put", "delete"])),
    ), table


def result_of(encode: Encode, record: Any) -> Any:
    try:
        return encode(record)
    except RecordError as error:
        return error.code, error.column, error.message


shapes = st.lists(st.sampled_from([*NAMES[:3], "w", "x"]) | st.sampled_from(NAMES), max_size=6, unique=True).map(
    lambda names: Shape(("k", *[name for name in names if name != "k"]))
)


@given(routes(), st.lists(shapes, min_size=1, max_size=3), st.data())
def test_tokens_and_members_make_the_same_request(drawn: tuple[Route, Table], few: list[Shape], data: st.DataObject) -> None:
    """Equal texts of different types, absent and refused names, empty values, surrogates; in any order of shapes, with what was kept from earlier records."""
    route, table = drawn
    by_tokens, by_name = compile_json(route, table), compile_members(route, table)
    for _ in range(6):
        shape = data.draw(st.sampled_from(few))
        tokens = tuple(data.draw(st.sampled_from(TOKENS[:9] if name == "k" else TOKENS)) for name in shape.names)
        record = {name: of_token(token) for name, token in zip(shape.names, tokens, strict=True)}
        expected = result_of(by_name, record)
        assert result_of(by_tokens, (shape, tokens)) == expected
        assert result_of(by_tokens, record) == expected


@pytest.mark.parametrize("type_", ["string", "number", "json", "list", "string_set"])
def test_text_and_number_of_the_same_digits_are_never_confused(type_: Any) -> None:
    """Fragments are kept by what the file says, quotes included."""
    route = route_of({"v": Column(type_)}, other_columns="keep")
    by_tokens, by_name = compile_json(route, TABLE), compile_members(route, TABLE)
    shape = Shape(("pk", "v", "w"))
    for token in ("5", '"5"', "5", '"5"', "true", '"true"', "1", "true"):
        record = {"pk": "1", "v": of_token(token), "w": of_token(token)}
        assert result_of(by_tokens, (shape, ('"1"', token, token))) == result_of(by_name, record)


@pytest.mark.parametrize("token", ['"a\\"b"', '"\\u0041"', '"\\ud834\\udd1e"', '"\\ud800"', '"\\\\"', '"é"', "5", "true", "null", '""'])
def test_key_is_made_of_the_value_and_not_of_its_token(token: str) -> None:
    """Escapes mean what they stand for, in keys as elsewhere."""
    route = route_of(key={"pk": "x#{id}"}, other_columns="keep")
    assert result_of(compile_json(route, TABLE), (Shape(("id",)), (token,))) == result_of(compile_members(route, TABLE), {"id": of_token(token)})
