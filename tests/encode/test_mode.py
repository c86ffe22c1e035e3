"""The requests of each mode, and the choice by the operation column."""

from __future__ import annotations

import json
from typing import Any

import pytest

from encode.samples import TABLE, route_of
from headrace.config.model import Column, Route, Table
from headrace.encode.compile import Encode
from headrace.encode.mode import compile_fields, compile_json, compile_members
from headrace.encode.single import EXPRESSION_BYTES_MAX
from headrace.errors import ObjectError, RecordError
from headrace.record import Shape

PAIR = Table({"pk": "string", "sk": "number"})
NAMES = ["pk", "op", "v"]


def encoders(route: Route, table: Table = TABLE) -> list[Encode]:
    """Of a CSV row, a mapping and the tokens of a JSON object, each called with pk, op and v."""
    fields, members, tokens = compile_fields(route, table, NAMES), compile_members(route, table), compile_json(route, table)
    shape = Shape(tuple(NAMES))
    return [
        fields,
        lambda row: members(dict(zip(NAMES, row, strict=True))),
        lambda row: tokens(dict(zip(NAMES, row, strict=True))),
        lambda row: tokens((shape, tuple(json.dumps(value) for value in row))),
    ]


def call_of(request: str) -> tuple[str, Any]:
    """The operation of a single write and its members."""
    operation, _, members = request.partition(" ")
    return operation, json.loads(f"{{{members}}}")


@pytest.mark.parametrize("operation", ["I", "i", "U", "Insert", "UPDATE", "modify", "MODIFY"])
def test_operation_that_writes_puts_and_is_no_attribute(operation: str) -> None:
    """In rows, mappings and tokens alike; twice, for what is remembered."""
    for encode in encoders(route_of({"v": Column()}, operation="op")):
        for _ in range(2):
            assert json.loads(encode(["1", operation, "x"])[1]) == {"PutRequest": {"Item": {"pk": {"S": "1"}, "v": {"S": "x"}}}}


@pytest.mark.parametrize("operation", ["D", "d", "delete", "REMOVE"])
def test_operation_that_deletes_needs_the_key_alone(operation: str) -> None:
    """What else stands in the record may be wrong; its identity is that of a put."""
    for encode in encoders(route_of({"v": Column("number")}, operation="op")):
        identity, request = encode(["1", operation, "no number"])
        assert json.loads(request) == {"DeleteRequest": {"Key": {"pk": {"S": "1"}}}}
        assert identity == encode(["1", "I", "5"])[0]


@pytest.mark.parametrize("operation", ["", "X", "II", "insert ", "0", "é" * 500])
def test_operation_that_is_unknown_rejects_the_record(operation: str) -> None:
    """Nothing is guessed: the record is kept with its reason."""
    for encode in encoders(route_of({"v": Column()}, operation="op")):
        with pytest.raises(RecordError) as caught:
            encode(["1", operation, "x"])
        assert (caught.value.code, caught.value.column) == ("OPERATION_UNKNOWN", "op")
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("value", "found"), [(None, "nothing"), (5, "a number"), (True, "a boolean"), (["I"], "an array"), ({}, "an object"), (0, "a number")])
def test_operation_that_is_no_text_rejects_the_record(value: Any, found: str) -> None:
    """Only JSON has such."""
    with pytest.raises(RecordError, match=f"column op: found {found}, expected I, U or D"):
        compile_members(route_of(operation="op"), TABLE)({"pk": "1", "op": value})


def test_operation_that_is_missing_rejects_the_record_or_the_file() -> None:
    """A JSON object may lack it; a CSV cannot."""
    route = route_of(operation="op")
    for encode, record in ((compile_json(route, TABLE), (Shape(("pk",)), ('"1"',))), (compile_members(route, TABLE), {"pk": "1"})):
        with pytest.raises(RecordError, match="found nothing"):
            encode(record)
    with pytest.raises(ObjectError) as caught:
        compile_fields(route, TABLE, ["pk"])
    assert caught.value.code == "HEADER_MISSING_COLUMN"


def test_operation_that_is_a_column_too_becomes_an_attribute() -> None:
    """Under ``columns`` it is like any other."""
    for encode in encoders(route_of({"v": Column(), "op": Column(name="kind")}, operation="op")):
        assert json.loads(encode(["1", "I", "x"])[1])["PutRequest"]["Item"]["kind"] == {"S": "I"}


@pytest.mark.parametrize("others", ["keep", "drop", "reject"])
def test_operation_is_known_whatever_other_columns_says(others: Any) -> None:
    """It is neither refused nor kept."""
    for encode in encoders(route_of({"v": Column()}, operation="op", other_columns=others)):
        assert set(json.loads(encode(["1", "I", "x"])[1])["PutRequest"]["Item"]) == {"pk", "v"}


def test_row_of_another_length_is_rejected_as_such() -> None:
    """Not as an unknown operation."""
    encode = compile_fields(route_of({"v": Column()}, operation="op"), TABLE, NAMES)
    for row in ([], ["1"], ["1", "D"], ["1", "D", "x", "y"]):
        with pytest.raises(RecordError) as caught:
            encode(row)
        assert caught.value.code == "FIELD_COUNT"


def test_insert_only_is_a_put_where_no_item_has_the_key() -> None:
    """The partition key's name stands behind a placeholder."""
    identity, request = compile_members(route_of({"s": Column("number", name="sk")}, mode="insert_only"), PAIR)({"pk": 'a"', "s": "1"})
    assert call_of(request) == (
        "PutItem",
        {
            "Item": {"pk": {"S": 'a"'}, "sk": {"N": "1"}},
            "ConditionExpression": "attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": "pk"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    )
    assert identity == '"pk":{"S":"a\\""},"sk":{"N":"1"}'


def test_newer_wins_is_a_put_unless_the_version_there_is_greater() -> None:
    """Equal ones are written, so that repeats succeed and the later record of two wins."""
    route = route_of({"t": Column("timestamp", name="when")}, mode="newer_wins", newer_by="when")
    operation, call = call_of(compile_members(route, TABLE)({"pk": "1", "t": "1970-01-01T00:01:00Z"})[1])
    assert (operation, call["Item"]["when"]) == ("PutItem", {"N": "60"})
    assert call["ConditionExpression"] == "attribute_not_exists(#k) OR #v<=:v"
    assert (call["ExpressionAttributeNames"], call["ExpressionAttributeValues"]) == ({"#k": "pk", "#v": "when"}, {":v": {"N": "60"}})


def test_delete_in_newer_wins_reads_key_and_version_alone() -> None:
    """What else stands in the record may be wrong."""
    route = route_of({"v": Column("number"), "w": Column("number")}, mode="newer_wins", newer_by="v", operation="op", constants={"c": 1})
    operation, call = call_of(compile_members(route, TABLE)({"pk": "1", "op": "D", "v": "5", "w": "no number"})[1])
    assert (operation, call["Key"], call["ExpressionAttributeValues"]) == ("DeleteItem", {"pk": {"S": "1"}}, {":v": {"N": "5"}})


@pytest.mark.parametrize("empty", ["omit", "null"])
@pytest.mark.parametrize("operation", ["I", "D"])
def test_record_without_a_version_is_rejected(empty: Any, operation: str) -> None:
    """A NULL has no order."""
    for encode in encoders(route_of({"v": Column("number", empty=empty)}, mode="newer_wins", newer_by="v", operation="op")):
        with pytest.raises(RecordError) as caught:
            encode(["1", operation, ""])
        assert (caught.value.code, caught.value.column) == ("VERSION_MISSING", "v")


def test_update_sets_what_is_given_but_the_key() -> None:
    """Empty columns are left out, unless the route says otherwise."""
    route = route_of({"a b": Column(), "n": Column("number"), "e": Column(), "z": Column(empty="null")}, mode="update", constants={"c": True})
    operation, call = call_of(compile_members(route, TABLE)({"pk": "1", "a b": "é", "n": 5, "e": "", "z": ""})[1])
    assert (operation, call["Key"]) == ("UpdateItem", {"pk": {"S": "1"}})
    names, values = call["ExpressionAttributeNames"], call["ExpressionAttributeValues"]
    assert call["UpdateExpression"] == "SET #0=:0,#1=:1,#2=:2,#3=:3"
    found = {names[f"#{index}"]: values[f":{index}"] for index in range(4)}
    assert found == {"c": {"BOOL": True}, "a b": {"S": "é"}, "n": {"N": "5"}, "z": {"NULL": True}}


def test_update_with_a_key_alone_has_no_expression() -> None:
    """An empty one is refused."""
    assert call_of(compile_members(route_of(mode="update"), TABLE)({"pk": "1"})[1]) == ("UpdateItem", {"Key": {"pk": {"S": "1"}}})


def test_update_is_as_wide_as_the_expression_may_be_long() -> None:
    """At the limit it is made, beyond it the record is rejected."""
    encode = compile_members(route_of(mode="update", other_columns="keep"), TABLE)
    widest = 0
    for count in range(400, 460):
        try:
            _, call = call_of(encode({"pk": "1", **{f"a{number}": "x" for number in range(count)}})[1])
        except RecordError as error:
            assert error.code == "UPDATE_TOO_WIDE"
            break
        widest = len(call["UpdateExpression"])
    assert EXPRESSION_BYTES_MAX - 10 < widest <= EXPRESSION_BYTES_MAX


@pytest.mark.parametrize("mode", ["insert_only", "update"])
def test_delete_in_other_single_modes_has_no_condition(mode: Any) -> None:
    """It is a single write all the same, for the order of the records of its key."""
    for encode in encoders(route_of({"v": Column()}, mode=mode, operation="op")):
        assert call_of(encode(["1", "D", ""])[1]) == ("DeleteItem", {"Key": {"pk": {"S": "1"}}})


def test_modes_without_anything_to_choose_are_the_plain_encoders() -> None:
    """No layer that costs time."""
    for mode in ("put", "delete"):
        assert compile_fields(route_of(mode=mode), TABLE, ["pk"]).__module__ != "headrace.encode.mode"
