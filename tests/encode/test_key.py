"""Keys: templates, DynamoDB's limits, and one text for each key."""

from __future__ import annotations

import base64
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encode.samples import from_fields, from_members, item_of
from headrace.config.model import Column, KeyType, Route, Table
from headrace.encode.compile import compile_json, compile_members
from headrace.encode.key import identity_of
from headrace.encode.values import of_token
from headrace.errors import RecordError
from headrace.record import Number, Shape


def keyed(template: str | None, kind: KeyType = "string", **settings: Any) -> tuple[Route, Table]:
    """A route whose key is ``template``, or the column ``a`` itself."""
    columns = {"a": Column("drop" if template else kind, "" if template else "pk"), "b:c": Column("drop"), "d!e": Column("drop")}
    return Route("r", "**", "csv", "t", columns=columns, key={"pk": template} if template else {}, **settings), Table({"pk": kind})


def key_of(template: str | None, kind: KeyType = "string", **record: Any) -> Any:
    """The typed key of a record, or a code."""
    route, table = keyed(template, kind)
    found = from_members(route, {"b:c": "7", "d!e": "8", **record}, table)
    if all(type(value) is str for value in record.values()):
        assert from_fields(route, {"b:c": "7", "d!e": "8", **record}, table) == found
    return found if isinstance(found, str) else found["pk"]


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("order#{a}", "1", {"S": "order#1"}),
        ("{a}", " 1 ", {"S": " 1 "}),
        ("{a}{a}", "x", {"S": "xx"}),
        ("{a:05}", "42", {"S": "00042"}),
        ("{a:05}", "-42", {"S": "-0042"}),
        ("{a:05}", "1234567", {"S": "1234567"}),
        ("{a:02}/{b:c}/{d!e:03}", "1", {"S": "01/7/008"}),
        ("{{{a}}}", "1", {"S": "{1}"}),
        ("{{a}}", "1", {"S": "{a}"}),
        ("all", "1", {"S": "all"}),
        ("x#{a}", "", "KEY_EMPTY"),
        ("x#{a}", "{b:c}", {"S": "x#{b:c}"}),
        ("x#{a}", "\udcff", "ENCODING_INVALID"),
        ("x#{a}", '𝄞\u2028"\\', {"S": 'x#𝄞\u2028"\\'}),
    ],
)
def test_template_puts_texts_together(template: str, value: str, expected: Any) -> None:
    """Zero padding, braces, names with colons; an empty part is an empty key, never a silent gap."""
    assert key_of(template, a=value) == expected


@pytest.mark.parametrize("template", [None, "{a}"])
def test_number_key_of_json_has_its_own_marks(template: str | None) -> None:
    """As in other attributes: what the column's marks say is about texts."""
    route = Route("r", "**", "jsonl", "t", columns={"a": Column("number", decimal=",", thousands=".")}, key={"a": template} if template else {})
    encode = compile_json(route, Table({"a": "number"}))
    for token, expected in (('"1.234"', "1234"), ("1.234", "1.234"), ('"1.234"', "1234")):
        assert item_of(encode((Shape(("a",)), (token,)))[1]) == item_of(encode({"a": of_token(token)})[1]) == {"a": {"N": expected}}


class Level(str, Enum):  # noqa: UP042 - StrEnum shows its text
    """Python shows it as ``Level.GOLD``."""

    GOLD = "gold"


@pytest.mark.parametrize("template", [None, "{a}", "x#{a}", "{a:06}"])
def test_key_made_from_a_transforms_own_kind_of_text_has_its_characters(template: str | None) -> None:
    """As other attributes have them, however it is shown to people."""
    assert key_of(template, a=Level.GOLD) == key_of(template, a="gold")


def test_key_takes_scalars_as_they_are_written() -> None:
    """Numbers in a string key keep their text, in a number key their value; nothing else is a key."""
    assert key_of("x#{a}", a=True) == {"S": "x#true"}
    assert key_of(None, "number", a="1e3") == key_of(None, "number", a="01000.0") == {"N": "1000"}
    assert key_of("{a}", "number", a="-0") == {"N": "0"}
    assert key_of(None, "number", a="x") == "NUMBER_INVALID"
    assert key_of(None, "number", a=True) == "TYPE_MISMATCH"
    assert key_of(None, "binary", a="AAE=") == {"B": "AAE="}
    assert key_of(None, "binary", a=Number("1234")) == key_of(None, "binary", a=True) == "TYPE_MISMATCH"
    assert key_of(None, a=["1"]) == key_of("x{a}", a={}) == key_of(None, a=1.5) == "TYPE_MISMATCH"
    assert key_of(None, a=None) == "KEY_EMPTY"
    route, table = keyed("x#{a}", null_values=["NA"])
    assert from_members(route, {"a": "NA"}, table) == "KEY_EMPTY"


@pytest.mark.parametrize(("position", "limit"), [("pk", 2048), ("sk", 1024)])
@pytest.mark.parametrize("char", ["x", "é", "𝄞"])
def test_key_is_limited_in_bytes(position: str, limit: int, char: str) -> None:
    """At the limit it is a key, above it is not, counted in bytes of UTF-8; the same for binary keys."""
    size = len(char.encode())
    for kind in ("string", "binary"):
        columns = {"pk": Column("string"), "sk": Column("string")} | {position: Column(kind)}  # type: ignore[arg-type, dict-item]
        table = Table({"pk": "string", "sk": "string"} | {position: kind})  # type: ignore[arg-type, dict-item]
        route = Route("r", "**", "csv", "t", columns=columns)
        for length in (limit - size, limit - limit % size, limit + size, limit + 1):
            text = char * (length // size) + "x" * (length % size)
            value = text if kind == "string" else base64.b64encode(text.encode()).decode()
            found = from_members(route, {"pk": "1", "sk": "1", position: value}, table)
            assert (found == "KEY_TOO_LONG") == (length > limit)
    assert from_members(route, {"pk": "1", "sk": "1", position: b""}, table) == "KEY_EMPTY"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), st.decimals(-(10**20), 10**20, places=4), st.binary(min_size=1, max_size=9))
def test_identity_of_what_the_table_hands_back_is_that_of_the_entry(text: str, amount: Any, data: bytes) -> None:
    """Unprocessed items are found again by their key, also when the table writes a number in another way."""
    for kind, value, wire, respelt in (
        ("string", text, {"S": text}, {"S": text}),
        ("number", amount, {"N": str(amount)}, {"N": f"{amount:E}"}),
        ("binary", data, {"B": base64.b64encode(data).decode()}, {"B": base64.b64encode(data).decode()}),
    ):
        table = Table({"pk": "string", "sk": kind})  # type: ignore[dict-item]
        route = Route("r", "**", "csv", "t", columns={"pk": Column(), "sk": Column(kind), "v": Column()})  # type: ignore[arg-type]
        identity, request = compile_members(route, table)({"pk": "p", "sk": value, "v": "x"})
        for back in (item_of(request), {"pk": {"S": "p"}, "sk": wire}, {"sk": respelt, "pk": {"S": "p"}, "w": {"S": "x"}}):
            assert identity_of(table.key, back) == identity


def test_identity_differs_for_different_keys() -> None:
    """Two keys whose texts run together differently are two keys; equal numbers are one."""
    route = Route("r", "**", "csv", "t", columns={"pk": Column(), "sk": Column()})
    encode = compile_members(route, Table({"pk": "string", "sk": "string"}))
    keys = [("ab", "c"), ("a", "bc"), ('a","sk":{"S":"b', "c"), ("a", 'b"},"sk":{"S":"c'), ("c", "ab"), ("é", "x"), ("e\u0301", "x")]
    assert len({encode({"pk": pk, "sk": sk})[0] for pk, sk in keys}) == len(keys)
    with pytest.raises(RecordError):
        encode({"pk": "", "sk": "x"})
