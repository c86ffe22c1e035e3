"""Fixed width: each column the same characters of each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headrace.decode.dialect import EXTRA, Decoded, Ragged
from headrace.decode.limits import too_large
from headrace.decode.lines import whole_lines
from headrace.errors import RecordError
from headrace.record import Block, Origin, Rejection


class FixedDecoder:
    """Iterates over the lines that are neither blank nor a comment, spaces around values cut off.

    A line of another width comes as a Rejection (LINE_WIDTH), unless ``ragged`` has another use for it; one that is longer than
    ``record_bytes_max`` as RECORD_TOO_LARGE.
    """

    has_fields = True

    def __init__(self, blocks: Iterator[Block], *, widths: Mapping[str, int], record_bytes_max: int, ragged: Ragged, comment: str) -> None:
        self._blocks = blocks
        self._record_bytes_max = record_bytes_max
        self._ragged = ragged
        self._comment = comment
        self._slices: list[slice] = []
        self._width = 0
        for width in widths.values():
            self._slices.append(slice(self._width, self._width + width))
            self._width += width
        if ragged == "keep_extra":
            self._slices.append(slice(self._width, None))
        self.header: list[str] | None = [*widths, *([EXTRA] if ragged == "keep_extra" else [])]
        self.first_rejection: Rejection | None = None

    def __iter__(self) -> Iterator[Decoded]:
        for block in whole_lines(self._blocks):
            if block.is_cut and self._comment and block.data.startswith(self._comment.encode()):
                continue
            if block.is_cut:
                line = block.first_line
                yield too_large(Origin(block, line, line), self._record_bytes_max), block, line, line
            else:
                yield from self._lines(block)

    def _lines(self, block: Block) -> Iterator[Decoded]:
        lines = block.data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines, block.first_line):
            if not line or (self._comment and line.startswith(self._comment)):
                continue
            if len(line) > self._record_bytes_max or len(line.encode("utf-8", "surrogateescape")) > self._record_bytes_max:
                yield too_large(Origin(block, number, number), self._record_bytes_max), block, number, number
            elif self._is_allowed(line):
                yield [line[part].strip(" ") for part in self._slices], block, number, number
            else:
                error = RecordError("LINE_WIDTH", found=f"{len(line)} characters", expected=f"{self._width}, the sum of `widths` (`ragged` has other policies)")
                yield Rejection.of(error, Origin(block, number, number)), block, number, number

    def _is_allowed(self, line: str) -> bool:
        match self._ragged:
            case "reject":
                return len(line) == self._width
            case "pad":
                return len(line) <= self._width or not line[self._width :].strip(" ")
            case _:
                return True
