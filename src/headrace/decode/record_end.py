"""Where a CSV record ends that is too large to be kept and read as a whole."""

from __future__ import annotations

import re


class QuotingError(Exception):
    """What follows a closing quote is neither a delimiter nor a line end."""


class RecordEnd:
    """The automaton of RFC 4180 over the bytes of one record, given in pieces that do not cut a line end.

    It sees the same end as csv.reader, so that text inside a quoted field is never taken for records, however long the field is.
    """

    def __init__(self, delimiter: str) -> None:
        self.is_quoted = False  # whether what was seen so far ends inside quotes
        self._is_closing = False  # whether it ends just after a quote inside quotes
        self._is_start = True  # whether it ends where a field starts
        self._delimiter = delimiter.encode()
        self._begun = b""  # the first bytes of what may become a delimiter of several bytes
        self._starts = [self._delimiter[:length] for length in range(1, len(self._delimiter))]
        self._stop = re.compile(re.escape(self._delimiter) + rb"|\r\n?|\n")

    def find(self, data: bytes) -> int:
        """The position in ``data`` after the record's line end, 0 if the record goes on. Raises QuotingError."""
        earlier = len(self._begun)
        data = self._begun + data
        self._begun = next((start for start in self._starts if data.endswith(start)), b"")
        at = self._end(data.removesuffix(self._begun))
        return at - earlier if at else 0

    def _end(self, data: bytes) -> int:
        at = 0
        while at < len(data):
            if self.is_quoted:
                at = data.find(b'"', at) + 1
                if not at:
                    return 0
                self.is_quoted, self._is_closing = False, True
            elif data.startswith(b'"', at) and (self._is_start or self._is_closing):
                self.is_quoted, self._is_start, self._is_closing = True, False, False
                at += 1
            else:
                stop = self._stop.search(data, at)
                if self._is_closing and (stop is None or stop.start() > at):
                    raise QuotingError
                self._is_start = stop is not None
                if stop is None:
                    return 0
                self._is_closing = False
                at = stop.end()
                if stop[0] != self._delimiter:
                    return at
        return 0
