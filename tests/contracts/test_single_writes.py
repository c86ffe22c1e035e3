"""The single writes of every ItemStore, in the words in which the encoder makes them: in memory, and headrace's own on two engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.calls import call
from contracts.engines import Subject
from headrace.config.model import Column, Mode, Route, Table
from headrace.encode.limits import ITEM_BYTES_MAX
from headrace.encode.mode import compile_members
from headrace.errors import Invalid, ServiceError
from headrace.ports import Reply
from headrace.record import Block
from headrace.write.calls import SingleCalls

Make = Callable[..., Subject]
Gap = Callable[[str, str], None]
Json = dict[str, Any]
KEY = {"pk": {"S": "k"}}


pytestmark = pytest.mark.parametrize("subject", ["memory", "ministack", "dynalite"], indirect=True)  # the simulated table takes batches only


def write(subject: Subject, mode: Mode, *, table: str = "", **record: Any) -> Reply:
    """One record with the key k, written in ``mode``; ``op`` is its operation."""
    columns = {"pk": Column(), "v": Column("string" if isinstance(record.get("v"), str) else "number"), "op": Column("drop")}
    newer_by = "v" if mode == "newer_wins" else ""
    route = Route("r", "**", "jsonl", subject.name, columns=columns, other_columns="keep", mode=mode, newer_by=newer_by, operation="op")
    identity, request = compile_members(route, Table({"pk": "string"}))({"pk": "k", "op": "I"} | record)
    operation, body = SingleCalls(table or subject.name).call([(identity, request, Block(b"", 1, 0), 1, 1)])
    return call(subject.store, body.encode(), operation)


RICH: Json = {
    "e€𝄞 #:": 'é"\\\x00\u2028',
    "SET": 1,
    "n": -1500,
    "nested": {"#k": [True, None, {"v": ""}]},
    "set": {"a", "b"},
    "bytes": b"\x00\xff",
}
STORED: Json = KEY | {
    "e€𝄞 #:": {"S": 'é"\\\x00\u2028'},
    "SET": {"N": "1"},
    "n": {"N": "-1500"},
    "nested": {"M": {"#k": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"v": {"S": ""}}}]}}},
    "set": {"SS": ["a", "b"]},
    "bytes": {"B": "AP8="},
}


def plain(item: Json | None) -> Any:
    """``item`` with its bytes as the wire has them, and sets in order."""
    if item is None:
        return None
    wire = {"B": lambda content: content if isinstance(content, str) else "AP8=", "SS": sorted}
    return {name: {kind: wire.get(kind, lambda content: content)(content)} for name, value in item.items() for kind, content in value.items()}


@pytest.mark.parametrize("mode", ["insert_only", "update", "newer_wins"])
def test_item_that_is_new_is_written_whole_in_every_mode(subject: Make, mode: Mode) -> None:
    """Names that are words of the expression language, values of every type."""
    table = subject(pk="string")
    version = {"v": 1} if mode == "newer_wins" else {}
    reply = write(table, mode, **RICH, **version)
    assert (reply.is_applied, reply.write_units > 0) == (True, True)
    assert plain(table.item(KEY)) == STORED | ({"v": {"N": "1"}} if version else {})


def test_insert_only_when_an_item_is_there_leaves_it_and_tells_it(subject: Make, gap: Gap) -> None:
    """What is there comes back whole, for the comparison after a lost answer."""
    gap("dynalite", "dynalite is older than ReturnValuesOnConditionCheckFailure")
    table = subject(pk="string")
    write(table, "insert_only", **RICH)
    reply = write(table, "insert_only", v="other")
    assert (reply.is_applied, plain(dict(reply.existing or {}))) == (False, STORED)
    assert plain(table.item(KEY)) == STORED


@pytest.mark.parametrize(
    ("there", "given", "is_written"),
    [
        (5, 4, False),
        (5, 5, True),
        (5, 6, True),
        (9, 10, True),
        ("9", "10", False),
        ("2024-01-01", "2024-01-02", True),
        (5, "6", False),
        ("5", 6, False),
        (None, 6, False),
    ],
)
def test_newer_wins_compares_as_the_types_do(subject: Make, there: Any, given: Any, *, is_written: bool) -> None:
    """Numbers by value, texts by their bytes; another type, or no version at all, is never older."""
    table = subject(pk="string")
    write(table, "insert_only", **({"a": 1} if there is None else {"v": there, "a": 1}))
    before = table.item(KEY)
    reply = write(table, "newer_wins", v=given, b=2)
    assert reply.is_applied == is_written
    assert set(table.item(KEY)) == {"pk", "v", "b"} if is_written else table.item(KEY) == before


@pytest.mark.parametrize(("version", "is_deleted"), [(4, False), (5, True), (6, True)])
def test_delete_in_newer_wins_spares_what_is_newer(subject: Make, version: int, *, is_deleted: bool) -> None:
    """And what is not there is no error."""
    table = subject(pk="string")
    assert write(table, "newer_wins", op="D", v=1).is_applied
    write(table, "newer_wins", v=5)
    assert write(table, "newer_wins", op="D", v=version).is_applied == is_deleted
    assert (table.item(KEY) is None) == is_deleted


@pytest.mark.parametrize("mode", ["insert_only", "update"])
def test_delete_in_other_modes_takes_what_is_there(subject: Make, mode: Mode) -> None:
    """Without a condition; also where nothing is there."""
    table = subject(pk="string")
    write(table, "insert_only", v=1)
    assert [write(table, mode, op="D").is_applied for _ in range(2)] == [True, True]
    assert table.item(KEY) is None


def test_update_merges_and_with_a_key_alone_makes_the_item(subject: Make) -> None:
    """Attributes that are not given stay."""
    table = subject(pk="string")
    assert write(table, "update").is_applied
    assert table.item(KEY) == KEY
    write(table, "update", a=1, b={"x": 1})
    write(table, "update", b=2, c="3")
    write(table, "update")
    assert table.item(KEY) == KEY | {"a": {"N": "1"}, "b": {"N": "2"}, "c": {"S": "3"}}


def test_update_as_wide_as_the_encoder_allows_is_taken(subject: Make) -> None:
    """The expression's limit is the service's: 4 KB, with no operator to count."""
    table = subject(pk="string")
    write(table, "update", **{f"a{number}": number for number in range(430)})
    assert len(table.item(KEY)) == 431


def test_update_that_makes_the_item_too_large_is_refused(subject: Make) -> None:
    """Only the table knows what is there already."""
    table = subject(pk="string")
    write(table, "update", a="x" * (ITEM_BYTES_MAX // 2))
    with pytest.raises(Invalid) as caught:
        write(table, "update", b="x" * (ITEM_BYTES_MAX // 2))
    assert caught.value.message
    assert set(table.item(KEY)) == {"pk", "a"}


def test_single_write_to_a_table_that_is_not_there_names_it(subject: Make) -> None:
    """As a batch does."""
    with pytest.raises(ServiceError) as caught:
        write(subject(pk="string"), "update", table="no-such-table", a=1)
    assert (caught.value.code, caught.value.retryable) == ("TABLE_MISSING", False)
