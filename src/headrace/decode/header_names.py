"""The names in a header line: within the limits, and distinct if the route has them numbered."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.errors import ObjectError, shortened


def require_header(header: Sequence[str], columns_max: int, name_bytes_max: int) -> None:
    """Raise ObjectError HEADER_TOO_WIDE or HEADER_NAME_TOO_LONG."""
    if len(header) > columns_max:
        message = f"found {len(header)} columns, expected at most {columns_max} (limits.columns_max)"
        raise ObjectError("HEADER_TOO_WIDE", message, hint="check the delimiter, or split the records")
    for number, name in enumerate(header, 1):
        size = len(name.encode("utf-8", "surrogateescape"))
        if size > name_bytes_max:
            message = f"found a name of {size} bytes for column {number}, {shortened(name, 40)}, expected at most {name_bytes_max} (limits.name_bytes_max)"
            raise ObjectError("HEADER_NAME_TOO_LONG", message, hint="correct the header line, or check the quotes and the delimiter")


def numbered(header: Sequence[str]) -> list[str]:
    """``header`` with ``column_3`` for an empty third name, and ``a_2`` for a second ``a``, or the next number that no other column has."""
    names: dict[str, None] = {}
    taken = set(header)
    for position, name in enumerate(header, 1):
        wanted = base = name or f"column_{position}"
        number = 2
        while wanted in names or (wanted != name and wanted in taken):
            wanted, number = f"{base}_{number}", number + 1
        names[wanted] = None
    return list(names)
