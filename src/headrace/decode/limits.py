"""What no record may be, whatever it holds: the route's limits, each with its code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from headrace.errors import RecordError
from headrace.record import Origin, Rejection


class JsonLimits(NamedTuple):
    """Of one JSON object; see ``Limits`` of the config. ``takes_last`` says that of a name that is there twice the last value counts."""

    record_bytes_max: int
    columns_max: int = 10_000
    name_bytes_max: int = 65_535
    nesting_max: int = 32
    takes_last: bool = False

    @property
    def bytes_surely_within(self) -> int:
        """An object of at most so many bytes has no name, number of members or depth beyond the limits; a member takes five bytes, a level two.

        Depth beyond DynamoDB's own 32 levels is left to the encoder, which looks at every value that is kept.
        """
        return min(self.name_bytes_max, 5 * self.columns_max, 2 * self.nesting_max if self.nesting_max < 32 else self.name_bytes_max)


def record_too_large(record_bytes_max: int, found: str) -> RecordError:
    expected = f"at most {record_bytes_max} bytes in a record (limits.record_bytes_max); only so many are kept here"
    return RecordError("RECORD_TOO_LARGE", found=found, expected=expected)


def too_large(origin: Origin, record_bytes_max: int, *, found: str = "a longer line") -> Rejection:
    """The rejection of a record that is longer than ``record_bytes_max``, with its first bytes."""
    return Rejection.of(record_too_large(record_bytes_max, found), origin, raw_bytes_max=record_bytes_max)


def field_too_large(row: Sequence[str], origin: Origin, field_bytes_max: int) -> Rejection | None:
    """The rejection of a row with a field of more than ``field_bytes_max`` bytes of UTF-8, None if it has none."""
    for number, field in enumerate(row, 1):
        size = len(field) if field.isascii() else len(field.encode("utf-8", "surrogateescape"))
        if size > field_bytes_max:
            expected = f"at most {field_bytes_max} bytes in a field (limits.field_bytes_max)"
            return Rejection.of(RecordError("FIELD_TOO_LARGE", found=f"{size} bytes in field {number}", expected=expected), origin)
    return None


def require_within(record: dict[str, Any], data: bytes, limits: JsonLimits) -> None:
    """Raise RecordError COLUMNS_TOO_MANY, NAME_TOO_LONG or NESTING_TOO_DEEP for an object that ``data`` was parsed to."""
    if len(record) > limits.columns_max:
        raise RecordError("COLUMNS_TOO_MANY", found=f"{len(record)} members", expected=f"at most {limits.columns_max} (limits.columns_max)")
    if len(data) > limits.name_bytes_max:
        for name in record:
            size = len(name.encode("utf-8", "surrogatepass"))
            if size > limits.name_bytes_max:
                expected = f"at most {limits.name_bytes_max} (limits.name_bytes_max)"
                raise RecordError("NAME_TOO_LONG", found=f"a name of {size} bytes, {name[:30]!r}…", expected=expected)
    if data.count(b"{") + data.count(b"[") > limits.nesting_max and _depth(record) - 1 > limits.nesting_max:
        raise nesting_too_deep(limits.nesting_max)


def nesting_too_deep(nesting_max: int) -> RecordError:
    found, expected = f"more than {nesting_max} levels", f"at most {nesting_max} levels of values in each other (limits.nesting_max)"
    return RecordError("NESTING_TOO_DEEP", found=found, expected=expected)


def _depth(value: object) -> int:
    """Levels of values in each other, the innermost counted; what was parsed is never deeper than Python's recursion limit."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 1
