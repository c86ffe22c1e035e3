"""From pieces of any size to blocks of whole physical lines."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.errors import ObjectError
from headrace.record import Block

UTF8_BOM = b"\xef\xbb\xbf"


def line_blocks(pieces: Iterator[bytes], *, line_bytes_max: int, lf_only: bool) -> Iterator[Block]:
    """Blocks in order, each of one or more whole lines; their bytes together are the content without a leading UTF-8 BOM.

    Lines end with LF, CRLF or (unless ``lf_only``) CR. A line longer than ``line_bytes_max`` may come as several blocks of its
    own with ``is_cut`` set, all with its line number: memory stays bounded whatever the object holds. No line end is ever cut.
    """
    cutter = _Cutter(line_bytes_max, lf_only)
    for piece in _without_bom(pieces, cutter):
        yield from cutter.feed(piece)
    yield from cutter.end()


def _without_bom(pieces: Iterator[bytes], cutter: _Cutter) -> Iterator[bytes]:
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= 4:
            break
    if first.startswith((b"\xff\xfe", b"\xfe\xff")) or first[:2].count(0) == 1:
        raise ObjectError("ENCODING_UNSUPPORTED", "found UTF-16 text, expected UTF-8", hint="convert it, for instance with iconv -f UTF-16 -t UTF-8")
    if first.startswith(UTF8_BOM):
        cutter.offset = len(UTF8_BOM)
        first = first[len(UTF8_BOM) :]
    if first:
        yield first
    yield from pieces


class _Cutter:
    """Holds the bytes after the last line end seen, and where they stand in the object."""

    def __init__(self, line_bytes_max: int, lf_only: bool) -> None:
        self.offset = 0
        self._line = 1
        self._carry = b""
        self._is_cutting = False  # whether the beginning of the line that goes on was handed out
        self._line_bytes_max = line_bytes_max
        self._lf_only = lf_only

    def feed(self, piece: bytes) -> Iterator[Block]:
        data = self._carry + piece if self._carry else piece
        if self._is_cutting:
            end = self._first_end(data)
            if not end:
                yield from self._part_of_line(data)
                return
            yield self._block(data[:end])
            self._is_cutting = False
            data = data[end:]
        cut = self._last_end(data)
        if cut:
            yield self._block(data[:cut])
        self._carry = data[cut:]
        if len(self._carry) > self._line_bytes_max:
            self._is_cutting = True
            yield from self._part_of_line(self._carry)

    def end(self) -> Iterator[Block]:
        if self._carry:
            yield self._block(self._carry)
        self._carry = b""

    def _last_end(self, data: bytes) -> int:
        """The position after the last line end that is surely complete, 0 if there is none."""
        cut = data.rfind(b"\n") + 1
        if not self._lf_only:
            cut = max(cut, data.rfind(b"\r", cut, len(data) - 1) + 1)  # a CR at the very end may be half of a CRLF
        return cut

    def _first_end(self, data: bytes) -> int:
        """The position after the first line end, 0 if there is none that is surely complete."""
        end = data.find(b"\n") + 1
        if not self._lf_only:
            cr = data.find(b"\r", 0, end or max(len(data) - 1, 0)) + 1
            if cr:
                return cr + 1 if data[cr : cr + 1] == b"\n" else cr
        return end

    def _part_of_line(self, data: bytes) -> Iterator[Block]:
        kept = 1 if data.endswith(b"\r") and not self._lf_only else 0
        self._carry = data[len(data) - kept :]
        if len(data) > kept:
            yield Block(data[: len(data) - kept], self._line, self.offset, lf_only=self._lf_only, is_cut=True)
            self.offset += len(data) - kept

    def _block(self, data: bytes) -> Block:
        block = Block(data, self._line, self.offset, lf_only=self._lf_only, is_cut=self._is_cutting)
        self._line += block.line_count
        self.offset += len(data)
        return block
