"""What the stages hand to each other: the origin of a record, and a rejection."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import NamedTuple

from headrace.encoding import stored_bytes
from headrace.errors import RecordError


class Number(str):
    """The text of a JSON number, kept as it was written; a ``str`` so that no digit is ever lost in a float."""

    __slots__ = ()


class Shape:
    """The names of flat JSON objects, in their order. There is one Shape for all objects that have it, told apart by identity."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


Tokens = tuple[Shape, tuple[str, ...]]
"""A flat JSON object as its shape and its values as JSON writes them: ``"a"`` in its quotes, ``1.50``, ``true``, ``null``."""


class Block:
    """A stretch of whole physical lines of the decoded object, kept so that a record's place and bytes are found only when needed."""

    __slots__ = ("_mark", "_starts", "data", "encoding", "end", "first_line", "is_cut", "lf_only", "offset")

    def __init__(self, data: bytes, first_line: int, offset: int, *, lf_only: bool = False, is_cut: bool = False, encoding: str = "utf-8") -> None:
        self.data = data
        self.first_line = first_line  # 1-based, of the whole object
        self.offset = offset  # 0-based byte, of the whole object after decompression
        self.lf_only = lf_only  # whether only LF ends a line, or also CR
        self.is_cut = is_cut  # whether this is a part of one line that is too long to keep
        self.end: int | None = None  # the byte of the object after its only record, where ``data`` holds no more than the first bytes of that
        self.encoding = encoding  # that the object has; ``data`` is its text in UTF-8, the offset counts its own bytes
        self._starts: list[int] | None = None
        self._mark = (0, offset)  # a position whose offset was asked last: in other encodings than UTF-8 counting takes time

    @property
    def line_count(self) -> int:
        """Physical lines, the last of the object also if no line end follows it."""
        if self.lf_only or b"\r" not in self.data:
            return self.data.count(b"\n") + (not self.data.endswith(b"\n"))
        return len(self.data.splitlines())

    def start_of(self, line: int) -> int:
        """The 0-based position in ``data`` at which physical line ``line`` starts; ``len(data)`` past the last."""
        if self._starts is None:
            lines = self.data.split(b"\n") if self.lf_only else self.data.splitlines(keepends=True)
            extra = 1 if self.lf_only else 0
            starts = [0]
            for text in lines:
                starts.append(min(starts[-1] + len(text) + extra, len(self.data)))
            self._starts = starts
        return self._starts[min(line - self.first_line, len(self._starts) - 1)]

    def offset_of(self, at: int) -> int:
        """The byte of the object at which position ``at`` of ``data`` stands."""
        if self.encoding == "utf-8":
            return self.offset + at
        known, offset = self._mark if self._mark[0] <= at else (0, self.offset)
        self._mark = (at, offset + len(stored_bytes(self.data[known:at], self.encoding)))
        return self._mark[1]

    def part(self, start: int, end: int, first_line: int) -> Block:
        """The block of ``data[start:end]``, which begins at line ``first_line``."""
        return Block(self.data[start:end], first_line, self.offset_of(start), lf_only=self.lf_only, encoding=self.encoding)


class Start(NamedTuple):
    """A place between two records: the 0-based offset of the next byte in the decompressed object, and the 1-based line that it begins."""

    byte_offset: int
    line: int


class Origin(NamedTuple):
    """Where a record came from: its block and its first and last physical lines (1-based, inclusive)."""

    block: Block
    first: int
    last: int

    @property
    def byte_offset(self) -> int:
        """The 0-based offset of the record's first byte in the decompressed object."""
        return self.block.offset_of(self.block.start_of(self.first))

    @property
    def end(self) -> Start:
        """The place after the record."""
        after = self.block.end
        return Start(self.block.offset_of(self.block.start_of(self.last + 1)) if after is None else after, self.last + 1)

    @property
    def data(self) -> bytes:
        """The record's bytes as UTF-8, line end included; of one that is too long to keep the first."""
        return self.block.data[self.block.start_of(self.first) : self.block.start_of(self.last + 1)]

    @property
    def raw(self) -> bytes:
        """``data`` as it stands in the object."""
        return stored_bytes(self.data, self.block.encoding)


@dataclass(frozen=True)
class Rejection:
    """A record that did not become an item, with everything needed to find, understand and replay it."""

    code: str
    message: str
    line: int
    byte_offset: int
    column: str
    raw: bytes

    @classmethod
    def of(cls, error: RecordError, origin: Origin, *, raw_bytes_max: int | None = None) -> Rejection:
        """The rejection of the record at ``origin`` because of ``error``, with at most ``raw_bytes_max`` of its bytes."""
        raw = stored_bytes(origin.data[:raw_bytes_max], origin.block.encoding)[:raw_bytes_max]
        return cls(error.code, error.message, origin.first, origin.byte_offset, error.column, raw)

    def as_json(self) -> dict[str, object]:
        """The members of a line of the rejects file. ``raw`` is the record as text, or ``raw_base64`` where it is not UTF-8."""
        fields: dict[str, object] = {"code": self.code, "message": self.message, "line": self.line, "byte_offset": self.byte_offset, "column": self.column}
        try:
            fields["raw"] = self.raw.decode("utf-8")
        except UnicodeDecodeError:
            fields["raw_base64"] = base64.b64encode(self.raw).decode("ascii")
        return fields
