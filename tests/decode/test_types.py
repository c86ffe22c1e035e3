"""docs/types.md: each row of the binary formats has an example, written by a library of the format, that becomes what the row says."""

from __future__ import annotations

import datetime
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc

from decode.tables import rows
from decode.test_other_binary import AVRO, ION, TYPED, avro, lines, workbook
from decode.test_parquet import COLUMNS, UTC, written
from headrace.config.model import Column, Route, Table
from headrace.encode.mode import compile_members
from headrace.errors import RecordError
from headrace.type_examples import EXAMPLES
from headrace.types import AVRO_TYPES, DYNAMODB_TYPES, ION_TYPES, ORC_TYPES, PARQUET_TYPES, XLSX_TYPES, Types

NAN = float("nan")
PARQUET = {name: (kind, value) for name, (kind, value, _) in COLUMNS.items()}
PARQUET |= {"NaN, Infinity": (pa.float64(), NAN), "INT96 (old timestamps)": (pa.timestamp("us"), datetime.datetime(1600, 1, 1))}
ORC: dict[str, tuple[pa.DataType, Any]] = {
    "boolean": (pa.bool_(), True),
    "tinyint … bigint": (pa.int64(), -(2**63)),
    "float": (pa.float32(), 0.1),
    "double": (pa.float64(), 0.1),
    "decimal": (pa.decimal128(38, 2), Decimal("1.50")),
    "NaN, Infinity": (pa.float64(), NAN),
    "date": (pa.date32(), datetime.date(2024, 2, 29)),
    "timestamp": (pa.timestamp("ns"), datetime.datetime(2024, 1, 1, 1, 0, 0, 5)),
    "timestamp with local time zone": (pa.timestamp("ns", tz="UTC"), datetime.datetime(2024, 1, 1, 1, tzinfo=UTC)),
    "string, char, varchar": (pa.string(), "ä"),
    "binary": (pa.binary(), b"\0\1\2"),
    "list": (pa.list_(pa.int32()), [1, None]),
    "map": (pa.map_(pa.int32(), pa.float32()), [(1, 0.1)]),
    "struct": (pa.struct({"a": pa.string()}), {"a": None}),
    "null of any type": (pa.string(), None),
}
XLSX: dict[str, Any] = {
    "empty cell": None,
    "number": 0.1,
    "text (shared or inline)": "ä",
    "boolean": True,
    "date": datetime.date(2024, 2, 29),
    "date with time": datetime.datetime(2024, 2, 29, 1, 2, 3),
    "time": datetime.time(1, 2, 3),
    "elapsed time (`[h]:mm`)": datetime.timedelta(hours=25),
    "formula": "=1+1",
    "error such as `#DIV/0!`": "#DIV/0!",
}
AVRO_VALUES = {name: cases[0][:2] for name, cases in AVRO.items()} | {"NaN, Infinity": ("double", NAN)}
ION_VALUES = {name: text for name, (text, _) in ION.items()} | {"int, decimal": "1.50", "string, symbol": "sym"}
TABLES: dict[str, Types] = {
    "parquet": PARQUET_TYPES, "orc": ORC_TYPES, "avro": AVRO_TYPES, "xlsx": XLSX_TYPES, "ion": ION_TYPES, "dynamodb_json": DYNAMODB_TYPES,
}  # fmt: skip


def source(format: str, name: str) -> tuple[bytes, str]:
    """An object with the example of a row in column ``v``, and the example as the page has it."""
    match format:
        case "parquet":
            kind, value = PARQUET[name]
            return written(pa.table({"v": pa.array([value], kind)}), use_deprecated_int96_timestamps=name.startswith("INT96")), str(value)
        case "orc":
            kind, value = ORC[name]
            out = io.BytesIO()
            orc.write_table(pa.table({"v": pa.array([value], kind)}), out)
            return out.getvalue(), str(value)
        case "avro":
            schema, value = AVRO_VALUES[name]
            return avro(schema, [value]), str(value)
        case "xlsx":
            return workbook(["id", "v"], ["1", XLSX[name]]), str(XLSX[name])
        case "ion":
            return f"{{Item:{{v:{ION_VALUES[name]}}}}}".encode(), ION_VALUES[name]
    typed = {name: TYPED[name][0]}
    return lines({"Item": {"v": typed}}), json.dumps(typed)


def became(format: Any, data: bytes) -> str:
    """The attribute ``v`` of the one record of ``data``, ``""`` for none, or the code of its rejection."""
    (row,) = rows(data, format)
    if isinstance(row, str):
        return row
    encode = compile_members(Route("r", "**", format, "t", other_columns="keep", columns={"id": Column()}), Table({"id": "string"}))
    try:
        item = json.loads(encode(row | {"id": "1"})[1])["PutRequest"]["Item"]
    except RecordError as error:
        return error.code
    return json.dumps(item["v"], separators=(",", ":"), ensure_ascii=False) if "v" in item else ""


@pytest.mark.parametrize(("format", "name"), [(format, row[0]) for format, table in TABLES.items() for row in table])
def test_example_of_a_row_becomes_what_the_page_says(format: str, name: str) -> None:
    """Exactly the type and the value; a row without a type becomes different ones, or none."""
    data, value = source(format, name)
    assert EXAMPLES[format][name] == (value, found := became(format, data))
    kind = next(kind for source, kind, _ in TABLES[format] if source == name)
    assert kind == "-" or found.startswith(tuple(f'{{"{one}":' for one in kind.split(", ")))


def test_examples_are_of_rows_that_are_there() -> None:
    """None is left of a row that is gone."""
    assert {format: set(examples) for format, examples in EXAMPLES.items()} == {format: {row[0] for row in table} for format, table in TABLES.items()}
