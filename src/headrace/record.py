"""What the stages hand to each other: the origin of a record, and a rejection."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import NamedTuple

from headrace.errors import RecordError


class Number(str):
    """The text of a JSON number, kept as it was written; a ``str`` so that no digit is ever lost in a float."""

    __slots__ = ()


class Block:
    """A stretch of whole physical lines of the decoded object, kept so that a record's place and bytes are found only when needed."""

    __slots__ = ("_starts", "data", "first_line", "is_cut", "lf_only", "offset")

    def __init__(self, data: bytes, first_line: int, offset: int, *, lf_only: bool = False, is_cut: bool = False) -> None:
        self.data = data
        self.first_line = first_line  # 1-based, of the whole object
        self.offset = offset  # 0-based byte, of the whole object after decompression
        self.lf_only = lf_only  # whether only LF ends a line, or also CR
        self.is_cut = is_cut  # whether this is a part of one line that is too long to keep
        self._starts: list[int] | None = None

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


class Origin(NamedTuple):
    """Where a record came from: its block and its first and last physical lines (1-based, inclusive)."""

    block: Block
    first: int
    last: int

    @property
    def byte_offset(self) -> int:
        """The 0-based offset of the record's first byte in the decompressed object."""
        return self.block.offset + self.block.start_of(self.first)

    @property
    def raw(self) -> bytes:
        """The record's bytes as they stand in the object, line end included."""
        return self.block.data[self.block.start_of(self.first) : self.block.start_of(self.last + 1)]


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
        return cls(error.code, error.message, origin.first, origin.byte_offset, error.column, origin.raw[:raw_bytes_max])

    def as_json(self) -> dict[str, object]:
        """The members of a line of the rejects file. ``raw`` is the record as text, or ``raw_base64`` where it is not UTF-8."""
        fields: dict[str, object] = {"code": self.code, "message": self.message, "line": self.line, "byte_offset": self.byte_offset, "column": self.column}
        try:
            fields["raw"] = self.raw.decode("utf-8")
        except UnicodeDecodeError:
            fields["raw_base64"] = base64.b64encode(self.raw).decode("ascii")
        return fields
