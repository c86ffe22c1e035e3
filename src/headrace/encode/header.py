"""Whether a file's header and a route fit together, said before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headrace.config.model import Route
from headrace.encode.values import name_of
from headrace.errors import ObjectError, RecordError, shortened

COLUMNS_MAX = 10_000
"""The encoder of a header is compiled, in time that grows faster than its length: 0.6 s for 10,000 columns, 9 s for 50,000."""


def require_distinct(header: Sequence[str]) -> None:
    """Raise ObjectError if ``header`` has a name twice, or more names than an item can sensibly have."""
    if len(header) > COLUMNS_MAX:
        raise ObjectError("HEADER_TOO_WIDE", f"found {len(header)} columns, expected at most {COLUMNS_MAX}", hint="check the delimiter, or split the records")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        message = f"found column {_listed(twice)} more than once; the header is {_listed(header)}"
        raise ObjectError("HEADER_DUPLICATE", message, hint="give each column a name of its own, or set `header`")


def require_columns(route: Route, needed: set[str], header: Sequence[str]) -> None:
    """Raise ObjectError unless ``header`` has every column in ``needed``, and no other that ``route`` refuses."""
    seen = f"the header is {_listed(header)}"
    missing = sorted(needed - set(header))
    if missing:
        other = next((mark for mark in (";", "\t", "|", ",") if len(header) == 1 and mark in header[0]), "")
        hint = f"the fields look separated by {other!r}: set `delimiter`" if other else "correct the file's header, or `columns` and `key` of the route"
        raise ObjectError("HEADER_MISSING_COLUMN", f"expected column {_listed(missing)}; {seen}", hint=hint)
    unknown = [name for name in header if name not in route.columns and name not in needed]
    if unknown and route.other_columns == "reject":
        hint = "name it under `columns`, or set `other_columns` to keep or drop"
        raise ObjectError("HEADER_UNKNOWN_COLUMN", f"found column {_listed(unknown)}, which the route does not name; {seen}", hint=hint)


def require_names(route: Route, header: Sequence[str]) -> None:
    """Raise ObjectError unless each column that is kept under its own name has one that an attribute can have."""
    for number, name in enumerate(header if route.other_columns == "keep" else (), 1):
        try:
            if name not in route.columns:
                name_of(name)
        except RecordError as error:
            hint = "correct the first line of the file, or set `header`" + ("" if name else " or `header_names: number`")
            raise ObjectError("HEADER_INVALID", f"the header line: the name of column {number}: {error.message}", hint=hint) from None


def require_no_collision(route: Route, taken: set[str], header: Sequence[str]) -> None:
    """Raise ObjectError if a column that is kept under its own name would stand where another value of the item stands."""
    twice = [name for name in header if name not in route.columns and name in taken]
    if twice and route.other_columns == "keep" and route.mode == "put":
        message = f"column {_listed(twice)} has the name of an attribute that comes from another column, a constant or a key template"
        raise ObjectError("HEADER_NAME_COLLISION", message, hint="name the column under `columns`, with another `name` or with `type: drop`")


def _listed(names: Sequence[str]) -> str:
    """The first names in quotes, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(shortened(name, 40) for name in names[:6]) + more
