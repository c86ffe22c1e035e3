"""JSON Lines: one JSON object (RFC 8259) per line, numbers kept as their text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

from headrace.errors import RecordError, shortened
from headrace.record import Block, Number, Origin, Rejection

Decoded = tuple[dict[str, object] | Rejection, Block, int, int]
"""A JSON object, or the rejection of a line; its block; its line twice, 1-based."""

BLANK = b" \t\r\n"


class JsonLinesDecoder:
    """Iterates over the lines that are not blank. A line that is not one JSON object comes as a Rejection.

    Codes: JSON_INVALID, JSON_NOT_OBJECT, JSON_DUPLICATE_NAME, ENCODING_INVALID, RECORD_TOO_LARGE.
    """

    def __init__(self, blocks: Iterator[Block], *, record_bytes_max: int) -> None:
        self._blocks = blocks
        self._record_bytes_max = record_bytes_max
        self.header: list[str] | None = None
        self.first_rejection: Rejection | None = None

    def __iter__(self) -> Iterator[Decoded]:
        cut_line = 0
        for block in self._blocks:
            line = block.first_line
            if block.is_cut:
                if line != cut_line:  # else it is a later part of that line
                    cut_line = line
                    yield self._too_large(Origin(block, line, line)), block, line, line
                continue
            for text in block.data.split(b"\n"):
                if len(text) > self._record_bytes_max:
                    yield self._too_large(Origin(block, line, line)), block, line, line
                elif text.strip(BLANK):
                    try:
                        yield parse(text), block, line, line
                    except RecordError as error:
                        yield Rejection.of(error, Origin(block, line, line)), block, line, line
                line += 1

    def _too_large(self, origin: Origin) -> Rejection:
        expected = f"at most {self._record_bytes_max} bytes in a record (limits.record_bytes_max); only so many are kept here"
        return Rejection.of(RecordError("RECORD_TOO_LARGE", found="a longer line", expected=expected), origin, raw_bytes_max=self._record_bytes_max)


def parse(data: bytes) -> dict[str, object]:
    """The JSON object that ``data`` is; numbers come as Number. Raises RecordError with the column where reading stopped."""
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise RecordError("ENCODING_INVALID", found=f"byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line", expected="UTF-8") from None
    except json.JSONDecodeError as error:
        raise RecordError("JSON_INVALID", found=f"{error.msg} at character {error.pos + 1}", expected="one JSON object on the line") from None
    except RecursionError:
        raise RecordError("JSON_INVALID", found="too many nested values", expected="at most 32 levels") from None
    if not isinstance(value, dict):
        raise RecordError("JSON_NOT_OBJECT", found=shortened(text.strip(), 40), expected="a JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise RecordError("JSON_DUPLICATE_NAME", column=twice, found="the name twice in one object", expected="each name once")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise RecordError("JSON_INVALID", found=name, expected="a JSON value (JSON has no NaN or Infinity)")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_unique)
