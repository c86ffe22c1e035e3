"""Routes as encoders: the item of a record, for CSV rows and for records by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encode.samples import TABLE, from_fields, from_members, item_of, route_of
from headrace.config.model import Column, Route, Table
from headrace.encode.compile import compile_fields, compile_members
from headrace.encode.header import COLUMNS_MAX, require_distinct
from headrace.errors import ObjectError, RecordError

NAMES = ["a", "b", "c'", 'd"e', "{v0}", "f\n", "é", "__import__('os')", "v1", "row"]
cells = st.sampled_from(["", "NA", "1", "1.0", "007", "true", "x", "é\u2028", "a|b", '{"a":1}', "[1]", "AA==", "2024-01-01", "\udcff", '"\\', "{"])
types = st.sampled_from(["string", "number", "boolean", "binary", "timestamp", "json", "map", "list", "string_set", "number_set", "drop"])
policies = st.sampled_from(["omit", "null", "empty", "reject"])


@st.composite
def routes(draw: st.DrawFn) -> tuple[Route, Table, dict[str, str]]:
    """A route that its table accepts, and a record with all its columns."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    declared = [name for name in names if draw(st.booleans())]
    columns = {name: Column(draw(types), draw(st.sampled_from(["", f"attr_{name}"])), draw(st.none() | policies)) for name in declared}
    key = {"pk": draw(st.sampled_from(["x#", ""])) + "{k}", "sk": "{k:03}#{{}}"}
    columns["k"] = Column("drop")
    table = Table(dict.fromkeys(draw(st.sampled_from([["pk"], ["pk", "sk"]])), "string"))
    constants = draw(st.dictionaries(st.sampled_from(["const", "c\"'{"]), st.sampled_from(["v", "", 7, True]), max_size=2))
    route = Route(
        "orders",
        "**",
        "csv",
        "orders",
        columns=columns,
        other_columns=draw(st.sampled_from(["keep", "drop"])),
        key={name: key[name] for name in table.key},
        constants=constants,
        empty=draw(policies),
        null_values=draw(st.sampled_from([[], ["NA"]])),
        mode=draw(st.sampled_from(["put", "put", "delete"])),
    )
    return route, table, {name: draw(cells) for name in [*names, "k"]}


@given(routes(), st.permutations(range(7)))
def test_fields_and_members_make_the_same_item(drawn: tuple[Route, Table, dict[str, str]], order: list[int]) -> None:
    """The same record becomes the same item whether it came as CSV in any column order, or by name; or neither becomes one."""
    route, table, record = drawn
    names = list(record)
    shuffled = {names[at]: record[names[at]] for at in order if at < len(names)}
    by_position, by_name = from_fields(route, shuffled, table), from_members(route, record, table)
    assert by_position == by_name or (isinstance(by_position, str) and isinstance(by_name, str))
    if isinstance(by_name, dict):
        (identity, _), (identity_by_name, _) = compile_fields(route, table, list(shuffled))(list(shuffled.values())), compile_members(route, table)(record)
        assert identity == identity_by_name
        assert json.loads("{" + identity + "}") == {name: by_name[name] for name in table.key}
        assert (route.mode == "put") or set(by_name) == set(table.key)


@given(st.lists(st.text(st.characters(), max_size=12), max_size=5, unique=True), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
def test_column_names_are_data_and_never_code(header: list[str], value: str) -> None:
    """Any text may be a column name: quotes, braces, line ends, Python; it arrives as an attribute name, or is refused as one."""
    header = [name for name in header if name != "pk"]
    route = route_of(other_columns="keep", empty="empty")
    found = from_fields(route, {"pk": "1"} | dict.fromkeys(header, value))
    if isinstance(found, dict):
        assert found == {"pk": {"S": "1"}} | {name: {"S": value} for name in header}
    else:
        assert "" in header or any("\ud800" <= char <= "\udfff" for char in "".join(header))
        assert found == "HEADER_INVALID"


def error_of(route: Route, header: list[str], table: Table = TABLE) -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        compile_fields(route, table, header)
    return caught.value


def test_header_that_does_not_fit_the_route_is_an_error_of_the_object() -> None:
    """Missing, double, unknown and colliding columns stop the load before the first write, with names and a next step."""
    route = route_of({"v": Column("number"), "d": Column("drop")})
    assert error_of(route, ["pk"]).message == "expected column 'v'; the header is 'pk'"
    assert "set `delimiter`" in error_of(route, ["pk;v"]).hint
    assert error_of(route, ["pk", "v", "v"]).code == "HEADER_DUPLICATE"
    assert error_of(route, ["pk", "v", "", ""]).code == "HEADER_DUPLICATE"
    assert error_of(route, ["pk", "v", "w"]).code == "HEADER_UNKNOWN_COLUMN"
    assert error_of(route_of({"v": Column(name="w")}, other_columns="keep"), ["pk", "v", "w"]).code == "HEADER_NAME_COLLISION"
    assert error_of(route_of(constants={"w": "x"}, other_columns="keep"), ["pk", "w"]).code == "HEADER_NAME_COLLISION"
    compile_fields(route, TABLE, ["v", "pk", "d"])
    compile_fields(route, TABLE, ["v", "pk"])  # a column that is dropped need not be there


def test_header_when_a_kept_column_has_the_name_of_a_key_attribute() -> None:
    """A key is never taken from another column than the route says, and no value vanishes behind a key."""
    table = Table({"pk": "string"})
    renamed = Route("r", "**", "csv", "t", columns={"id": Column(name="pk")}, other_columns="keep")
    assert from_fields(renamed, {"id": "1", "pk": "2"}, table) == "HEADER_NAME_COLLISION"
    assert from_members(renamed, {"id": "1", "pk": "2"}, table) == "NAME_COLLISION"
    made = Route("r", "**", "csv", "t", columns={"id": Column()}, other_columns="keep", key={"pk": "x#{id}"})
    assert from_fields(made, {"id": "1", "pk": "2"}, table) == "HEADER_NAME_COLLISION"
    assert from_members(made, {"id": "1", "pk": "2"}, table) == "NAME_COLLISION"
    of_itself = Route("r", "**", "csv", "t", other_columns="keep", key={"pk": "x#{pk}"})
    assert from_fields(of_itself, {"pk": "2"}, table) == from_members(of_itself, {"pk": "2"}, table) == {"pk": {"S": "x#2"}}


def test_header_that_is_too_wide_is_refused_before_it_is_compiled() -> None:
    """10^5 columns would take minutes to compile; at the limit it works."""
    require_distinct([str(number) for number in range(COLUMNS_MAX)])
    assert error_of(route_of(other_columns="drop"), [str(number) for number in range(100_000)]).code == "HEADER_TOO_WIDE"


def test_row_with_another_number_of_fields_is_refused() -> None:
    """Ragged rows are never guessed at."""
    encode = compile_fields(route_of({"v": Column()}), TABLE, ["pk", "v"])
    for row in ([], ["1"], ["1", "2", "3"]):
        with pytest.raises(RecordError) as caught:
            encode(row)
        assert caught.value.code == "FIELD_COUNT"
    assert item_of(compile_fields(route_of(), TABLE, ["pk"])(["1"])[1]) == {"pk": {"S": "1"}}


def test_errors_of_values_name_the_column_as_the_file_does() -> None:
    """Found in the file by its own name, whatever the attribute is called; keys and kept members too."""
    route = route_of({"v": Column("number", "price")}, other_columns="keep")
    for record, column in (({"pk": "1", "v": "x"}, "v"), ({"pk": [], "v": "1"}, "pk"), ({"pk": "1", "v": "1", "w": 0.5}, "w"), ({"v": "1"}, "pk")):
        with pytest.raises(RecordError) as caught:
            compile_members(route, TABLE)(record)
        assert caught.value.column == column
    with pytest.raises(RecordError) as caught:
        compile_fields(route, TABLE, ["v", "pk"])(["1", ""])
    assert (caught.value.code, caught.value.column) == ("KEY_EMPTY", "pk")


def test_other_members_are_kept_dropped_or_refused() -> None:
    """Kept with their own types and the route's policy for empty values."""
    record: dict[str, Any] = {"pk": "1", "x": [True], "y": None, "z": ""}
    assert from_members(route_of(other_columns="drop"), record) == {"pk": {"S": "1"}}
    assert from_members(route_of(), record) == "UNKNOWN_COLUMN"
    kept = {"pk": {"S": "1"}, "x": {"L": [{"BOOL": True}]}}
    assert from_members(route_of(other_columns="keep"), record) == kept
    assert from_members(route_of(other_columns="keep", empty="null"), record) == kept | {"y": {"NULL": True}, "z": {"NULL": True}}
    assert from_members(route_of(other_columns="keep", empty="empty"), record) == kept | {"y": {"S": ""}, "z": {"S": ""}}
    assert from_members(route_of(other_columns="keep", empty="reject"), record) == "VALUE_EMPTY"
    assert from_members(route_of(other_columns="keep", null_values=["q"]), {"pk": "1", "x": "q"}) == {"pk": {"S": "1"}}
    assert from_members(route_of(other_columns="keep"), {"pk": "1", 5: "x"}) == "NAME_INVALID"
    assert from_members(route_of({"v": Column(name="w")}, other_columns="keep"), {"pk": "1", "w": "x"}) == "NAME_COLLISION"


def test_constants_renames_and_deletes() -> None:
    """Constants keep their types; a delete carries the key and nothing else."""
    columns = {"id": Column("number", "pk"), "v": Column("number", "n"), "w": Column("drop")}
    route = Route("r", "**", "csv", "t", columns=columns, constants={"kind": "order", "version": 3, "live": True})
    record = {"id": "007", "v": "1.0", "w": "x"}
    table = Table({"pk": "number"})
    expected = {"pk": {"N": "7"}, "n": {"N": "1"}, "kind": {"S": "order"}, "version": {"N": "3"}, "live": {"BOOL": True}}
    assert from_fields(route, record, table) == from_members(route, record, table) == expected
    deleting = Route("r", "**", "csv", "t", columns=columns, mode="delete")
    for encode, content in ((compile_fields(deleting, table, list(record)), list(record.values())), (compile_members(deleting, table), record)):
        assert encode(content) == ('"pk":{"N":"7"}', '{"DeleteRequest":{"Key":{"pk":{"N":"7"}}}}')


def test_item_is_measured_against_400_kb() -> None:
    """One byte more than DynamoDB takes is refused, naming the largest attribute; also where characters are fewer than bytes."""
    for text, room in (("x", 409_600 - 4), ("é", (409_600 - 4) // 2)):
        route = route_of({"v": Column()})
        assert isinstance(from_fields(route, {"pk": "1", "v": text * room}), dict)
        with pytest.raises(RecordError) as caught:
            compile_fields(route, TABLE, ["pk", "v"])(["1", text * (room + 1)])
        assert (caught.value.code, caught.value.column) == ("ITEM_TOO_LARGE", "v")
