"""Flat JSON objects with names in an order that was seen before: read by a regular expression, five times as fast as by a JSON parser."""

from __future__ import annotations

import re
from collections.abc import Callable

from headrace.record import Shape, Tokens

SHAPES_MAX = 8
"""An object's shapes that are learned; a line that has none of them is parsed, after as many vain attempts."""
NAMES_MAX = 256
"""Names in a shape that is learned. To compile its pattern takes about 0.2 ms for each."""
LEARN_EVERY = 64
"""Of so many lines that were parsed one is learned from: frequent shapes come first, and a short file pays nothing."""

_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
_VALUE = f"((?>{_STRING}|[1-9][0-9]*+(?![.eE])|{_NUMBER}|true|false|null))"
"""Possessive and atomic throughout: a value is read in one way only, so a line that does not match is given up in linear time.

Whole numbers, the most frequent, have a branch of their own, which takes a fifth of the time off.
"""
_TOKEN = re.compile(rf'{_STRING}|[^ \t\r,:{{}}"]++')


class Shapes:
    """The shapes of one object's lines, learned from lines that the parser accepted.

    A line is read here only if it is, but for its values, character by character the line that was learned from, and each value
    is a string, number, true, false or null by RFC 8259. So it is an object that the parser would accept, with the same names.
    """

    def __init__(self) -> None:
        self._known: list[tuple[Shape, Callable[[str], re.Match[str] | None]]] = []
        self._parsed = 0

    def tokens(self, line: bytes) -> Tokens | None:
        """The values of a line as they are written, None for a line of no known shape. The shape found last is tried first."""
        known = self._known
        if not known:
            return None
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return None
        for entry in known:
            shape, fullmatch = entry
            match = fullmatch(text)
            if match:
                if entry is not known[0]:
                    known.remove(entry)
                    known.insert(0, entry)
                return shape, match.groups()
        return None

    def learn(self, line: bytes, record: dict[str, object]) -> None:
        """Take note of a line that the parser made ``record`` of."""
        self._parsed += 1
        if self._parsed % LEARN_EVERY or len(self._known) >= SHAPES_MAX or not 0 < len(record) <= NAMES_MAX:
            return
        if any(isinstance(value, dict | list) for value in record.values()):
            return
        text, pattern, at = line.decode(), "", 0
        values = list(_TOKEN.finditer(text))[1::2]  # a flat object is names and values in turn
        if len(values) > len(record):
            return  # a name is there twice
        for value in values:
            pattern += re.escape(text[at : value.start()]) + _VALUE
            at = value.end()
        self._known.append((Shape(tuple(record)), re.compile(pattern + re.escape(text[at:])).fullmatch))
