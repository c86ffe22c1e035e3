"""From pieces of any size to blocks of whole physical lines."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.errors import ObjectError
from headrace.record import Block

UTF8_BOM = b"\xef\xbb\xbf"


def line_blocks(pieces: Iterator[bytes], *, line_bytes_max: int, lf_only: bool) -> Iterator[Block]:
    """Blocks in order, each of one or more whole lines; their bytes together are the content without a leading UTF-8 BOM.

    Lines end with LF, CRLF or (unless ``lf_only``) CR. A line longer than ``line_bytes_max`` comes as a block of its own whose
    ``data`` is only its beginning and whose ``is_cut`` is set: memory stays bounded whatever the object holds.
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
        self._skipping = 0  # bytes of an over-long line that were dropped so far, 0 outside of one
        self._line_bytes_max = line_bytes_max
        self._lf_only = lf_only

    def feed(self, piece: bytes) -> Iterator[Block]:
        data = self._carry + piece if self._carry else piece
        if self._skipping:
            data = self._skip(data)
        cut = self._last_end(data)
        if cut:
            yield self._block(data[:cut])
        self._carry = data[cut:]
        if len(self._carry) > self._line_bytes_max:
            yield self._start_skipping()

    def end(self) -> Iterator[Block]:
        if self._carry and not self._skipping:
            yield self._block(self._carry)
        self._carry = b""

    def _last_end(self, data: bytes) -> int:
        """The position after the last line end that is surely complete, 0 if there is none."""
        cut = data.rfind(b"\n") + 1
        if not cut and not self._lf_only:
            cut = data.rfind(b"\r", 0, len(data) - 1) + 1  # a CR at the very end may be half of a CRLF
        return cut

    def _block(self, data: bytes) -> Block:
        block = Block(data, self._line, self.offset, lf_only=self._lf_only)
        self._line += block.line_count
        self.offset += len(data)
        return block

    def _start_skipping(self) -> Block:
        block = Block(self._carry[: self._line_bytes_max], self._line, self.offset, lf_only=self._lf_only, is_cut=True)
        self._skipping = len(self._carry)
        self._carry = self._carry[-1:] if self._carry.endswith(b"\r") else b""
        self._skipping -= len(self._carry)
        return block

    def _skip(self, data: bytes) -> bytes:
        """What follows the over-long line, empty while its end is not in sight."""
        end = data.find(b"\n") + 1
        if not self._lf_only:
            cr = data.find(b"\r", 0, end or len(data) - 1) + 1
            if cr:
                end = cr + 1 if data[cr : cr + 1] == b"\n" else cr
        if not end:
            keep = 1 if data.endswith(b"\r") else 0
            self._skipping += len(data) - keep
            self._carry = b""
            return data[len(data) - keep :]
        self.offset += self._skipping + end
        self._line += 1
        self._skipping = 0
        return data[end:]
