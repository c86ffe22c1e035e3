"""From pieces of any size to blocks of whole physical lines."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.encoding import BOMS, SNIFF_BYTES, encoding_of, stored_bytes, utf8_pieces
from headrace.errors import ObjectError
from headrace.record import Block, Start


def line_blocks(pieces: Iterator[bytes], *, line_bytes_max: int, lf_only: bool, start: Start | None = None, encoding: str = "utf-8") -> Iterator[Block]:
    """Blocks in order, each of one or more whole lines; their bytes together are the content as UTF-8 without a leading byte order mark.

    With ``start`` the pieces are the content from that place on: every byte counts, lines and offsets go on from there.

    Lines end with LF, CRLF or (unless ``lf_only``) CR. A line longer than ``line_bytes_max`` may come as several blocks of its
    own with ``is_cut`` set, all with its line number: memory stays bounded whatever the object holds. No line end is ever cut, and no character.
    Raises ObjectError ENCODING_UNSUPPORTED where the content shows that it has another encoding.
    """
    mark, content = (b"", pieces) if start else without_bom(pieces, encoding)
    cutter = _Cutter(line_bytes_max, lf_only, start or Start(len(mark), 1), encoding)
    for piece in utf8_pieces(content, encoding):
        yield from cutter.feed(piece)
    yield from cutter.end()


def whole_lines(blocks: Iterator[Block]) -> Iterator[Block]:
    """``blocks``, but of a line that comes in parts only the first of them, which knows where the line ends."""
    for block in blocks:
        if block.is_cut:
            block.end = end_of_line(block, blocks)
        yield block


def end_of_line(block: Block, blocks: Iterator[Block]) -> int:
    """The byte of the object after the line of which ``block`` is a part; the parts that follow are taken from ``blocks``."""
    part: Block | None = block
    while part:
        last = part
        part = None if last.data.endswith(b"\n" if last.lf_only else (b"\n", b"\r")) else next(blocks, None)
    return last.offset_of(len(last.data))


def without_bom(pieces: Iterator[bytes], encoding: str) -> tuple[bytes, Iterator[bytes]]:
    """The byte order mark with which ``pieces`` begin, if they do, and the rest. Raises ObjectError ENCODING_UNSUPPORTED for that of another encoding."""
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= SNIFF_BYTES:
            break
    seen = encoding_of(first)
    if seen and seen != encoding:
        raise ObjectError("ENCODING_UNSUPPORTED", f"found {seen.upper()} text, expected {encoding.upper()}", hint=f"write `encoding: {seen}` in the route")
    mark = BOMS[seen] if seen == encoding and first.startswith(BOMS[seen]) else b""
    return mark, _chained(first[len(mark) :], pieces)


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


class _Cutter:
    """Holds the bytes after the last line end seen, and where they stand in the object."""

    def __init__(self, line_bytes_max: int, lf_only: bool, start: Start, encoding: str) -> None:
        self._offset, self._line = start
        self._encoding = encoding
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
        if len(self._carry) - self._undecided(self._carry) > self._line_bytes_max:
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

    def _undecided(self, data: bytes) -> int:
        """How many bytes at the end of ``data`` may be the beginning of a line end or of a character."""
        for count, byte in enumerate(reversed(data[-3:]), 1):
            if byte >= 0xC0:
                return count if count < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
            if byte < 0x80:
                return int(byte == 0x0D and count == 1 and not self._lf_only)
        return 0

    def _part_of_line(self, data: bytes) -> Iterator[Block]:
        kept = self._undecided(data)
        self._carry = data[len(data) - kept :]
        if len(data) > kept:
            yield self._made(data[: len(data) - kept])

    def _block(self, data: bytes) -> Block:
        block = self._made(data)
        self._line += block.line_count
        return block

    def _made(self, data: bytes) -> Block:
        block = Block(data, self._line, self._offset, lf_only=self._lf_only, is_cut=self._is_cutting, encoding=self._encoding)
        self._offset += len(stored_bytes(data, self._encoding))
        return block
