"""What every ItemStore does: in memory, and headrace's own on two engines. Where an engine differs from AWS, the gap is named."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.calls import call
from contracts.engines import Subject
from headrace.config.model import Column, Route, Table
from headrace.encode.compile import compile_members
from headrace.encode.limits import ITEM_BYTES_MAX, item_bytes
from headrace.errors import Invalid, RecordError, ServiceError
from headrace.ports import Reply

Make = Callable[..., Subject]
Gap = Callable[[str, str], None]
Json = dict[str, Any]


def put(item: Json) -> Json:
    return {"PutRequest": {"Item": item}}


def delete(key: Json) -> Json:
    return {"DeleteRequest": {"Key": key}}


def write(subject: Subject, *requests: Json, table: str = "") -> Any:
    body = {"ReturnConsumedCapacity": "TOTAL", "RequestItems": {table or subject.name: requests}}
    return call(subject.store, json.dumps(body, ensure_ascii=False).encode())


def refused(subject: Subject, *requests: Json) -> None:
    """All of the call is refused as Invalid, with the service's words, and nothing of it is applied."""
    before = subject.count()
    with pytest.raises(Invalid) as caught:
        write(subject, *requests)
    assert caught.value.message
    assert subject.count() == before


def key_of(number: int) -> Json:
    return {"pk": {"S": f"k{number}"}}


def test_item_is_put_replaced_and_deleted(subject: Make) -> None:
    """A put replaces the whole item; a delete of what is not there is no error; a call may hold both."""
    table = subject(pk="string")
    reply = write(table, put(key_of(1) | {"a": {"S": "x"}}), put(key_of(2)))
    assert (reply.unprocessed, table.count()) == ([], 2)
    assert reply.write_units > 0
    write(table, put(key_of(1) | {"b": {"S": "y"}}), delete(key_of(2)), delete(key_of(3)))
    assert (table.item(key_of(1)), table.item(key_of(2)), table.count()) == (key_of(1) | {"b": {"S": "y"}}, None, 1)


RECORD: Json = {
    "pk": 'é€𝄞\u2028"\\\x00\x7f',
    "text": "\t\r\n",
    "empty": "",
    "number": 5,
    "truth": True,
    "nothing": None,
    "list": [1, "a", [], {}, False, None, ""],
    "map": {"ü": {"deep": [{"x": "y"}]}},
    "data": b"\x00\xff",
    "no data": b"",
    "texts": {"b", "", "é"},
    "amounts": {1, -7},
}


def test_types_come_back_as_they_were_written(subject: Make) -> None:
    """Every type that the encoder makes, with the texts that break others, at any depth."""
    table = subject(pk="string")
    route = Route("r", "**", "jsonl", table.name, columns={"pk": Column()}, other_columns="keep", empty="empty")
    columns = {"n": "007.50", "t": "2024-02-29"}
    typed = Route("r", "**", "jsonl", table.name, columns={"pk": Column(), "n": Column("number"), "t": Column("timestamp")}, other_columns="keep")
    for record, settings in ((RECORD | {"nothing": "x"}, route), ({"pk": "1", **columns}, typed)):
        _, request = compile_members(settings, Table({"pk": "string"}))(record)
        write(table, json.loads(request))
        expected = json.loads(request)["PutRequest"]["Item"]
        found = table.item({"pk": expected["pk"]})
        assert comparable(found) == comparable(expected)


def comparable(item: Any) -> Any:
    """Sets without their order, binary as bytes."""
    if isinstance(item, dict) and len(item) == 1:
        ((kind, content),) = item.items()
        if kind in ("SS", "NS"):
            return {kind: sorted(content)}
        if kind == "B":
            return {kind: content if isinstance(content, bytes) else base64.b64decode(content)}
    if isinstance(item, dict):
        return {name: comparable(value) for name, value in item.items()}
    return [comparable(member) for member in item] if isinstance(item, list) else item


NUMBERS = ["0", "-0.0", "00042", "1.0", "1.5E2", "9" * 38, "-" + "9" * 38 + "E88", "1E-130", "-9.99E+125", "0." + "0" * 40 + "7", "1" + "0" * 60, ".5", "5."]


def test_numbers_are_stored_with_the_value_that_was_written(subject: Make) -> None:
    """The encoder's text of a number is taken at the edges of digits and range, and comes back as the same value."""
    from decimal import Decimal  # noqa: PLC0415 - only here

    table = subject(pk="string")
    encode = compile_members(Route("r", "**", "jsonl", "t", columns={"pk": Column(), "n": Column("number")}), Table({"pk": "string"}))
    for text in NUMBERS:
        write(table, json.loads(encode({"pk": "1", "n": text})[1]))
        assert Decimal(table.item({"pk": {"S": "1"}})["n"]["N"]) == Decimal(text), text


def test_call_of_25_items_is_taken_and_of_26_is_refused(subject: Make) -> None:
    """The writer's batch size is the service's."""
    table = subject(pk="string")
    write(table, *[put(key_of(number)) for number in range(25)])
    assert table.count() == 25
    refused(table, *[put(key_of(number)) for number in range(100, 126)])
    refused(table)


@pytest.mark.parametrize("second", [put(key_of(1) | {"a": {"S": "x"}}), delete(key_of(1))])
def test_key_that_is_twice_in_a_call_refuses_the_call(subject: Make, second: Json) -> None:
    """Why no key is ever in a batch twice."""
    refused(subject(pk="string"), put(key_of(1)), put(key_of(2)), second)


def test_numbers_that_are_equal_are_one_key(subject: Make) -> None:
    """1000 and 1e3 are the same item: a call with both is refused, and one replaces the other."""
    table = subject(pk="number")
    refused(table, put({"pk": {"N": "1000"}}), put({"pk": {"N": "1e3"}}))
    write(table, put({"pk": {"N": "1000"}}))
    write(table, put({"pk": {"N": "1.0E3"}, "a": {"S": "x"}}))
    assert (table.count(), table.item({"pk": {"N": "1000"}})["a"]) == (1, {"S": "x"})


@pytest.mark.parametrize(
    "bad",
    [
        {"pk": {"S": ""}, "sk": {"N": "1"}},
        {"pk": {"N": "1"}, "sk": {"N": "1"}},
        {"pk": {"S": "1"}, "sk": {"S": "1"}},
        {"pk": {"S": "1"}},
        {"sk": {"N": "1"}},
        {"pk": {"S": "1"}, "sk": {"N": "x"}},
        {"pk": {"S": "1"}, "sk": {"N": "1E126"}},
        {"pk": {"S": "1"}, "sk": {"N": "1" + "0" * 37 + "1"}},
    ],
)
def test_bad_key_refuses_the_call_with_its_good_neighbours(subject: Make, bad: Json) -> None:
    """Empty, of another type, missing, out of range: the whole call is refused, so the writer has to find the item."""
    table = subject(pk="string", sk="number")
    refused(table, put({"pk": {"S": "good"}, "sk": {"N": "1"}}), put(bad))
    write(table, put({"pk": {"S": "good"}, "sk": {"N": "1"}}))


@pytest.mark.parametrize(("attribute", "limit"), [("pk", 2048), ("sk", 1024)])
@pytest.mark.parametrize("char", ["x", "é"])
def test_key_is_as_long_as_the_encoder_says(subject: Make, gap: Gap, attribute: str, limit: int, char: str) -> None:
    """At the limit in bytes the table takes it; the encoder refuses what is above, and so does the table."""
    gap("memory", "the table in memory leaves the length of keys to the encoder")
    if char == "é":
        gap("dynalite", "dynalite counts characters, not bytes")
    table = subject(pk="string", sk="string")
    encode = compile_members(Route("r", "**", "jsonl", "t", columns={"pk": Column(), "sk": Column()}), Table({"pk": "string", "sk": "string"}))
    longest = char * (limit // len(char.encode()))
    write(table, json.loads(encode({"pk": "1", "sk": "1", attribute: longest})[1]))
    with pytest.raises(RecordError):
        encode({"pk": "1", "sk": "1", attribute: longest + "x"})
    refused(table, put({"pk": {"S": "1"}, "sk": {"S": "1"}, attribute: {"S": longest + "x"}}))


VALUES: list[Json] = [
    *[{"N": text} for text in ("0", "1", "12", "123", "-1", "1.5", "0.05", "1E100", "1E99", "100", "12345678901234567890123456789012345678", "-12.345")],
    {"L": [{"S": "a"}, {"BOOL": True}, {"NULL": True}, {"L": []}]},
    {"M": {"ab": {"S": "x"}, "c": {"M": {}}}},
    {"SS": ["a", "bb"]},
    {"NS": ["1", "22"]},
    {"B": "AAEC"},
    {"S": "é€𝄞"},
]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_item_is_as_large_as_the_encoder_says(subject: Make, gap: Gap, value: Json) -> None:
    """An item of exactly 409,600 bytes by headrace's count is taken, one byte more is refused: for each type."""
    if value == {"S": "é€𝄞"}:
        gap("dynalite", "dynalite counts characters, not bytes")
    table = subject(pk="string")
    item = {"pk": {"S": "1"}, "v": value, "fill": {"S": ""}}
    room = ITEM_BYTES_MAX - item_bytes(item)
    write(table, put(item | {"fill": {"S": "x" * room}}))
    refused(table, put(item | {"fill": {"S": "x" * (room + 1)}}), put(key_of(2)))


@pytest.mark.parametrize("kind", ["L", "M"])
def test_value_is_as_deep_as_the_encoder_says(subject: Make, gap: Gap, kind: str) -> None:
    """32 levels are taken, the 33rd is refused."""
    gap("dynalite", "dynalite does not limit nesting")
    gap("memory", "the table in memory does not limit nesting")
    table = subject(pk="string")
    encode = compile_members(Route("r", "**", "jsonl", "t", columns={"pk": Column(), "v": Column("json")}), Table({"pk": "string"}))
    value: Any = "x"
    for _ in range(31):
        value = [value] if kind == "L" else {"a": value}
    _, request = encode({"pk": "1", "v": value})
    write(table, json.loads(request))
    with pytest.raises(RecordError):
        encode({"pk": "1", "v": [value]})
    deepest = json.loads(request)["PutRequest"]["Item"]["v"]
    refused(table, put(key_of(1) | {"v": {"L": [deepest]}}), put(key_of(2)))


def test_set_that_is_empty_or_has_a_member_twice_is_refused(subject: Make, gap: Gap) -> None:
    """Why the encoder rejects the one and removes the other."""
    gap("memory", "the table in memory does not look into sets")
    table = subject(pk="string")
    for value in ({"SS": []}, {"NS": []}, {"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}):
        refused(table, put(key_of(1) | {"v": value}))


def test_table_that_is_not_there_is_an_error_that_a_repeat_does_not_cure(subject: Make) -> None:
    """The load ends; the table has to be made first."""
    table = subject(pk="string")
    with pytest.raises(ServiceError) as caught:
        write(table, put(key_of(1)), table="no-such-table")
    assert (caught.value.code, caught.value.retryable) == ("TABLE_MISSING", False)


def test_calls_in_flight_together_are_each_answered_once_and_all_count(subject: Make) -> None:
    """Started one after the other, answered in any order; nothing is mixed up."""
    table = subject(pk="string")
    started = {}
    for start in range(0, 400, 20):
        body = {"RequestItems": {table.name: [put(key_of(number)) for number in range(start, start + 20)]}}
        started[table.store.start("BatchWriteItem", json.dumps(body).encode())] = start
    assert len(started) == 20
    for _ in range(1000):
        for number, answer in table.store.answers(1.0):
            assert isinstance(answer, Reply)
            del started[number]
        if not started:
            break
    assert table.count() == 400
    assert table.store.answers(0) == []


def test_calls_that_are_abandoned_are_never_answered_and_the_store_goes_on(subject: Make) -> None:
    """Whether they were applied is not known."""
    table = subject(pk="string")
    for number in range(5):
        table.store.start("BatchWriteItem", json.dumps({"RequestItems": {table.name: [put(key_of(number))]}}).encode())
    table.store.abandon()
    write(table, put(key_of(9)))
    assert table.item(key_of(9)) == key_of(9)
    assert table.store.answers(0) == []
