"""What the values of each binary format become: the table of docs/types.md, each row of which a test holds.

``python -m headrace.types`` writes the page into the folder ``docs`` of the working directory.
"""

from __future__ import annotations

from pathlib import Path

from headrace.text_types import TEXT_SECTIONS
from headrace.type_examples import EXAMPLES

PAGE_PATH = Path("docs/types.md")

Types = list[tuple[str, str, str]]
"""A type of the format, the DynamoDB type that it becomes where no column says otherwise, and how."""

_NO_NUMBER = "rejects the record: NUMBER_INVALID"

PARQUET_TYPES: Types = [
    ("boolean", "BOOL", ""),
    ("int8 … int64", "N", "exact"),
    ("uint8 … uint64", "N", "exact"),
    ("float16", "N", "as the float32 of the same value"),
    ("float32", "N", "the fewest digits that are the same float32 again"),
    ("float64", "N", "the fewest digits that are the same float64 again"),
    ("decimal", "N", "exact; more than 38 digits reject the record"),
    ("NaN, Infinity", "-", _NO_NUMBER),
    ("date", "S", "`2024-02-29`"),
    ("time", "S", "`01:02:03.000004`, with the digits of its unit"),
    ("timestamp, UTC-adjusted", "S", "`2024-01-01T01:00:00.000Z` in UTC, with the digits of its unit"),
    ("timestamp, local", "S", "`2024-01-01T01:00:00.000000` without a zone"),
    ("duration (of Arrow)", "N", "the whole number of its unit that Parquet has"),
    ("INT96 (old timestamps)", "S", "as a local timestamp in microseconds"),
    ("string, JSON", "S", ""),
    ("enum", "S", "its name"),
    ("UUID", "S", "`00000000-0000-0000-0000-000000000005`"),
    ("binary, fixed binary, BSON, interval", "B", "its bytes"),
    ("list", "L", ""),
    ("map", "M", "keys as texts; one that is twice rejects the record"),
    ("struct", "M", ""),
    ("null", "-", "as `empty` says; NULL inside of lists and maps"),
]
ORC_TYPES: Types = [
    ("boolean", "BOOL", ""),
    ("tinyint … bigint", "N", "exact"),
    ("float", "N", "the fewest digits that are the same float32 again"),
    ("double", "N", "the fewest digits that are the same float64 again"),
    ("decimal", "N", "exact"),
    ("NaN, Infinity", "-", _NO_NUMBER),
    ("date", "S", "`2024-02-29`"),
    ("timestamp", "S", "nanoseconds, without a zone"),
    ("timestamp with local time zone", "S", "nanoseconds, in UTC"),
    ("string, char, varchar", "S", ""),
    ("binary", "B", "its bytes"),
    ("list", "L", ""),
    ("map", "M", "keys as texts; one that is twice rejects the record"),
    ("struct", "M", ""),
    ("null of any type", "-", "as `empty` says; NULL inside of lists and maps"),
]
AVRO_TYPES: Types = [
    ("null", "-", "as `empty` says; NULL inside of arrays, maps and records"),
    ("boolean", "BOOL", ""),
    ("int, long", "N", "exact"),
    ("float", "N", "the fewest digits that are the same 32-bit float again"),
    ("double", "N", "the fewest digits that are the same 64-bit float again"),
    ("NaN, Infinity", "-", _NO_NUMBER),
    ("bytes, fixed", "B", ""),
    ("string, enum", "S", ""),
    ("array", "L", ""),
    ("map, record", "M", ""),
    ("union", "-", "what its branch becomes"),
    ("decimal", "N", "exact"),
    ("uuid", "S", ""),
    ("date", "S", "`2024-02-29`"),
    ("time-millis, time-micros", "S", "`01:02:03.004`, `01:02:03.000004`"),
    ("timestamp-millis, -micros, -nanos", "S", "`2024-01-01T01:00:00.000Z`, with the digits of its unit"),
    ("local-timestamp-millis, -micros, -nanos", "S", "the same without `Z`"),
]
XLSX_TYPES: Types = [
    ("empty cell", "-", "as `empty` says; a row of nothing else is no record"),
    ("number", "N", "whole ones below 10^15 without a point, others with the fewest digits that are the same float again"),
    ("text (shared or inline)", "S", ""),
    ("boolean", "BOOL", ""),
    ("date", "S", "`2024-02-29`, where the cell's format shows no time"),
    ("date with time", "S", "`2024-02-29T01:02:03`; Excel knows no zones"),
    ("time", "S", "`01:02:03`"),
    ("elapsed time (`[h]:mm`)", "S", "`25:00:00`"),
    ("formula", "-", "the value that Excel saved with it; none is an empty cell"),
    ("error such as `#DIV/0!`", "-", "rejects the record: CELL_ERROR"),
]
ION_TYPES: Types = [
    ("null of any type", "NULL", ""),
    ("bool", "BOOL", ""),
    ("int, decimal", "N", "exact"),
    ("float", "N", "the fewest digits that are the same float again; nan and inf reject the record"),
    ("string, symbol", "S", ""),
    ("blob, clob", "B", ""),
    ("timestamp", "S", "as Ion writes it, with its own precision and offset"),
    ("list, sexp", "L", ""),
    ("list with $dynamodb_SS, _NS or _BS", "SS, NS, BS", ""),
    ("struct", "M", ""),
]
DYNAMODB_TYPES: Types = [(kind, kind, "as it is") for kind in ("S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS")]

SECTIONS: list[tuple[str, str, Types]] = [
    *TEXT_SECTIONS,
    ("`parquet`", "", PARQUET_TYPES),
    ("`orc`", "", ORC_TYPES),
    ("`avro`", "", AVRO_TYPES),
    ("`xlsx`", "The first row that is not blank has the names; records are numbered as Excel numbers rows.", XLSX_TYPES),
    ("`ion`", "Members that `columns` does not name stay as they are, also empty or null.", ION_TYPES),
    ("`dynamodb_json`", "Members that `columns` does not name stay as they are, also empty or null.", DYNAMODB_TYPES),
]

_INTRODUCTION = """# Types

<!-- Generated by `python -m headrace.types`. Do not edit. -->

What a value becomes that no column names, with `other_columns: keep`. A column of another type converts from that: `timestamp` makes epoch seconds
of the texts of times, `string` texts of numbers, `number` numbers of texts.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    for title, note, types in SECTIONS:
        parts += [f"## {title}\n", f"{note}\n"] if note else [f"## {title}\n"]
        examples = EXAMPLES.get(title.strip("`"))
        names = ("type", "becomes", "how", "for example") if examples else ("value", "becomes", "how")
        lines = [" | ".join(names), "|".join(["---"] * len(names))]
        lines += [" | ".join([*row, _cell(*examples[row[0]])] if examples else row) for row in types]
        parts.append("".join(f"|{line}|\n" if line.startswith("---") else f"| {line} |\n".replace("|  |", "| |") for line in lines))
    return "\n".join(parts)


def _cell(value: str, becomes: str) -> str:
    """An example: a value, and what it becomes."""
    result = f"`{becomes}`" if becomes.startswith("{") else becomes or "no attribute"
    return f"`{value}` → {result}".replace("|", "\\|")


if __name__ == "__main__":
    PAGE_PATH.write_text(page(), encoding="utf-8")
