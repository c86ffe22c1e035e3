"""The blocks of a bzip2 stream: where they begin, and how one of them and all after it are read without those before.

A stream is ``BZh`` and a digit, blocks, and an end. A block begins, at any bit, with 48 bits that seldom come by chance, the end with 48 others;
32 bits of a CRC follow in both (bzip2 1.0.8, decompress.c). libbz2 gives out a block's content, one byte at least, when it has the last bit of
it, and before it takes the byte after that. So bits that look like a beginning come by chance if there is no new content before them: they stand
inside a block. The first ones after new content are where the next block begins, or the stream ends.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Callable
from typing import NamedTuple

BLOCK, END = 0x314159265359, 0x177245385090
MAGIC_BYTES = 7
"""At most so many bytes have a part in 48 bits."""
END_BITS = 48 + 32
HEADER = b"BZh9"
"""Of a stream with blocks of any size."""


def _inner(magic: int, skipped: int) -> bytes:
    """The bytes that are ``magic`` alone where it begins after ``skipped`` bits of the byte before them."""
    return (magic << 8 - skipped).to_bytes(MAGIC_BYTES, "big")[1:-1]


_PLACES = {_inner(magic, skipped): (magic, skipped) for magic in (BLOCK, END) for skipped in range(8)}
_search = re.compile(b"|".join(map(re.escape, _PLACES))).search


class Magic(NamedTuple):
    """BLOCK or END, the byte in which it starts, and how many bits of that byte are before it."""

    bits: int
    at: int
    skipped: int


def magic_in(data: bytes, begin: int = 0) -> Magic | None:
    """The first in ``data`` from byte ``begin`` on that has MAGIC_BYTES bytes there."""
    while found := _search(data, begin + 1):
        (bits, skipped), at = _PLACES[found[0]], found.start() - 1
        whole = data[at : at + MAGIC_BYTES]
        if len(whole) == MAGIC_BYTES and int.from_bytes(whole, "big") >> 8 - skipped & (1 << 48) - 1 == bits:
            return Magic(bits, at, skipped)
        begin = at + 1
    return None


class Blocks:
    """A decoder of one stream. ``note`` is told of each block but the first: the byte of the stream in which it begins, and that of the content."""

    def __init__(self, note: Callable[[int, int], None]) -> None:
        self.end_bit: int | None = None
        """Of the stream, where its end begins; known as soon as all content is given out."""
        self._note = note
        self._decoder = bz2.BZ2Decompressor()
        self._data = b""
        self._at = 0  # in _data: what is before is decoded
        self._searched = 0  # in _data: no magic starts before
        self._offset = 0  # of _data, in the stream
        self._found: Magic | None = None  # in _data, where the decoder stopped
        self._content = 0
        self._begun = -1  # how much content was before the last block that is known

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input and (self._found is None or self._at == len(self._data))

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._offset += self._searched
            self._data = self._data[self._searched :] + data
            self._at -= self._searched
            self._searched = 0
        piece = self._decoder.decompress(self._following() if self._decoder.needs_input else b"", max_length)
        self._content += len(piece)
        if self._decoder.needs_input and self._found and self._content > self._begun:
            self._begun = self._content
            if self._found.bits == END:
                self.end_bit = (self._offset + self._found.at) * 8 + self._found.skipped
            elif self._content:
                self._note(self._offset + self._found.at, self._content)
        return piece

    def _following(self) -> bytes:
        """What the decoder is given next: to a byte after the one in which a magic starts, so that a block before it is given out and nothing else.

        Before the stream's end is known, bytes in which a magic may start are kept back.
        """
        begin, size = self._at, len(self._data)
        if self.end_bit is not None:
            self._at = size
        elif found := magic_in(self._data, self._searched):
            self._searched, self._at = found.at + 1, found.at + 2
            self._found = found
        else:
            self._searched = max(self._searched, size - MAGIC_BYTES + 1)
            self._at = max(self._at, self._searched)
            self._found = None
        return self._data[begin : self._at]


class FromBlock:
    """A decoder of what is left of a stream, from a block on that begins after ``skipped`` bits of the first byte.

    The checksum of each block is compared; that of the stream counts the blocks before too, so it is passed over.
    """

    def __init__(self, skipped: int) -> None:
        self._skipped = skipped
        self._blocks = Blocks(lambda stored, content: None)
        self._data = b""  # what came last
        self._bytes = 0  # that came
        self._last = b""  # the last byte of all, the first bits of which alone are decoded

    @property
    def eof(self) -> bool:
        return self._end is not None and self._bytes >= self._end

    @property
    def needs_input(self) -> bool:
        return self._blocks.needs_input if self._end is None else not self.eof

    @property
    def unused_data(self) -> bytes:
        return b"" if self._end is None else self._data[len(self._data) - (self._bytes - self._end) :]

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._data = data
            self._bytes += len(data)
        return self._blocks.decompress(self._aligned(data), max_length) if self._end is None else b""

    @property
    def _end(self) -> int | None:
        """The byte after the stream, None where that is not yet known."""
        bit = self._blocks.end_bit
        return None if bit is None else -(-(bit - 8 * len(HEADER) + self._skipped + END_BITS) // 8)

    def _aligned(self, data: bytes) -> bytes:
        """``data`` as it stands in a stream that begins with the block."""
        if not data:
            return b""
        header, whole = b"" if self._last else HEADER, self._last + data
        self._last = data[-1:]
        return header + (int.from_bytes(whole, "big") << self._skipped).to_bytes(len(whole) + 1, "big")[1:-1]
