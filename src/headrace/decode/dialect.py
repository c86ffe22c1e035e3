"""How a delimited text is written: what a route says of its CSV, taken apart once per object."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from headrace.record import Block, Rejection

Ragged = Literal["reject", "pad", "keep_extra"]
EXTRA = "extra"
"""The column of the fields beyond the header, as a JSON array."""
DELIMITER_STAND_IN, NULL_STAND_IN = "\ud800", "\ud801"
"""For delimiters of several characters and ``\\N``. Lone high surrogates: no decoded text holds them, bytes that are not UTF-8 become low ones."""
_ESCAPED = re.compile(r"\\(?s:.)")


class Dialect(NamedTuple):
    """``quote`` and ``comment`` may be empty: there are none. ``escape`` takes the character after it as it is, within quotes and without."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    comment: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is RFC 4180 but for the delimiter."""
        return self._replace(delimiter=",") == Dialect() and len(self.delimiter) == 1

    def is_split_by_delimiter(self, data: bytes) -> bool:
        """Whether each line of ``data`` is a record and each delimiter ends a field."""
        return not (self.quote and self.quote.encode() in data) and not (self.escape and self.escape.encode() in data)

    def is_comment(self, line: bytes) -> bool:
        """Whether ``line``, where a record may begin, is none."""
        return bool(self.comment) and line.startswith(self.comment.encode())

    def lines(self, text: str, is_record_start: Callable[[], bool]) -> Iterable[str]:
        """The physical lines of ``text`` for ``reader``, which asks for them one by one; comments as blank lines, which are no records."""
        if len(self.delimiter) > 1:
            text = text.replace(self.delimiter, DELIMITER_STAND_IN)
        if self.escape == "\\" and "\\N" in text:
            text = _ESCAPED.sub(lambda pair: NULL_STAND_IN if pair[0] == "\\N" else pair[0], text)
        lines = io.StringIO(text, newline="")  # it splits as bytes.splitlines does, keeping the ends
        if not self.comment:
            return lines
        return ("\n" if line.startswith(self.comment) and is_record_start() else line for line in lines)

    def reader(self, lines: Iterable[str]) -> Any:
        """Python's own reader of the dialect."""
        delimiter = self.delimiter if len(self.delimiter) == 1 else DELIMITER_STAND_IN
        escape = self.escape or None
        if not self.quote:
            return csv.reader(lines, delimiter=delimiter, escapechar=escape, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=delimiter, quotechar=self.quote, escapechar=escape, strict=True)

    def restored(self, row: list[str]) -> list[str]:
        """``row`` of ``reader`` without stand-ins."""
        if len(self.delimiter) > 1:
            row = [field.replace(DELIMITER_STAND_IN, self.delimiter) for field in row]
        return [field.replace(NULL_STAND_IN, "\\N") for field in row] if self.escape == "\\" else row


Decoded = tuple[list[str] | Rejection, Block, int, int]
"""A row, or the rejection of a record; its block; its first and its last physical line, 1-based."""


def padded(records: Iterator[Decoded], width: int, policy: Ragged) -> Iterator[Decoded]:
    """``records`` with rows of ``width`` fields, and with ``keep_extra`` one more for what is beyond; ``pad`` leaves longer rows to be rejected."""
    for row, block, first, last in records:
        if isinstance(row, list):
            missing = width - len(row)
            if missing > 0:
                row += [""] * missing
            if policy == "keep_extra":
                row[width:] = [_array(row[width:])]
        yield row, block, first, last


def _array(fields: Sequence[str]) -> str:
    """A JSON array of texts, characters as they are; nothing for none."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) if fields else ""
