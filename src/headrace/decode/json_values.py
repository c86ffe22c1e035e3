"""JSON documents: the records of an array, at the top or at a path, or values one after another; in memory one at a time.

Python's own parser reads each record. ijson, the kept library for this, was looked at and not used: it gives no byte offsets, takes the last of equal
names, makes Decimals of numbers, and its fast backend is native code, which would have to match the function's processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headrace.decode.json_text import JsonText
from headrace.decode.jsonl import Decoded, decoder_of
from headrace.decode.limits import JsonLimits, nesting_too_deep, record_too_large, require_within
from headrace.errors import ObjectError, RecordError, shortened
from headrace.record import Block, Origin, Rejection

WRAPPED = "value"
"""The member that holds a value that is no object."""


class JsonValuesDecoder:
    """Iterates over the records of ``text``: of a document the elements of the array at ``path``, or the one value there; else each value.

    A record that is not to be accepted comes as a Rejection: JSON_NOT_OBJECT (unless ``wraps``), JSON_DUPLICATE_NAME, ENCODING_INVALID,
    RECORD_TOO_LARGE, NESTING_TOO_DEEP, COLUMNS_TOO_MANY, NAME_TOO_LONG. What is not JSON ends the object: raises ObjectError JSON_INVALID, as
    nobody knows where the next record begins. Records before byte ``begin`` are read and left out.
    """

    has_fields = False

    def __init__(self, text: JsonText, *, limits: JsonLimits, path: Sequence[str] | None, wraps: bool = False, begin: int = 0) -> None:
        self._text = text
        self._limits = limits
        self._path = path
        self._wraps = wraps
        self._begin = begin
        self._parser = decoder_of(limits)
        self.header: list[str] | None = None
        self.first_rejection: Rejection | None = None

    def __iter__(self) -> Iterator[Decoded]:
        for record in self._records():
            if record[1].offset >= self._begin:
                yield record

    def _records(self) -> Iterator[Decoded]:
        """``path`` None is for values one after another."""
        text = self._text
        if self._path is None:
            while text.peek():
                yield self._record()
        else:
            if not text.peek():
                text.refuse("a JSON value")  # nothing at all is no JSON text (RFC 8259 section 2): perhaps the file was cut
            yield from self._at(self._path)
            if text.peek():
                text.refuse("the end of the JSON document")

    def _at(self, path: Sequence[str]) -> Iterator[Decoded]:
        text = self._text
        if path:
            yield from self._member(path)
        elif text.peek() != "[":
            yield self._record()
        else:
            text.at += 1
            if text.peek() == "]":
                text.at += 1
                return
            while True:
                yield self._record()
                if text.peek() == "]":
                    text.at += 1
                    return
                text.require(",") if text.peek() == "," else text.refuse("`,` or `]`")

    def _member(self, path: Sequence[str]) -> Iterator[Decoded]:
        """The records of member ``path[0]`` of the object at hand, and then the rest of the object."""
        text, seen, is_found = self._text, list[str](), False
        if text.peek() != "{":
            raise _path_missing(path[0], f"a value that is no object at line {text.place()[1]}")
        text.at += 1
        while (found := text.peek()) != "}":
            if seen:
                text.require(",") if found == "," else text.refuse("`,` or `}`")
            if text.peek() != '"':
                text.refuse("a name in quotes")
            name = self._name()
            text.require(":")
            text.peek()
            if name == path[0] and is_found:
                raise ObjectError("JSON_DUPLICATE_NAME", f"found {shortened(name)} twice in one object of the path", hint="correct the file")
            if name == path[0]:
                is_found = True
                yield from self._at(path[1:])
            else:
                self._pass()
            seen = [*seen, name][:6]
        text.at += 1
        if not is_found:
            raise _path_missing(path[0], f"the names {', '.join(map(shortened, seen))}" if seen else "an empty object")

    def _name(self) -> str:
        """The name at hand, which this passes over; empty for one that is too long to be one of the path."""
        try:
            return str(self._value()[0])
        except RecordError:
            self._text.pass_value()
            return ""

    def _pass(self) -> None:
        """Pass over a value, quickly if it is held whole."""
        try:
            end = self._parser.raw_decode(self._text.text, self._text.at)[1]
            if self._text.text[end - 1] in '"}]':
                self._text.at = end
                return
        except (ValueError, RecordError, RecursionError):
            pass
        self._text.pass_value()

    def _record(self) -> Decoded:
        """The value at hand, which this passes over, as a record."""
        self._text.peek()
        byte, line = self._text.place()
        try:
            value, raw = self._value()
        except RecordError as error:
            return self._passed(error, byte, line)
        data = raw.encode("utf-8", "surrogateescape")
        block = Block(data, line, byte, lf_only=True, encoding=self._text.encoding)
        last = line + data.count(b"\n")
        try:
            return self._accepted(value, data), block, line, last
        except RecordError as error:
            return Rejection.of(error, Origin(block, line, last), raw_bytes_max=self._limits.record_bytes_max), block, line, last

    def _value(self) -> tuple[Any, str]:
        """The value at hand, which this passes over, and its text; a RecordError without passing over it if it is none to be accepted, or none at all."""
        text = self._text
        while True:
            try:
                value, end = self._parser.raw_decode(text.text, text.at)
                if text.text[end - 1] in '"}]' or not text.is_cut(end):
                    raw = text.text[text.at : end]
                    text.at = end
                    return value, raw
            except RecursionError:
                raise nesting_too_deep(self._limits.nesting_max) from None
            except ValueError:
                if len(text.text) - text.at > self._limits.record_bytes_max:
                    raise record_too_large(self._limits.record_bytes_max, "a longer value") from None
                if not text.fill():
                    text.pass_value()  # says what is wrong
                    raise
                continue
            if len(text.text) - text.at > self._limits.record_bytes_max:
                raise record_too_large(self._limits.record_bytes_max, "a longer value")
            text.fill()

    def _passed(self, error: RecordError, byte: int, line: int) -> Decoded:
        """The rejection of the value at hand, with its first bytes. Raises ObjectError if it is not JSON at all."""
        text, begin = self._text, self._text.characters_passed
        head = text.head(self._limits.record_bytes_max)
        text.pass_value()
        data = head[: text.characters_passed - begin].encode("utf-8", "surrogateescape")
        block = Block(data, line, byte, lf_only=True, encoding=text.encoding)
        block.end, last = text.place()
        return Rejection.of(error, Origin(block, line, last), raw_bytes_max=self._limits.record_bytes_max), block, line, last

    def _accepted(self, value: Any, data: bytes) -> dict[str, object]:
        if len(data) > self._limits.record_bytes_max:
            raise record_too_large(self._limits.record_bytes_max, "a longer value")
        if not isinstance(value, dict):
            if not self._wraps:
                raise RecordError("JSON_NOT_OBJECT", found=shortened(data[:100].decode("utf-8", "replace"), 40), expected="a JSON object")
            value = {WRAPPED: value}
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordError("ENCODING_INVALID", found=f"byte 0x{data[error.start]:02x} at byte {error.start + 1} of the record", expected="UTF-8") from None
        if len(data) > self._limits.bytes_surely_within:
            require_within(value, data, self._limits)
        accepted: dict[str, object] = value
        return accepted


def _path_missing(name: str, found: str) -> ObjectError:
    return ObjectError("JSON_PATH_MISSING", f"found {found}, expected {shortened(name)} of the route's path", hint="correct `path` in the route, or the file")
