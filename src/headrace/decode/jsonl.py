"""JSON Lines: one JSON object (RFC 8259) per line, numbers kept as their text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

from headrace.decode.limits import JsonLimits, require_within, too_large
from headrace.decode.lines import whole_lines
from headrace.decode.shapes import Shapes
from headrace.errors import RecordError, shortened
from headrace.record import Block, Number, Origin, Rejection, Tokens

Decoded = tuple[dict[str, object] | Tokens | Rejection, Block, int, int]
"""A JSON object, or the rejection of a line; its block; its line twice, 1-based."""

BLANK = b" \t\r\n"


class JsonLinesDecoder:
    """Iterates over the lines that are not blank. A line that is not one JSON object comes as a Rejection.

    If ``with_tokens`` is set, a flat object may come as its Tokens instead of a dict: the same object, not converted yet.
    Codes: JSON_INVALID, JSON_NOT_OBJECT, JSON_DUPLICATE_NAME, ENCODING_INVALID, RECORD_TOO_LARGE, NESTING_TOO_DEEP,
    COLUMNS_TOO_MANY, NAME_TOO_LONG.
    """

    has_fields = False

    def __init__(self, blocks: Iterator[Block], *, limits: JsonLimits) -> None:
        self._blocks = blocks
        self._limits = limits
        self._parser = decoder_of(limits)
        self.with_tokens = False
        self._shapes = Shapes()
        self.header: list[str] | None = None
        self.first_rejection: Rejection | None = None

    def __iter__(self) -> Iterator[Decoded]:
        for block in whole_lines(self._blocks):
            if block.is_cut:
                line = block.first_line
                yield too_large(Origin(block, line, line), self._limits.record_bytes_max), block, line, line
            else:
                yield from self._lines(block)

    def _lines(self, block: Block) -> Iterator[Decoded]:
        shapes, surely_within = self._shapes if self.with_tokens else None, self._limits.bytes_surely_within
        for line, data in enumerate(block.data.split(b"\n"), block.first_line):
            if len(data) > self._limits.record_bytes_max:
                yield too_large(Origin(block, line, line), self._limits.record_bytes_max), block, line, line
            elif shapes and (tokens := shapes.tokens(data)):
                yield tokens, block, line, line
            elif data.strip(BLANK):
                try:
                    record = parse(data, self._parser)
                    if len(data) > surely_within:
                        require_within(record, data, self._limits)
                except RecordError as error:
                    yield Rejection.of(error, Origin(block, line, line)), block, line, line
                    continue
                if shapes:
                    shapes.learn(data, record)
                yield record, block, line, line


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise RecordError("JSON_DUPLICATE_NAME", column=twice, found="the name twice in one object", expected="each name once")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise RecordError("JSON_INVALID", found=name, expected="a JSON value (JSON has no NaN or Infinity)")


def decoder_of(limits: JsonLimits) -> json.JSONDecoder:
    """A parser that keeps numbers as their text, and raises RecordError for names that are twice, unless the last counts."""
    unique = None if limits.takes_last else _unique
    return json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=unique)


_STRICT = decoder_of(JsonLimits(record_bytes_max=0))


def parse(data: bytes, parser: json.JSONDecoder = _STRICT) -> dict[str, object]:
    """The JSON object that ``data`` is; numbers come as Number. Raises RecordError with the column where reading stopped."""
    try:
        text = data.decode("utf-8")
        value = parser.decode(text)
    except UnicodeDecodeError as error:
        raise RecordError("ENCODING_INVALID", found=f"byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line", expected="UTF-8") from None
    except json.JSONDecodeError as error:
        found = "a byte order mark" if text.startswith("\ufeff") else error.msg
        raise RecordError("JSON_INVALID", found=f"{found} at character {error.pos + 1}", expected="one JSON object on the line") from None
    except RecursionError:
        raise RecordError("NESTING_TOO_DEEP", found="too many nested values", expected="at most 32 levels") from None
    if not isinstance(value, dict):
        raise RecordError("JSON_NOT_OBJECT", found=shortened(text.strip(), 40), expected="a JSON object")
    return value
