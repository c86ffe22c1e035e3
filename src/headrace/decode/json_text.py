"""A JSON text read from its beginning in bounded memory: values are parsed where they fit, passed over where they do not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NoReturn

from headrace.encoding import stored_bytes
from headrace.errors import ObjectError, shortened

DEPTH_MAX = 10_000
"""Of values that are passed over: the open ones are remembered."""
_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING_PART = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_LITERAL = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|true|false|null")
_LITERAL_CHARACTERS = re.compile(r"[-+.0-9a-zA-Z]*+")
_ESCAPE_CHARACTERS = 6  # of the longest


class JsonText:
    """The text from ``at`` on, of which ``text`` holds a part. Raises ObjectError JSON_INVALID, with the place, for what is not JSON."""

    def __init__(self, pieces: Iterator[bytes], *, offset: int, encoding: str, token_characters_max: int) -> None:
        self.text = ""
        self.at = 0
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._placed = 0  # a position in ``text``, with its line and byte in the object
        self._line = 1
        self._byte = offset
        self._characters = 0  # before text[0]
        self.encoding = encoding
        self._token_characters_max = token_characters_max
        self._is_ended = False

    @property
    def characters_passed(self) -> int:
        """Characters before ``at``, of the whole object."""
        return self._characters + self.at

    def fill(self) -> bool:
        """Let go of what is before ``at``, and hold at least twice as much after it; False if there is no more."""
        self.place()
        self._characters += self.at
        held = self.text[self.at :]
        self.at = self._placed = 0
        parts, have = [held], len(held)
        while not self._is_ended and (have == len(held) or have < 2 * len(held)):
            piece = next(self._pieces, b"")
            self._is_ended = not piece
            parts.append(self._decoder.decode(piece, final=self._is_ended))
            have += len(parts[-1])
        self.text = "".join(parts)
        return have > len(held)

    def place(self) -> tuple[int, int]:
        """The 0-based byte and the 1-based line at ``at``."""
        passed = self.text[self._placed : self.at]
        self._line += passed.count("\n")
        self._byte += self._stored(passed)
        self._placed = self.at
        return self._byte, self._line

    def head(self, characters: int) -> str:
        """At most so many characters from ``at`` on."""
        while len(self.text) - self.at < characters and self.fill():
            pass
        return self.text[self.at : self.at + characters]

    def is_cut(self, end: int) -> bool:
        """Whether a number or word that ends at ``end`` may go on in what is not held yet."""
        return _LITERAL_CHARACTERS.match(self.text, end).end() == len(self.text) and not self._is_ended  # type: ignore[union-attr]  # it always matches

    def peek(self) -> str:
        """The next character that is no white space, to which this moves; ``""`` at the end."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it always matches
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def require(self, expected: str) -> None:
        """Pass over the character ``expected``, or raise."""
        if self.peek() != expected:
            self.refuse(f"`{expected}`")
        self.at += 1

    def refuse(self, expected: str) -> NoReturn:
        """Raise for what stands at ``at``."""
        byte, line = self.place()
        following = self.head(20)
        found = shortened(following.encode("utf-8", "replace").decode()) if following else "the end of the object"
        message = f"line {line}, byte {byte}: found {found}, expected {expected}"
        raise ObjectError("JSON_INVALID", message, hint="correct the file from there on and upload it again; records before it may be loaded already")

    def pass_value(self) -> None:
        """Pass over the value at ``at``, of any size, and see that it is JSON."""
        closers = bytearray()
        while True:
            opening = self.peek()
            if opening in ("{", "["):
                closer = b"}" if opening == "{" else b"]"
                self.at += 1
                if self.peek() == closer.decode():
                    self.at += 1
                else:
                    closers += closer
                    if len(closers) > DEPTH_MAX:
                        byte, line = self.place()
                        message = f"line {line}, byte {byte}: found more than {DEPTH_MAX} values in each other"
                        raise ObjectError("NESTING_TOO_DEEP", message, hint="correct the file")
                    if opening == "{":
                        self._pass_name()
                    continue
            elif opening == '"':
                self._pass_string()
            else:
                self._pass_literal()
            if self._is_complete(closers):
                return

    def _is_complete(self, closers: bytearray) -> bool:
        """Whether a value that just ended closes all; else this moves to the next one."""
        while closers:
            found, closer = self.peek(), chr(closers[-1])
            if found == closer:
                closers.pop()
                self.at += 1
            elif found == ",":
                self.at += 1
                if closer == "}":
                    self._pass_name()
                return False
            else:
                self.refuse(f"`,` or `{closer}`")
        return True

    def _pass_name(self) -> None:
        if self.peek() != '"':
            self.refuse("a name in quotes")
        self._pass_string()
        self.require(":")

    def _pass_string(self) -> None:
        self.at += 1
        while True:
            self.at = _STRING_PART.match(self.text, self.at).end()  # type: ignore[union-attr]  # it always matches
            if self.text.startswith('"', self.at):
                self.at += 1
                return
            is_decided = self.at < len(self.text) and (self.text[self.at] != "\\" or len(self.text) - self.at >= _ESCAPE_CHARACTERS)
            if is_decided or not self.fill():
                self.refuse("the rest of a string")

    def _pass_literal(self) -> None:
        while (end := _LITERAL_CHARACTERS.match(self.text, self.at).end()) == len(self.text):  # type: ignore[union-attr]  # it always matches
            if end - self.at > self._token_characters_max or not self.fill():
                break
        if not _LITERAL.fullmatch(self.text, self.at, end):
            self.refuse("a JSON value")
        self.at = end

    def _stored(self, text: str) -> int:
        """The bytes that ``text`` has in the object."""
        if self.encoding == "utf-8" and text.isascii():
            return len(text)
        return len(stored_bytes(text.encode("utf-8", "surrogateescape"), self.encoding))
