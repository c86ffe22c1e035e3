"""The decoder of each format: a table that every format has one line in. Only what routes often need is imported with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from headrace.config.model import Format, Limits, Route
from headrace.decode.csv import CsvDecoder
from headrace.decode.dialect import Dialect
from headrace.decode.header_names import numbered, require_header
from headrace.decode.jsonl import JsonLinesDecoder
from headrace.decode.limits import JsonLimits
from headrace.decode.lines import line_blocks, without_bom
from headrace.decode.margins import without_first_lines, without_last_lines
from headrace.decode.mismatch import LOOKED_AT_BYTES, required
from headrace.encoding import utf8_pieces
from headrace.ranges import Ranges
from headrace.read.signature import first_bytes
from headrace.record import Block, Rejection, Start


class Decoder(Protocol):
    """Iterates, once, over records as ``(what, block, first line, last line)``; what is a Rejection, a list in the order of ``header``, or a mapping.

    ``header`` is None where records are mappings, and for an object with ``has_fields`` that has no header line, so no record either.
    ``first_rejection`` is that of the header line.
    """

    has_fields: bool
    header: list[str] | None
    first_rejection: Rejection | None

    def __iter__(self) -> Iterator[tuple[Any, Block, int, int]]: ...


@dataclass(frozen=True)
class Content:
    """What a decoder is opened on: the decompressed ``pieces`` of an object from ``start`` on.

    ``start`` None is the beginning. ``header`` is what the header line held where it lies before ``start``. Decoders of RANGED_FORMATS read
    ``ranges`` instead of the pieces, those of ROW_GROUP_FORMATS to before row ``end_line``, which begins a row group.
    """

    route: Route
    limits: Limits
    pieces: Iterator[bytes]
    start: Start | None = None
    header: list[str] | None = None
    ranges: Ranges | None = None
    end_line: int | None = None


def _delimited(content: Content) -> Decoder:
    route, limits = content.route, content.limits
    dialect = Dialect(delimiter_of(route), route.quote, route.escape, route.comment)
    header = route.header or content.header
    decoder = CsvDecoder(_blocks(content), dialect=dialect, record_bytes_max=limits.record_bytes_max, field_bytes_max=limits.field_bytes_max, header=header)
    if decoder.header is not None:
        require_header(decoder.header, limits.columns_max, limits.name_bytes_max)
        decoder.header = numbered(decoder.header) if route.header_names == "number" else decoder.header
    decoder.make_even(route.ragged)
    return decoder


def _fixed(content: Content) -> Decoder:
    from headrace.decode.fixed import FixedDecoder  # noqa: PLC0415 - only what a route needs

    route = content.route
    return FixedDecoder(_blocks(content), widths=route.widths, record_bytes_max=content.limits.record_bytes_max, ragged=route.ragged, comment=route.comment)


def _json_lines(content: Content) -> Decoder:
    return JsonLinesDecoder(_blocks(content, lf_only=True), limits=_json_limits(content))


def _json(content: Content) -> Decoder:
    from headrace.decode.json_text import JsonText  # noqa: PLC0415 - likewise
    from headrace.decode.json_values import JsonValuesDecoder  # noqa: PLC0415 - likewise

    route, limits = content.route, _json_limits(content)
    mark, pieces = without_bom(required(content.pieces, route.format, route.encoding), route.encoding)
    text = JsonText(utf8_pieces(pieces, route.encoding), offset=len(mark), encoding=route.encoding, token_characters_max=limits.record_bytes_max)
    path = (route.path.split(".") if route.path else []) if route.format == "json" else None
    begin = content.start.byte_offset if content.start else 0
    return JsonValuesDecoder(text, limits=limits, path=path, wraps=route.other_values == "wrap", begin=begin)


def _dynamodb_json(content: Content) -> Decoder:
    from headrace.decode.dynamodb_json import DynamoDbJsonDecoder, is_scan_output  # noqa: PLC0415 - only what a route needs

    route, begin = content.route, content.start.byte_offset if content.start else 0
    pieces = required(content.pieces, route.format, "utf-8")
    first = first_bytes(pieces, LOOKED_AT_BYTES)
    content = replace(content, pieces=itertools.chain([first] if first else [], pieces), start=None)
    is_scan = is_scan_output(first)
    route_of_inner = replace(route, format="json", path="Items") if is_scan else replace(route, format="jsonl")
    inner = (_json if is_scan else _json_lines)(replace(content, route=route_of_inner))
    return DynamoDbJsonDecoder(inner, operation=route.operation, begin=begin, is_scan=is_scan)


def _in_child(content: Content) -> Decoder:
    from headrace.binary import open_binary  # noqa: PLC0415 - only what a route needs

    return open_binary(content)


DECODERS: dict[Format, Callable[[Content], Decoder]] = {
    "csv": _delimited,
    "tsv": _delimited,
    "fixed": _fixed,
    "jsonl": _json_lines,
    "json": _json,
    "json_values": _json,
    "dynamodb_json": _dynamodb_json,
    "ion": _in_child,
    "parquet": _in_child,
    "orc": _in_child,
    "avro": _in_child,
    "xlsx": _in_child,
}
"""By format."""
RANGED_FORMATS: tuple[Format, ...] = ("parquet", "orc", "xlsx")
"""Formats whose decoder reads here and there, in ``ranges``."""
ROW_GROUP_FORMATS: tuple[Format, ...] = ("parquet",)
"""Those of them whose rows are in groups that can be read each by itself, and counted without reading them."""
HEADER_FORMATS: tuple[Format, ...] = ("csv", "tsv")
"""Formats with a header line, unless the route says the header."""
SEQUENTIAL_FORMATS: tuple[Format, ...] = ("json", "json_values", "dynamodb_json", "avro", "ion")
"""Formats whose decoder reads from the beginning wherever it is to start: a record is known only by what is around it."""


def delimiter_of(route: Route) -> str:
    """The text between the fields of a CSV or TSV."""
    return route.delimiter or ("\t" if route.format == "tsv" else ",")


def _blocks(content: Content, *, lf_only: bool = False) -> Iterator[Block]:
    """The lines of the records, and of the header."""
    route, limit = content.route, max(content.limits.record_bytes_max, len(content.route.comment.encode()))
    pieces = content.pieces if content.start else required(content.pieces, route.format, route.encoding)
    blocks = line_blocks(pieces, line_bytes_max=limit, lf_only=lf_only, start=content.start, encoding=route.encoding)
    if route.skip_lines and not content.start:
        blocks = without_first_lines(blocks, route.skip_lines)
    return without_last_lines(blocks, route.skip_footer_lines, limit) if route.skip_footer_lines else blocks


def _json_limits(content: Content) -> JsonLimits:
    limits = content.limits
    takes_last = content.route.duplicate_names == "last"
    return JsonLimits(limits.record_bytes_max, limits.columns_max, limits.name_bytes_max, limits.nesting_max, takes_last)
