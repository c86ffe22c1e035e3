"""Opens the formats that are read by a process of its own: Parquet, ORC, Avro, Excel and Ion."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headrace.config.model import Format, Limits, Route
from headrace.config.template import Placeholder, template_parts
from headrace.decode.header_names import require_header
from headrace.decode.in_child import Reader, row_groups_in_child, rows_in_child
from headrace.decode.mismatch import LOOKED_AT_BYTES
from headrace.decode.rows import RowGroup, Rows
from headrace.encode.header import require_columns, require_distinct
from headrace.errors import ObjectError
from headrace.ranges import Ranges
from headrace.read.signature import BINARY_FORMATS, first_bytes, format_of, seen

if TYPE_CHECKING:
    from headrace.formats import Content


_JSON = re.compile(rb'\s*\{\s*(?:"(Items?|Keys|Metadata)"\s*:|\r?\n)')
"""What may be Ion, and is not as DynamoDB has it: names in quotes, lines that are no whole value."""


def open_binary(content: Content) -> Rows:
    """The rows of an object, to be closed. Raises ObjectError: see ``rows_in_child``, ``require_header``, ``require_columns``, FORMAT_UNEXPECTED."""
    route, limits = content.route, content.limits
    source: Ranges | Iterator[bytes] = content.ranges or content.pieces
    if content.ranges:
        _require_format(content.ranges.head, route.format)
    else:
        first = first_bytes(content.pieces, LOOKED_AT_BYTES)
        _require_format(first[:LOOKED_AT_BYTES], route.format)
        source = itertools.chain([first] if first else [], content.pieces)
    rows = rows_in_child(_reader(content), source, _options(content), content.start.line if content.start else 1)
    try:
        _require_columns(rows, route, limits)
    except ObjectError:
        rows.close()
        raise
    return rows


def _require_columns(rows: Rows, route: Route, limits: Limits) -> None:
    if rows.columns is None:
        return
    require_header(rows.columns, limits.columns_max, limits.name_bytes_max)
    require_distinct(rows.columns)
    if not route.transform and (rows.columns or route.format != "xlsx"):
        require_columns(route, _needed(route), rows.columns)


def row_groups(content: Content) -> list[RowGroup]:
    """The row groups of an object of one of ``formats.ROW_GROUP_FORMATS``. Raises ObjectError: see ``rows_in_child``, FORMAT_UNEXPECTED."""
    assert content.ranges
    _require_format(content.ranges.head, content.route.format)
    return row_groups_in_child(_reader(content), content.ranges, _options(content))


def _reader(content: Content) -> Reader:
    return Reader(content.route.format, content.route.format, content.limits.reader_bytes_max)


def _options(content: Content) -> dict[str, Any]:
    """What a reader is told beside the object's bytes."""
    route, limits = content.route, content.limits
    return {
        "columns": _needed(route) if route.other_columns == "drop" and not route.transform else None,
        "bytes_max": limits.reader_bytes_max,
        "decompressed_bytes_max": limits.decompressed_bytes_max,
        "record_bytes_max": limits.record_bytes_max,
        "sheet": route.sheet,
        "header": route.header,
        "header_names": route.header_names,
        "operation": route.operation,
        "end_line": content.end_line,
    }


def _needed(route: Route) -> set[str]:
    """The columns that an item is made of."""
    templates = {part.column for template in route.key.values() for part in template_parts(template) if isinstance(part, Placeholder)}
    return {name for name, column in route.columns.items() if column.type != "drop"} | templates | ({route.operation} - {""})


def _require_format(first: bytes, format: Format) -> None:
    """Raise ObjectError FORMAT_UNEXPECTED unless content that begins with ``first`` may be of ``format``."""
    found = format_of(first)
    if format == "ion" and (json := _JSON.match(first)):
        message = f"found {'DynamoDB JSON' if json[1] else 'a value on several lines'}, expected Amazon Ion, as text with an item on each line or binary"
        raise ObjectError("FORMAT_UNEXPECTED", message, hint="correct `format` of the route, or write one item on each line")
    is_text = format == "ion" and not found and first.lstrip()[:1] in (b"{", b"$", b"/", b"") and b"\0" not in first
    if found != BINARY_FORMATS[format] and not is_text:
        expected = "Amazon Ion" if format == "ion" else BINARY_FORMATS[format]
        raise ObjectError("FORMAT_UNEXPECTED", f"found {seen(first)}, expected {expected}", hint="correct `format` of the route, or convert the file")
