"""Sizes as DynamoDB counts them. The exact boundary on two engines is in tests/contracts."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headrace.encode import values
from headrace.encode.limits import ITEM_BYTES_MAX, WIRE_CHARACTERS_SAFE, item_bytes, number_bytes
from headrace.record import Number

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=5).map(lambda value: Number(str(value)))
plain = st.recursive(
    texts | numbers | st.none() | st.booleans() | st.binary(max_size=9) | st.sets(texts, min_size=1, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)
items = st.dictionaries(names, plain, max_size=4)


def size_of(value: Any) -> int:
    """The size of a Python value by the rules of the developer guide, written down a second time."""
    if value is None or value is True or value is False:
        return 1
    if isinstance(value, Number):
        return number_bytes(json.loads(values.natural(value))["N"])
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, set):
        return sum(map(size_of, value))
    members = list(value.items()) if isinstance(value, dict) else [("", member) for member in value]
    return 3 + sum(1 + len(name.encode()) + size_of(member) for name, member in members)


def wire_of(item: dict[str, Any]) -> str:
    return "{" + ",".join(f"{values.name_of(name)}:{values.natural(value)}" for name, value in item.items()) + "}"


@given(items)
def test_item_bytes_of_any_item_is_the_sum_of_names_and_values(item: dict[str, Any]) -> None:
    """Whatever the types and however deep; counted from the wire form, where binary is longer and escapes are longer."""
    assert item_bytes(json.loads(wire_of(item))) == sum(len(name.encode()) + size_of(value) for name, value in item.items())


@given(items)
def test_item_whose_wire_form_is_short_cannot_be_too_large(item: dict[str, Any]) -> None:
    """Four bytes for each character of the wire form are never less than the item's size: so WIRE_CHARACTERS_SAFE needs no measuring."""
    wire = wire_of(item)
    assert item_bytes(json.loads(wire)) <= 4 * len(wire)
    assert 4 * WIRE_CHARACTERS_SAFE <= ITEM_BYTES_MAX


def test_wire_form_is_shortest_for_what_is_largest() -> None:
    """The extreme of each type: four-byte characters, base64, empty containers, long numbers, sets."""
    for wire in (
        json.dumps({"𝄞" * 50: {"S": "𝄞" * 50}}, ensure_ascii=False),
        json.dumps({"b": {"B": base64.b64encode(bytes(99)).decode()}}),
        json.dumps({"l": {"L": [{"L": []}] * 30}, "m": {"M": {"a": {"M": {}}}}}),
        json.dumps({"n": {"N": "-" + "9" * 38}, "e": {"N": "1E-130"}, "z": {"N": "0"}}),
        json.dumps({"s": {"SS": ["𝄞", "é", ""]}, "t": {"NS": ["1", "-2"]}, "x": {"NULL": True}, "y": {"BOOL": False}}, ensure_ascii=False),
    ):
        assert item_bytes(json.loads(wire)) <= 4 * len(wire)
