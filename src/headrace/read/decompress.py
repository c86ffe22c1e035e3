"""Plain or gzip content as plain content. What it is, is seen from the first bytes, never from the name."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from headrace.errors import ObjectError

PIECE_BYTES = 262_144
GZIP = b"\x1f\x8b"
FOREIGN = {
    "zstd": rb"\x28\xb5\x2f\xfd",
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "zip (or xlsx)": rb"PK\x03\x04",
    "lz4": rb"\x04\x22\x4d\x18",
    "Parquet": rb"PAR1.{,60}[\x00-\x08]",
    "Avro": rb"Obj\x01",
    "ORC": rb"ORC.{,60}[\x00-\x08]",
}
"""How other containers begin. ``ORC`` and ``PAR1`` may also begin a CSV's header, so they count only where no text follows."""
FIRST_BYTES = 64


def decompress(pieces: Iterator[bytes], *, decompressed_bytes_max: int) -> Iterator[bytes]:
    """The content in pieces of at most ``PIECE_BYTES`` where it was gzip, as they came where it was plain.

    All members of a gzip file count (RFC 1952 section 2.2); zero bytes after the last are padding. Raises ObjectError: GZIP_CUT,
    GZIP_DAMAGED (checksum, length or deflate data), GZIP_TRAILING, FORMAT_UNEXPECTED for other containers, DECOMPRESSED_TOO_LARGE.
    """
    first = _first(pieces)
    for name, magic in FOREIGN.items():
        if re.match(magic, first, re.DOTALL):
            raise ObjectError("FORMAT_UNEXPECTED", f"found {name} content, expected plain text or gzip", hint="upload it as plain text or gzip")
    rest = _chained(first, pieces)
    content = _gunzip(rest) if first.startswith(GZIP) or first == GZIP[:1] else rest
    total = 0
    for piece in content:
        total += len(piece)
        if total > decompressed_bytes_max:
            raise ObjectError(
                "DECOMPRESSED_TOO_LARGE",
                f"more than {decompressed_bytes_max} bytes after decompression",
                hint="raise limits.decompressed_bytes_max in headrace.yaml if the object is to be trusted",
            )
        yield piece


def _first(pieces: Iterator[bytes]) -> bytes:
    """At least ``FIRST_BYTES`` bytes from the start, fewer only if there are no more."""
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= FIRST_BYTES:
            break
    return first


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)  # 31: a gzip member with its header and its CRC and length checked
    data, offset = b"", 0
    while True:
        if not data:  # then nothing that matters is left inside zlib either: the checksum comes last, after all output
            data = next(pieces, b"")
            offset += len(data)
            if not data:
                break
        if inflater.eof:
            data = data.lstrip(b"\0")
            if not data:
                continue
            if not data.startswith(GZIP[: len(data)]):
                raise ObjectError("GZIP_TRAILING", f"found data that is not gzip at byte {offset - len(data)}", hint="write the file again")
            inflater = zlib.decompressobj(wbits=31)
        try:
            piece = inflater.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise ObjectError("GZIP_DAMAGED", f"damaged before byte {offset} of the object: {error}", hint="upload the file again from its source") from None
        data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if piece:
            yield piece
    if not inflater.eof:
        raise ObjectError("GZIP_CUT", f"the gzip data ends at byte {offset} in the middle of a member", hint="upload the whole file again")
