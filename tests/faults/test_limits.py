"""DynamoDB's limits, one below, at and one above each, in whole loads: the record above is rejected alone (row 17 of the list of faults)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.engines import Engine
from faults.loading import WRITE, faulted
from headrace.config.model import Column, KeyType

Record = dict[str, Any]
KEY: dict[str, KeyType] = {"pk": "string", "sk": "string"}
NEIGHBOURS = 24


def of_size(size: int) -> Record:
    """An item of ``size`` bytes: the names, ``a`` and ``b`` as keys, and the rest in ``v``."""
    return {"pk": "a", "sk": "b", "v": "x" * (size - len("pk" + "sk" + "v") - 2)}


def nested(levels: int) -> Record:
    value: Any = "x"
    for _ in range(levels - 1):
        value = [value]
    return {"pk": "a", "sk": "b", "v": value}


LIMITS: dict[str, tuple[int, str, Callable[[int], Record]]] = {
    "item bytes": (409_600, "ITEM_TOO_LARGE", of_size),
    "partition key bytes": (2048, "KEY_TOO_LONG", lambda size: {"pk": "x" * size, "sk": "b"}),
    "partition key bytes, two each": (1024, "KEY_TOO_LONG", lambda size: {"pk": "é" * size, "sk": "b"}),
    "sort key bytes": (1024, "KEY_TOO_LONG", lambda size: {"pk": "a", "sk": "x" * size}),
    "levels": (32, "NESTING_TOO_DEEP", nested),
    "digits": (38, "NUMBER_PRECISION", lambda size: {"pk": "a", "sk": "b", "n": "1" * size}),
    "positive exponent": (125, "NUMBER_RANGE", lambda size: {"pk": "a", "sk": "b", "n": f"9e{size}"}),
    "negative exponent": (130, "NUMBER_RANGE", lambda size: {"pk": "a", "sk": "b", "n": f"1e-{size}"}),
    "name bytes": (65_535, "NAME_TOO_LONG", lambda size: {"pk": "a", "sk": "b", "x" * size: "v"}),
}


def neighbours(count: int) -> list[Record]:
    return [{"pk": f"good{number}", "sk": "b"} for number in range(count)]


def as_lines(records: list[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_record_at_a_limit_is_written_and_above_it_is_rejected_alone(ministack: Engine, name: str, step: int) -> None:
    """Its 24 neighbours are written whichever it is, in no more calls than without it."""
    limit, code, record = LIMITS[name]
    good = neighbours(NEIGHBOURS)
    with faulted(
        ministack, form="jsonl", columns={"n": Column("number"), "v": Column("json")} if name == "levels" else {"n": Column("number")}, **KEY
    ) as world:
        outcome = world.load(as_lines([*good[:12], record(limit + step), *good[12:]]))
        assert (outcome.state, outcome.read, outcome.written, outcome.rejected) == ("LOADED", 25, 24 if step > 0 else 25, step > 0)
        assert len(world.items()) == outcome.written
        assert [(line["code"], line["line"]) for line in world.rejects.lines] == ([(code, 13)] if step > 0 else [])
        assert world.proxy.operations() == [WRITE]


NEVER = {
    "empty partition key": ('{"pk": "", "sk": "b"}', "KEY_EMPTY"),
    "no sort key": ('{"pk": "a"}', "KEY_EMPTY"),
    "key of another type": ('{"pk": {"a": 1}, "sk": "b"}', "TYPE_MISMATCH"),
    "empty set": ('{"pk": "a", "sk": "b", "s": []}', "SET_EMPTY"),
    "half a character": ('{"pk": "a", "sk": "b", "v": "\\ud800"}', "ENCODING_INVALID"),
    "no number": ('{"pk": "a", "sk": "b", "n": "NaN"}', "NUMBER_INVALID"),
}


@pytest.mark.parametrize("name", NEVER)
def test_record_that_no_table_takes_is_rejected_alone(ministack: Engine, name: str) -> None:
    """Found before it is sent: no call is refused."""
    text, code = NEVER[name]
    with faulted(ministack, form="jsonl", columns={"n": Column("number"), "s": Column("string_set")}, **KEY) as world:
        outcome = world.load(as_lines(neighbours(NEIGHBOURS)) + text.encode() + b"\n")
        assert (outcome.state, outcome.written, outcome.rejected) == ("LOADED", NEIGHBOURS, 1)
        assert len(world.items()) == NEIGHBOURS
        assert [line["code"] for line in world.rejects.lines] == [code]
        assert [call.status for call in world.proxy.calls] == [200]
