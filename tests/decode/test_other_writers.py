"""Tables written by the library of each format, and read value for value."""

from __future__ import annotations

import base64
import datetime
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pytest
from amazon.ion import simpleion
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from decode.tables import rows

UTC = datetime.UTC
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
decimals = st.decimals(-(10**10), 10**10, places=2)
moments = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
floats = st.floats(allow_nan=False, allow_infinity=False)
columns: dict[str, st.SearchStrategy[Any]] = {
    "i": st.none() | st.integers(-(2**63), 2**63 - 1),
    "f": st.none() | floats,
    "s": st.none() | texts,
    "b": st.none() | st.binary(max_size=5),
    "o": st.none() | st.booleans(),
    "n": st.none() | decimals,
    "d": st.none() | st.dates(),
    "t": st.none() | moments,
    "l": st.none() | st.lists(st.none() | texts, max_size=3),
    "m": st.none() | st.dictionaries(texts, st.integers(0, 9), max_size=3),
}
tables = st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=10)
SCHEMA = pa.schema(
    {"i": pa.int64(), "f": pa.float64(), "s": pa.string(), "b": pa.binary(), "o": pa.bool_(), "n": pa.decimal128(20, 2), "d": pa.date32()}
    | {"t": pa.timestamp("us"), "l": pa.list_(pa.string()), "m": pa.map_(pa.string(), pa.int64())}
)
AVRO: dict[str, Any] = {
    "i": "long", "f": "double", "s": "string", "b": "bytes", "o": "boolean",
    "n": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
    "d": {"type": "int", "logicalType": "date"},
    "t": {"type": "long", "logicalType": "local-timestamp-micros"},
    "l": {"type": "array", "items": ["null", "string"]},
    "m": {"type": "map", "values": "long"},
}  # fmt: skip
Table = list[dict[str, Any]]


def written_orc(table: Table) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.Table.from_pylist([row | {"m": row["m"] and list(row["m"].items())} for row in table], SCHEMA), out)
    return out.getvalue()


def written_avro(table: Table) -> bytes:
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": ["null", kind]} for name, kind in AVRO.items()]}
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), table, codec="deflate")
    return out.getvalue()


def comparable(value: Any, digits: int) -> Any:
    """As records have it, but for numbers, which compare by their value; ``digits`` are those of a second."""
    match value:
        case bool():
            return value
        case float():
            return Decimal(repr(value))
        case int():
            return Decimal(value)
        case datetime.datetime():
            return f"{value.isoformat(timespec='microseconds')}{'0' * (digits - 6)}"
        case datetime.date():
            return value.isoformat()
        case list():
            return [comparable(member, digits) for member in value]
        case dict():
            return {name: comparable(member, digits) for name, member in value.items()}
    return value


def read(data: bytes, form: str) -> Table:
    """The rows, with numbers as decimals."""
    found = [comparable(row, 6) for row in rows(data, form)]
    return [row | {name: Decimal(row[name]) for name in ("f", "n") if row[name] is not None} for row in found]


@pytest.mark.parametrize(("form", "write", "digits"), [("orc", written_orc, 9), ("avro", written_avro, 6)])
@settings(max_examples=25, deadline=None)
@given(table=tables)
def test_table_of_the_formats_own_writer_is_read_exactly(form: str, write: Callable[[Table], bytes], digits: int, table: Table) -> None:
    """Nulls, empty values, years and all digits."""
    assert read(write(table), form) == comparable(table, digits)


SHOWN = st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_characters="\x7f")
cells = st.fixed_dictionaries(
    {
        "s": st.text(SHOWN, min_size=1, max_size=6).filter(lambda text: text[0] != "="),
        "i": st.integers(-(10**15), 10**15),
        "f": floats.filter(lambda value: abs(value) < 1e300).map(lambda value: float(f"{value:.15g}")),  # all that Excel keeps
        "o": st.booleans(),
        "t": st.datetimes(datetime.datetime(1900, 3, 1), datetime.datetime(9999, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    }
)


@settings(max_examples=20, deadline=None)
@given(st.lists(cells, min_size=1, max_size=6))
def test_workbook_of_openpyxl_is_read_exactly(table: Table) -> None:
    """Numbers as the sheet has them, moments to the second."""
    book = openpyxl.Workbook()
    for row in [list(table[0]), *([row[name] for name in table[0]] for row in table)]:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    found = [row | {"f": Decimal(row["f"]), "i": Decimal(row["i"])} for row in rows(out.getvalue(), "xlsx")]
    assert found == [comparable(row, 6) | {"t": row["t"].isoformat()} for row in table]


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | decimals | texts | st.binary(max_size=5),
    lambda members: st.lists(members, max_size=3) | st.dictionaries(texts.filter(bool), members, max_size=3),
    max_leaves=8,
)
items = st.lists(st.dictionaries(texts.filter(bool), values, min_size=1, max_size=4), min_size=1, max_size=5)


def same(found: Any, value: Any) -> bool:
    """Whether ``found`` is ``value``, with numbers by their value."""
    match value:
        case bool() | None:
            return found is value
        case int() | Decimal():
            return not isinstance(found, bool) and isinstance(found, str | int) and Decimal(found) == value
        case list():
            return isinstance(found, list) and len(found) == len(value) and all(map(same, found, value))
        case dict():
            return isinstance(found, dict) and found.keys() == value.keys() and all(same(found[name], member) for name, member in value.items())
    return type(found) is type(value) and bool(found == value)


@settings(max_examples=40, deadline=None)
@given(items, st.booleans())
def test_ion_of_amazons_writer_is_read_exactly(table: Table, is_binary: bool) -> None:
    """Text with an item on each line, and binary."""
    wrapped = [{"Item": row} for row in table]
    if is_binary:
        data = simpleion.dumps(wrapped, binary=True, sequence_as_stream=True)
    else:
        data = b"".join(simpleion.dumps(item, binary=False, omit_version_marker=True).encode() + b"\n" for item in wrapped)
    found = rows(data, "ion")
    assert same(found, table)


@settings(max_examples=40, deadline=None)
@given(items)
def test_dynamodb_json_of_botos_serializer_is_read_exactly(table: Table) -> None:
    """As an export has it, bytes in base64."""
    serialize = TypeSerializer().serialize
    lines = [json.dumps({"Item": {name: typed(serialize(value)) for name, value in row.items()}}) for row in table]
    assert same(rows("\n".join(lines).encode(), "dynamodb_json"), table)


def typed(value: Any) -> Any:
    """A typed value of boto3 as JSON has it."""
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {"B": base64.b64encode(bytes(content)).decode()}
        case "L":
            return {"L": [typed(member) for member in content]}
        case "M":
            return {"M": {name: typed(member) for name, member in content.items()}}
    return value
