"""One function per column, from a decoded value to its fragment of the item: ``,"name":{"N":"5"}`` or nothing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from headrace.config.model import Column, EmptyPolicy
from headrace.encode import values
from headrace.encode.numbers import number, plain_marks
from headrace.errors import RecordError, shortened

Convert = Callable[[Any], str]
CACHE_ENTRIES_MAX = 4_096
CACHED_CHARACTERS_MAX = 256

EMPTY_VALUES = {"string": '{"S":""}', "list": '{"L":[]}', "map": '{"M":{}}'}
"""What ``empty: empty`` means for the types that have an empty value; the others are left out."""


class FragmentCache(dict[str, str]):
    """Remembers the fragments of a column's texts, since most columns repeat theirs; a hit costs one dictionary look-up.

    For ``str`` only: of Python's other values some are equal that DynamoDB tells apart, such as 1 and True. Bounded in entries
    and length.
    """

    __slots__ = ("convert",)

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, value: str) -> str:
        fragment = self.convert(value)
        if len(fragment) + len(value) < CACHED_CHARACTERS_MAX:  # a long text may become a short fragment
            if len(self) >= CACHE_ENTRIES_MAX:
                self.clear()  # files are often sorted: what was frequent at the start may never come again
            self[value] = fragment
        return fragment


KEPT_TEXT = '{"S":""}'


def fragment_converter(source_name: str, column: Column | None, *, empty: EmptyPolicy, null_values: frozenset[str]) -> Convert:
    """The conversion of ``column``: raises RecordError naming the column as the file names it. None: one that keeps each value's own type."""
    convert = value_converter(column) if column else values.natural
    column = column or Column()
    name = values.name_of(column.name or source_name)
    instead = _instead_of_empty(column, empty)
    is_kept = (column.empty or empty) == "keep"

    def fragment(value: Any) -> str:
        try:
            if is_empty(value, null_values):
                if is_kept:
                    return f",{name}:{KEPT_TEXT if value == '' else values.NULL}"
                if instead is None:
                    raise RecordError("VALUE_EMPTY", found="nothing", expected="a value (the column's empty policy is reject)")
                return f",{name}:{instead}" if instead else ""
            return f",{name}:{convert(value)}"
        except RecordError as error:
            raise at_column(error, source_name) from None

    return fragment


def at_column(error: RecordError, column: str) -> RecordError:
    """``error`` with the name of the column where it was found, unless it has one."""
    return RecordError(error.code, column=error.column or column, found=error.found, expected=error.expected)


def is_empty(value: object, null_values: frozenset[str]) -> bool:
    """Whether ``value`` counts as empty or null."""
    return value is None or (isinstance(value, str) and (value == "" or value in null_values))


def _instead_of_empty(column: Column, route_empty: EmptyPolicy) -> str | None:
    """The JSON text for an empty value, ``""`` to leave the attribute out, None to reject the record."""
    match column.empty or route_empty:
        case "null":
            return values.NULL
        case "empty":
            return EMPTY_VALUES.get(column.type, "")
        case "reject":
            return None
        case _:
            return ""


def value_converter(column: Column) -> Convert:
    """The conversion of a value that is not empty to typed JSON text."""
    match column.type:
        case "string":
            return values.string
        case "number":
            return _marked_number(column) if has_marks(column) else values.number_value
        case "date":
            return lambda value: values.string(iso_date(value, column.format or "iso"))
        case "boolean":
            return values.boolean
        case "binary":
            return lambda value: values.binary(value, column.format or "base64")
        case "timestamp":
            return lambda value: f'{{"N":"{epoch_seconds(value, column.format or "iso")}"}}'
        case "json":
            return lambda value: values.natural(values.typed_json(value) if _is_text(value) else value)
        case "map":
            return _map
        case "list":
            return lambda value: values.natural(_split(value, column.separator))
        case "string_set":
            return lambda value: values.string_set(_split(value, column.separator))
        case "number_set":
            return lambda value: values.number_set(_split(value, column.separator))
        case _:
            raise ValueError(f"column type {column.type} has no value")


def has_marks(column: Column) -> bool:
    """Whether texts write the column's numbers with other marks than JSON does, so that the text and the number ``1.234`` differ."""
    return column.type == "number" and (column.decimal, column.thousands) != (".", "")


def _marked_number(column: Column) -> Convert:
    """Numbers of JSON have their own marks, whatever those of the column are."""
    return lambda value: values.number_value(plain_marks(value, column.decimal, column.thousands) if _is_text(value) else value)


def _is_text(value: object) -> bool:
    return type(value) is str  # a Number is a str too, but not a text


def _map(value: object) -> str:
    parsed = values.typed_json(value) if isinstance(value, str) and _is_text(value) else value
    if not isinstance(parsed, Mapping):
        raise RecordError("TYPE_MISMATCH", found=values.kind_of(parsed), expected="a JSON object")
    return values.natural(parsed)


def _split(value: object, separator: str) -> list[Any]:
    """The members of a list: of a JSON array as they are, of a text between separators."""
    if isinstance(value, str) and _is_text(value):
        return list(value.split(separator))
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    raise RecordError("TYPE_MISMATCH", found=values.kind_of(value), expected=f"an array, or text with {separator!r} between members")


def iso_date(value: object, form: str) -> str:
    """The day of a date or time as ``2024-12-31``, without a change of zone. Raises RecordError DATE_INVALID."""
    text = values.scalar_text(value, "a date").strip(" \t")
    try:
        moment = datetime.datetime.fromisoformat(text) if form == "iso" else datetime.datetime.strptime(text, form)
    except ValueError:
        raise RecordError("DATE_INVALID", found=shortened(text), expected=f"a date in the form {form}") from None
    return moment.date().isoformat()


EPOCH_S_MAX = 253_402_300_799  # 9999-12-31T23:59:59Z


def epoch_seconds(value: object, form: str) -> int:
    """Whole seconds since 1970-01-01T00:00:00Z, rounded down: what DynamoDB's time to live reads. A time without zone is UTC.

    Raises RecordError TIMESTAMP_INVALID, also for milliseconds declared as seconds: such an item would never expire.
    """
    text = values.scalar_text(value, "a time").strip(" \t")
    try:
        if form in ("epoch_s", "epoch_ms"):
            seconds = math.floor(Decimal(number(text))) // (1000 if form == "epoch_ms" else 1)
        else:
            seconds = _seconds_of(datetime.datetime.fromisoformat(text) if form == "iso" else datetime.datetime.strptime(text, form))
    except (ValueError, RecordError, OverflowError):
        raise RecordError("TIMESTAMP_INVALID", found=shortened(text), expected=f"a time in the form {form}") from None
    if not 0 <= seconds <= EPOCH_S_MAX:
        hint = "; it looks like milliseconds: use format epoch_ms" if seconds > EPOCH_S_MAX else ""
        raise RecordError("TIMESTAMP_INVALID", found=shortened(text), expected=f"a time between 1970 and 9999{hint}")
    return seconds


def _seconds_of(moment: datetime.datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(seconds=1)
