"""Where a CSV record ends that is too large to be kept and read as a whole."""

from __future__ import annotations

import re

from headrace.decode.dialect import Dialect


class QuotingError(Exception):
    """What follows a closing quote is neither a delimiter nor a line end."""


class RecordEnd:
    """The automaton of a dialect over the bytes of one record, given in pieces that cut no line end and no character.

    It sees the same end as csv.reader, so that text inside a quoted field is never taken for records, however long the field is.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter, self._quote, self._escape = dialect.delimiter.encode(), dialect.quote.encode(), dialect.escape.encode()
        self._is_quoted = False  # whether what was seen so far ends inside quotes
        self._is_closing = False  # whether it ends just after a quote inside quotes
        self._is_start = True  # whether it ends where a field starts
        self._is_continued = False  # whether it ends just after an escaped line end: csv.reader wants one more line then, if only an empty one
        self._begun = b""  # the last bytes, whose meaning the next byte decides
        self._beginnings = [self._delimiter[:length] for length in range(len(self._delimiter) - 1, 0, -1)]
        delimiter, quote, escape = map(re.escape, (self._delimiter, self._quote, self._escape))
        escaped = [b"(?:%b(?s:.))++" % escape] if escape else []
        self._outside = re.compile(b"|".join([*escaped, delimiter, rb"\r\n?|\n"]))
        outside = _all_but(delimiter, escape, and_not=rb"\r\n", allowed=escaped)
        inside = _all_but(quote, escape, and_not=b"", allowed=[quote * 2, *escaped])
        self._inside = re.compile(inside)
        field = b"(?:%b%b%b|(?!%b)%b)" % (quote, inside, quote, quote, outside) if quote else outside
        self._fields = re.compile(b"(?:%b%b)*+" % (field, delimiter))

    @property
    def is_malformed(self) -> bool:
        """Whether the record is malformed if nothing follows what was seen so far."""
        return self._is_quoted or self._is_continued or (bool(self._begun) and (self._is_closing or self._begun == self._escape))

    def find(self, data: bytes) -> int:
        """The position in ``data`` after the record's line end, 0 if the record goes on. Raises QuotingError."""
        earlier = len(self._begun)
        data, self._begun, self._is_continued = self._begun + data, b"", False
        at = self._end(data)
        return at - earlier if at else 0

    def _end(self, data: bytes) -> int:
        at = 0
        while at < len(data):
            if self._is_start:
                at = self._fields.match(data, at).end()  # type: ignore[union-attr]  # it always matches
            if self._is_quoted:
                at = self._inside.match(data, at).end()  # type: ignore[union-attr]  # it always matches
                if not data.startswith(self._quote, at):
                    self._hold(data, at, [])
                    return 0
                at += len(self._quote)
                self._is_quoted, self._is_closing = False, True
            elif self._quote and data.startswith(self._quote, at) and (self._is_start or self._is_closing):
                self._is_quoted, self._is_start, self._is_closing = True, False, False
                at += len(self._quote)
            else:
                stop = self._outside.search(data, at)
                if self._is_closing and (stop is None or stop.start() > at or self._is_escaped(stop[0])):
                    self._begun = data[at:]
                    if self._begun in self._beginnings:
                        return 0
                    raise QuotingError
                if stop is None:
                    self._hold(data, at, self._beginnings)
                    self._is_start = self._is_start and at + len(self._begun) == len(data)
                    return 0
                at, self._is_closing, self._is_start = stop.end(), False, stop[0] == self._delimiter
                if stop[0][:1] in b"\r\n" and not self._is_start:
                    return at
                self._is_continued = at == len(data) and stop[0][-1:] in b"\r\n"
        return 0

    def _is_escaped(self, token: bytes) -> bool:
        return bool(self._escape) and token.startswith(self._escape)

    def _hold(self, data: bytes, at: int, beginnings: list[bytes]) -> None:
        """Keep the end of ``data`` that the next byte may make a delimiter or an escaped character of."""
        tokens = [self._escape, *beginnings] if self._escape else beginnings
        self._begun = next((begun for begun in tokens if data.endswith(begun, at)), b"")


def _all_but(mark: bytes, escape: bytes, *, and_not: bytes, allowed: list[bytes]) -> bytes:
    """The pattern of any bytes but ``and_not``, in which ``mark`` and ``escape`` stand only as ``allowed``; without any of these the pattern of nothing."""
    marks = list(filter(None, (mark, escape)))
    firsts = b"".join(each[:2] if each[:1] == b"\\" else each[:1] for each in marks)
    others = [b"(?!%b)[%b]" % (b"|".join(marks), firsts)] if firsts else []
    return b"(?:%b)*+" % b"|".join([b"[^%b%b]++" % (firsts, and_not), *allowed, *others]) if firsts or and_not else b""
