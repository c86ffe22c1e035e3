"""The framing format of snappy (github.com/google/snappy, framing_format.txt): chunks of at most 65,536 bytes, each with its checksum."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.errors import ObjectError
from headrace.read.codecs import extra_missing

IDENTIFIER = b"\xff\x06\x00\x00sNaPpY"
COMPRESSED, PLAIN, IDENTIFIES, UNSKIPPABLE = 0x00, 0x01, 0xFF, range(0x02, 0x80)
CONTENT_BYTES_MAX = 65_536
CHUNK_BYTES_MAX = 76_490 + 4
"""A chunk's largest body: what 65,536 bytes become at worst (32 + n + n/6), and the checksum."""


def unsnapped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of each chunk. Raises ObjectError SNAPPY_CUT, SNAPPY_DAMAGED, EXTRA_MISSING."""
    try:
        from cramjam import DecompressionError, snappy  # noqa: PLC0415 - only where the bytes ask for it
    except ImportError:
        raise extra_missing("snappy content", "codecs") from None
    for offset, kind, chunk in _chunks(pieces):
        if kind == IDENTIFIES and chunk != IDENTIFIER:
            raise _damaged(offset, "a stream identifier that is none")
        if kind in UNSKIPPABLE:
            raise _damaged(offset, f"a chunk of the unknown kind 0x{kind:02x}")
        if kind in (COMPRESSED, PLAIN):
            if kind == COMPRESSED and _length(chunk[8:13]) > CONTENT_BYTES_MAX:
                raise _damaged(offset, "a chunk that claims more content than may be in one")
            try:
                piece = bytes(snappy.decompress(IDENTIFIER + chunk))
            except DecompressionError as error:
                raise _damaged(offset, str(error)) from None
            if piece:
                yield piece


def _chunks(pieces: Iterator[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """The offset, the kind and the bytes of each chunk; of one to be skipped only the first bytes."""
    data, offset = b"", 0
    while True:
        while len(data) < 4 and (piece := next(pieces, b"")):
            data += piece
        if not data:
            return
        kind, size = data[0], 4 + int.from_bytes(data[1:4], "little")
        is_kept = kind in (COMPRESSED, PLAIN, IDENTIFIES)
        if is_kept and size > 4 + CHUNK_BYTES_MAX:
            raise _damaged(offset, f"a chunk of {size} bytes")
        kept, missing = data[:size], size - len(data)
        data = data[size:]
        while missing > 0:
            piece = next(pieces, b"")
            if not piece:
                raise ObjectError("SNAPPY_CUT", f"the snappy data ends in the middle of the chunk at byte {offset}", hint="upload the whole file again")
            kept += piece[:missing] if is_kept else b""
            data, missing = piece[missing:], missing - len(piece)
        yield offset, kind, kept
        offset += size


def _length(varint: bytes) -> int:
    """The number that ``varint`` begins with: seven bits a byte, the least first."""
    value = 0
    for index, byte in enumerate(varint):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            break
    return value


def _damaged(offset: int, found: str) -> ObjectError:
    return ObjectError("SNAPPY_DAMAGED", f"damaged at byte {offset} of the object: {found}", hint="upload the file again from its source")
