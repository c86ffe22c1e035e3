"""Column types from a sample, and the config of a load without a config file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.config.compiled import dumps, loads
from headrace.config.infer import ROWS_MAX, Inferred, guessed_key, infer_columns, inferred_config
from headrace.config.model import Column, Format, Route
from headrace.errors import ConfigError

FLIGHTS = Path(__file__).parents[2] / "examples/flights/data/flights-2013-01-week-1.csv"


def inferred_from(*values: str) -> Inferred:
    return infer_columns(["c"], [[value] for value in values])


TYPES = [
    (["1", "-2.50", "0", "0.5", ""], "number", ""),
    (["9" * 38], "number", ""),
    (["1" + "0" * 60], "number", ""),
    (["9" * 39], "string", f"c: kept as string because '{'9' * 39}' has more than 38 digits"),
    (["1" + "0" * 200], "string", ""),
    (["12345", "00501"], "string", "c: kept as string because of leading zeros in '00501'"),
    (["-007"], "string", "c: kept as string because of leading zeros in '-007'"),
    (["1", "+49301234567"], "string", "c: kept as string because of the plus sign in '+49301234567'"),
    (["1", "1e5"], "string", "c: kept as string because of the notation in '1e5'"),
    (["1", ".5"], "string", "c: kept as string because of the notation in '.5'"),
    (["1", "2", "3", "unknown"], "string", "c: kept as string because of 'unknown' among the numbers"),
    (["1", "b"], "string", ""),
    (["1", "1 "], "string", ""),
    (["1", "NaN"], "string", ""),
    (["١"], "string", ""),
    (["true", "FALSE", "True", ""], "boolean", ""),
    (["true", "1"], "string", ""),
    (["0", "1"], "number", ""),
    (["yes", "no"], "string", ""),
    (["2013-01-01T10:00:00Z"], "string", ""),
    ([], "string", ""),
    ([""], "string", ""),
    (["NA", "-"], "string", ""),
]


@pytest.mark.parametrize(("values", "kind", "note"), TYPES)
def test_infer_columns_of_values_gives_a_type_that_changes_none(values: list[str], kind: str, note: str) -> None:
    """A number is a number only if every value is one and would come back as it was."""
    inferred = inferred_from(*values)
    assert inferred.columns["c"].type == kind
    assert inferred.notes == ([note] if note else [])


@pytest.mark.parametrize("marker", ["NA", "N/A", "NULL", "null", "\\N", "None", "-"])
def test_infer_columns_of_numbers_with_a_null_marker_reports_the_marker(marker: str) -> None:
    """A marker means null where everything else is a number or boolean, and is a value in a column of strings."""
    assert inferred_from("1", marker) == Inferred({"c": Column("number")}, [marker], [])
    assert inferred_from("true", marker) == Inferred({"c": Column("boolean")}, [marker], [])
    assert inferred_from("Berlin", marker) == Inferred({"c": Column("string")}, [], [])


def test_infer_columns_when_a_marker_stands_in_a_string_column_too_tells_it() -> None:
    """Null values hold for the whole file, so a country NA would be lost silently."""
    inferred = infer_columns(["delay", "country"], [["5", "DE"], ["NA", "NA"]])
    assert inferred.notes == ["country: 'NA' is read as null here too, because it means null in delay"]


def test_infer_columns_of_a_header_with_gaps_and_doubles_tells_it() -> None:
    """A column without a name is left out; one name for two columns is told."""
    inferred = infer_columns(["", "a", "a"], [["0", "x", "y"]])
    assert inferred.columns[""] == Column("drop")
    assert inferred.notes == ["a: more than one column has this name", "column 1 has no name: left out"]


def test_infer_columns_of_ragged_rows_looks_at_the_cells_that_are_there() -> None:
    """Short and long rows are the decoder's to reject."""
    assert infer_columns(["a", "b"], [["1"], ["2", "x", "y"], []]).columns == {"a": Column("number"), "b": Column("string")}


def test_infer_columns_stops_after_its_bound() -> None:
    """A sample is bounded, whatever is given."""
    rows = iter([["1"]] * ROWS_MAX + [["x"]])
    assert infer_columns(["c"], rows).columns["c"].type == "number"
    assert next(rows) == ["x"]


def test_infer_columns_of_the_flights_gives_their_types() -> None:
    """The example data reads as its annotated config says."""
    with FLIGHTS.open(newline="") as lines:
        reader = csv.reader(lines)
        inferred = infer_columns(next(reader), reader)
    strings = [name for name, column in inferred.columns.items() if column.type == "string"]
    assert strings == ["carrier", "tailnum", "origin", "dest", "time_hour"]
    assert inferred.null_values == ["NA"]


@given(st.lists(st.lists(st.text(max_size=8), max_size=3), max_size=5))
def test_infer_columns_of_any_text_gives_a_column_for_each_name(rows: list[list[str]]) -> None:
    """No sample makes it fail."""
    assert list(infer_columns(["a", "b"], rows).columns) == ["a", "b"]


def test_guessed_key_gives_number_only_for_a_number_column() -> None:
    """Key attributes are strings, numbers or binary; a boolean cannot be one."""
    inferred = infer_columns(["n", "s", "b"], [["1", "x", "true"]])
    assert guessed_key(["n", "s", "b", "other"], inferred) == {"n": "number", "s": "string", "b": "string", "other": "string"}


def test_inferred_config_forces_key_columns_to_the_types_of_the_table() -> None:
    """The table decides about its key, the sample about the rest."""
    inferred = infer_columns(["id", "at", "price", ""], [["1", "x", "NA", "0"], ["2", "y", "5", "1"]])
    config = inferred_config("orders", key={"id": "string", "at": "number"}, route=Route("x", "x", "csv", "x", delimiter=";"), inferred=inferred)
    route = config.routes[0]
    assert (route.match, route.table, route.delimiter, route.null_values) == ("**", "orders", ";", ["NA"])
    assert route.columns["id"] == Column("string", empty="reject")
    assert route.columns["at"] == Column("number", empty="reject")
    assert route.columns["price"] == Column("number")
    assert (list(config.tables["orders"].key), config.tables["orders"].existing) == (["id", "at"], True)
    assert loads(dumps(config)) == config


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_inferred_config_when_a_key_attribute_is_no_column_names_the_nearest(format: Format) -> None:
    """A CSV without the key column cannot be loaded; the records of JSON Lines are seen only when they are read."""
    inferred = infer_columns(["order_id", "price"], [["1", "2"]])
    if format == "jsonl":
        assert (
            inferred_config("orders", key={"orderid": "string"}, route=Route("x", "x", format, "x"), inferred=inferred).routes[0].columns["orderid"].type
            == "string"
        )
        return
    with pytest.raises(ConfigError) as caught:
        inferred_config("orders", key={"orderid": "string"}, route=Route("x", "x", format, "x"), inferred=inferred)
    assert [(problem.found, problem.hint) for problem in caught.value.problems] == [("`orderid`", "write `order_id`")]


def test_inferred_config_of_a_bad_table_name_raises_config_error() -> None:
    """The rules of a written config hold for a made one."""
    with pytest.raises(ConfigError):
        inferred_config("a", key={"id": "string"}, route=Route("x", "x", "jsonl", "x"), inferred=Inferred({}, [], []))
