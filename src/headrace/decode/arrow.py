"""From Arrow's columns to the values of records: Parquet and ORC both come this way. Imported only when a route needs it.

What each type becomes stands in ``headrace.types``.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.decode.rows import Columns, json_of
from headrace.errors import shortened
from headrace.record import Number

NO_NUMBERS = frozenset(("nan", "inf", "-inf"))
OUT_OF_RANGE = "<value out of range"  # how Arrow writes a date beyond the year 32,767

Values = list[Any]


class NotAValue:
    """Stands where a column has something that no item can hold."""

    def __init__(self, code: str, found: str, expected: str) -> None:
        self.code = code
        self.found = found
        self.expected = expected


def columns_of(batch: pa.RecordBatch) -> Columns:
    """The rows of ``batch``, column by column."""
    names = batch.schema.names
    numbers, columns = [], []
    problems: dict[int, tuple[str, str, str, str]] = {}
    for name, column in zip(names, batch.columns, strict=True):
        is_number = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
        values = _texts_of_numbers(column) if is_number else _values(column)
        if pa.types.is_nested(column.type) or NotAValue in set(map(type, values)):
            for index, value in enumerate(values):
                if problem := _problem(value):
                    problems.setdefault(index, (problem.code, name, problem.found, problem.expected))
                    values[index] = _shown(value)
        numbers.append(is_number)
        columns.append(values)
    return Columns(names, numbers, columns, problems)


def _problem(value: object) -> NotAValue | None:
    """What is wrong with ``value`` or something in it."""
    if isinstance(value, NotAValue):
        return value
    if isinstance(value, list | dict):
        members = value if isinstance(value, list) else value.values()
        return next((problem for member in members if (problem := _problem(member))), None)
    return None


def _shown(value: object) -> object:
    match value:
        case NotAValue():
            return value.found
        case list():
            return [_shown(member) for member in value]
        case dict():
            return {name: _shown(member) for name, member in value.items()}
    return value


def _values(array: pa.Array) -> Values:
    """One Python value for each of the array's."""
    kind = array.type
    for is_kind, convert in _CONVERSIONS:
        if is_kind(kind):
            return convert(array)
    raise NotImplementedError(f"{kind}, which is no type of the table in docs/types.md")


def _plain(array: pa.Array) -> Values:
    values: Values = array.to_pylist()
    return values


def _texts(array: pa.Array) -> Values:
    try:
        return _plain(array)
    except UnicodeDecodeError:
        stored = array.cast(pa.binary_view() if pa.types.is_string_view(array.type) else pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in stored]


def _dictionary(array: pa.DictionaryArray) -> Values:
    """Each value of the dictionary is made once, however often it comes: a small file may repeat a large one very often."""
    indices, dictionary = array.indices.to_pylist(), array.dictionary
    if len(dictionary) <= len(indices):
        values = [*_values(dictionary), None]
        return [values[-1 if index is None else index] for index in indices]
    used = [index for index in dict.fromkeys(indices) if index is not None]
    known = dict(zip(used, _values(dictionary.take(pa.array(used, pa.int64()))), strict=True))
    return list(map(known.get, indices))


def _written(array: pa.Array) -> Values:
    return _plain(pc.cast(array, pa.string()))


def _texts_of_numbers(array: pa.Array) -> Values:
    """Floats with the fewest digits that are the same float again, decimals with all of theirs."""
    if pa.types.is_float16(array.type):
        array = pc.cast(array, pa.float32())
    texts = _written(array)
    if NO_NUMBERS.isdisjoint(texts):
        return texts
    return [_float(text) if text in NO_NUMBERS else text for text in texts]


def _numbers(array: pa.Array) -> Values:
    return [Number(value) if isinstance(value, str) else value for value in _texts_of_numbers(array)]


def _float(text: str) -> NotAValue:
    return NotAValue("NUMBER_INVALID", {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text], "a number (DynamoDB has no NaN or Infinity)")


def _dates(array: pa.Array) -> Values:
    return [None if text is None else _date(text) for text in _written(array)]


def _date(text: str) -> str | NotAValue:
    if text.startswith(OUT_OF_RANGE):
        return NotAValue("DATE_RANGE", shortened(text), "a date that ISO 8601 can write")
    return text


def _timestamps(array: pa.Array) -> Values:
    zone = "Z" if array.type.tz is not None else ""
    local = array.view(pa.int64()).view(pa.timestamp(array.type.unit))
    return [None if text is None else value if isinstance(value := _date(text), NotAValue) else f"{text.replace(' ', 'T')}{zone}" for text in _written(local)]


def _lists(array: Any) -> Values:
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        array = pc.cast(array, pa.list_(array.type.value_type))
    starts: list[int] = array.offsets.to_pylist()
    base = starts[0] if starts else 0
    members = _values(array.values.slice(base, starts[-1] - base if starts else 0))
    valid = array.is_valid().to_pylist()
    return [members[start - base : end - base] if is_valid else None for (start, end), is_valid in zip(itertools.pairwise(starts), valid, strict=True)]


def _maps(array: pa.MapArray) -> Values:
    starts: list[int] = array.offsets.to_pylist()
    base, count = starts[0], starts[-1] - starts[0]
    names = [name if isinstance(name, str) else _name(name) for name in _values(array.keys.slice(base, count))]
    members = _values(array.items.slice(base, count))
    found: Values = []
    for (start, end), is_valid in zip(itertools.pairwise(starts), array.is_valid().to_pylist(), strict=True):
        value = dict(zip(names[start - base : end - base], members[start - base : end - base], strict=True)) if is_valid else None
        is_twice = value is not None and len(value) < end - start
        found.append(NotAValue("MAP_DUPLICATE_NAME", "a name twice in one map", "each name once") if is_twice else value)
    return found


def _name(value: object) -> str:
    match value:
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json_of(value)
    return str(value)


def _structs(array: pa.StructArray) -> Values:
    names = [array.type.field(index).name for index in range(array.type.num_fields)]
    members = [_values(member) for member in array.flatten()]
    valid = array.is_valid().to_pylist()
    if not names:
        return [{} if is_valid else None for is_valid in valid]
    return [dict(zip(names, values, strict=True)) if is_valid else None for values, is_valid in zip(zip(*members, strict=True), valid, strict=True)]


def _extension(array: pa.ExtensionArray) -> Values:
    stored = _values(array.storage)
    if array.type.extension_name == "arrow.uuid":
        return [None if value is None else str(uuid.UUID(bytes=value)) for value in stored]
    return stored


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


_T = pa.types
_CONVERSIONS: list[tuple[Callable[[pa.DataType], bool], Callable[[Any], Values]]] = [
    (_is_extension, _extension),
    (_T.is_dictionary, _dictionary),
    (lambda kind: _T.is_integer(kind) or _T.is_boolean(kind) or _T.is_null(kind), _plain),
    (lambda kind: _T.is_string(kind) or _T.is_large_string(kind) or _T.is_string_view(kind), _texts),
    (lambda kind: _T.is_binary(kind) or _T.is_large_binary(kind) or _T.is_fixed_size_binary(kind) or _T.is_binary_view(kind), _plain),
    (lambda kind: _T.is_floating(kind) or _T.is_decimal(kind), _numbers),
    (lambda kind: _T.is_date(kind) or _T.is_time(kind), _dates),
    (_T.is_timestamp, _timestamps),
    (_T.is_duration, lambda array: _plain(array.view(pa.int64()))),
    (_T.is_map, _maps),
    (lambda kind: _T.is_list(kind) or _T.is_large_list(kind) or _T.is_fixed_size_list(kind) or _T.is_list_view(kind) or _T.is_large_list_view(kind), _lists),
    (_T.is_struct, _structs),
]
