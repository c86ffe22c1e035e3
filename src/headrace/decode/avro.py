"""Avro object container files (Avro 1.12 specification): read by fastavro, block by block. Runs in a process of its own, see ``decode.child``."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import fastavro
import fastavro._read as fastavro_read

from headrace.decode.child import Source
from headrace.decode.rows import Row, Unfit, not_a_number
from headrace.errors import ObjectError, RecordError
from headrace.record import Number

BATCH_ROWS = 500
ROWS_WITHOUT_BYTES_MAX = 100_000
"""In a block: rows of nothing but nulls take no bytes, and a block may claim any number of them."""

Convert = Callable[[Any], Any]
Schema = Any  # what JSON gives


def read(source: Source, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The columns' names, then all rows. Raises ObjectError AVRO_DAMAGED, AVRO_UNSUPPORTED, EXTRA_MISSING, and whatever fastavro raises."""
    for name in ("long-timestamp-millis", "long-timestamp-micros", "long-timestamp-nanos", "int-date", "int-time-millis", "long-time-micros"):
        fastavro_read.LOGICAL_READERS.pop(name, None)  # their numbers are exact, and may be of years that datetime does not have
    for name in ("long-local-timestamp-millis", "long-local-timestamp-micros", "long-local-timestamp-nanos"):
        fastavro_read.LOGICAL_READERS.pop(name, None)
    file = _Counted(source.pieces())
    blocks = fastavro.block_reader(file)
    schema = blocks.writer_schema
    kind = schema.get("type") if isinstance(schema, dict) else "union" if isinstance(schema, list) else schema
    if kind != "record":
        raise ObjectError("AVRO_UNSUPPORTED", f"found values of type {kind!r}, expected records", hint="write records, with the value as a field")
    convert = _Converters().of(schema)
    yield "schema", {"columns": [field["name"] for field in schema["fields"]], "skipped": 0}
    for block in _blocks(blocks):
        if block.num_records > block.bytes_.getbuffer().nbytes + ROWS_WITHOUT_BYTES_MAX:
            message = f"found a block at byte {block.offset} that claims {block.num_records} records in {block.bytes_.getbuffer().nbytes} bytes"
            raise ObjectError("AVRO_DAMAGED", message, hint="write the file again")
        rows: list[Row | Unfit] = []
        for record in block:
            rows.append(_row(record, convert))
            if len(rows) >= BATCH_ROWS:
                yield "rows", (block.offset, rows)
                rows = []
        if block.bytes_.read(1):
            raise ObjectError("AVRO_DAMAGED", f"found more bytes than records in the block at byte {block.offset}", hint="write the file again")
        if rows:
            yield "rows", (block.offset, rows)


def _blocks(blocks: Any) -> Iterator[Any]:
    try:
        yield from blocks
    except ValueError as error:
        if "you need to install" in str(error):
            hint = "pip install 'headrace[codecs]'"
            raise ObjectError("EXTRA_MISSING", f"found a codec that needs the extra codecs: {error}", hint=hint) from None
        raise


def _row(record: Row, convert: Convert) -> Row | Unfit:
    row: Row = convert(record)
    unfit = next((name for name, value in row.items() if not_a_number(value)), None)
    return row if unfit is None else Unfit(RecordError("NUMBER_INVALID", column=unfit, found="NaN or Infinity", expected="a number"), row)


class _Counted(io.RawIOBase):
    """Pieces as a file that can be read once, from the beginning."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._data = memoryview(b"")
        self._at = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        parts: list[bytes] = []
        missing = math.inf if size is None or size < 0 else size
        while missing:
            if not self._data:
                self._data = memoryview(next(self._pieces, b""))
                if not self._data:
                    break
            taken = bytes(self._data[: int(min(missing, len(self._data)))])
            self._data = self._data[len(taken) :]
            parts.append(taken)
            missing -= len(taken)
        data = b"".join(parts)
        self._at += len(data)
        return data


class _Converters:
    """From the values that fastavro gives to those of records, by schema; each named type once, so that a type may hold itself."""

    def __init__(self) -> None:
        self._named: dict[str, Convert] = {}

    def of(self, schema: Schema) -> Convert:
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            name = schema
            return _PRIMITIVES.get(schema) or (lambda value: self._named[name](value))  # noqa: PLW0108 - not known yet
        logical = _LOGICAL.get((schema["type"], schema.get("logicalType", ""))) if isinstance(schema["type"], str) else None
        if logical:
            return logical
        match schema["type"]:
            case "record" | "error":
                return self._record(schema)
            case "array":
                member = self.of(schema["items"])
                return lambda value: [member(each) for each in value]
            case "map":
                member = self.of(schema["values"])
                return lambda value: {name: member(each) for name, each in value.items()}
            case "enum" | "fixed":
                convert = _same if schema.get("logicalType") != "decimal" else _decimal
                self._named[schema["name"]] = convert
                return convert
            case kind:
                return _decimal if schema.get("logicalType") == "decimal" else _uuid if schema.get("logicalType") == "uuid" else self.of(kind)

    def _record(self, schema: Schema) -> Convert:
        members: list[tuple[str, Convert]] = []
        self._named[schema["name"]] = convert = lambda value: {name: member(value[name]) for name, member in members}
        members += [(field["name"], self.of(field["type"])) for field in schema["fields"]]
        return convert

    def _union(self, branches: list[Schema]) -> Convert:
        """By the branch where there is one beside null; else by the value, where two branches differ in their values' types."""
        others = [branch for branch in branches if branch != "null"]
        if len(others) == 1:
            convert = self.of(others[0])
            return lambda value: None if value is None else convert(value)
        known = [(kinds, self.of(branch)) for branch in others for kinds in [_kinds(branch)]]

        def by_value(value: Any) -> Any:
            fitting = [convert for kinds, convert in known if isinstance(value, kinds) and (bool in kinds) == isinstance(value, bool)]
            return None if value is None else (fitting[-1] if fitting else _any)(value)

        return by_value


def _kinds(branch: Schema) -> tuple[type, ...]:
    name = branch if isinstance(branch, str) else branch["type"]
    logical = "" if isinstance(branch, str) else branch.get("logicalType", "")
    if logical == "decimal":
        return (Decimal,)
    return _KINDS.get(name, (dict,))


_KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,), "int": (int,), "long": (int,), "float": (float,), "double": (float,), "string": (str,), "enum": (str,), "bytes": (bytes,),
    "fixed": (bytes,), "array": (list,), "map": (dict,), "record": (dict,),
}  # fmt: skip


def _same(value: Any) -> Any:
    return value


def _any(value: Any) -> Any:
    return Number(repr(value)) if isinstance(value, float) else _decimal(value) if isinstance(value, Decimal) else value


def _double(value: float) -> Number:
    return Number(repr(float(value)))


def _single(value: float) -> Number:
    """The fewest digits that are the same float of 32 bits again."""
    if not math.isfinite(value):
        return Number(repr(value))
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<d", short) == struct.pack("<d", value) or struct.unpack("<f", struct.pack("<f", short))[0] == value:
            return Number(repr(short))
    return Number(repr(float(f"{value:.9g}")))


def _decimal(value: Decimal) -> Number:
    return Number(str(value))


def _uuid(value: Any) -> str:
    return str(value)


def _date(days: int) -> str:
    """Days since 1970 in the proleptic Gregorian calendar; years beyond 9999 with a sign, as ISO 8601 has them."""
    days += 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day, month = day_of_year - (153 * shifted + 2) // 5 + 1, shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04d}-{month:02d}-{day:02d}" if 0 <= year <= 9999 else f"{year:+05d}-{month:02d}-{day:02d}"


def _time(digits: int) -> Convert:
    def text(value: int) -> str:
        seconds, fraction = divmod(value, 10**digits)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:0{digits}d}"

    return text


def _timestamp(digits: int, zone: str) -> Convert:
    of_day = _time(digits)

    def text(value: int) -> str:
        days, rest = divmod(value, 86_400 * 10**digits)
        return f"{_date(days)}T{of_day(rest)}{zone}"

    return text


_PRIMITIVES: dict[str, Convert] = {
    **dict.fromkeys(("null", "boolean", "int", "long", "bytes", "string"), _same), "float": _single, "double": _double,
}  # fmt: skip
_LOGICAL: dict[tuple[str, str], Convert] = {
    ("int", "date"): _date,
    ("int", "time-millis"): _time(3),
    ("long", "time-micros"): _time(6),
    **{("long", f"timestamp-{unit}"): _timestamp(digits, "Z") for unit, digits in (("millis", 3), ("micros", 6), ("nanos", 9))},
    **{("long", f"local-timestamp-{unit}"): _timestamp(digits, "") for unit, digits in (("millis", 3), ("micros", 6), ("nanos", 9))},
}
