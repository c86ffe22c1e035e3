"""Text in any declared encoding as UTF-8, exactly reversible, so that only one place knows more than one encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from headrace.errors import ObjectError

UTF8_BOM = b"\xef\xbb\xbf"
BOMS = {
    "utf-32-le": b"\xff\xfe\x00\x00",
    "utf-32-be": b"\x00\x00\xfe\xff",
    "utf-8": UTF8_BOM,
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}
"""Byte order marks by encoding, the longer of two that begin alike first (Unicode 16.0, section 23.8)."""
SNIFF_BYTES = 4


def encoding_of(first: bytes) -> str:
    """The encoding that a byte order mark, or the zero bytes of ASCII text in UTF-16 or UTF-32, show; ``""`` for none.

    One zero byte among the first two is text that begins with NUL unless the same place of the next two is zero as well.
    """
    for name, mark in BOMS.items():
        if first.startswith(mark):
            return name
    zeros = tuple(not byte for byte in first[:SNIFF_BYTES])
    patterns: dict[tuple[bool, ...], str] = {(False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be"}
    patterns |= {(False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be"}
    return patterns.get(zeros, "")


def utf8_pieces(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """``pieces`` of text in ``encoding`` as UTF-8, each of whole characters; UTF-8 as it came.

    What is no text in a single-byte encoding stays the byte that it is, which is not UTF-8; lone surrogates of UTF-16 get the form that
    UTF-8 would have for them. Raises ObjectError ENCODING_INVALID where a code unit is cut or cannot be.
    """
    if encoding == "utf-8":
        yield from pieces
        return
    errors = errors_of(encoding)
    decoder = codecs.getincrementaldecoder(codec_of(encoding))(errors=errors)
    done = at = 0
    try:
        for piece in pieces:
            at = done - len(decoder.getstate()[0])
            text = decoder.decode(piece)
            done += len(piece)
            if text:
                yield text.encode("utf-8", errors)
        at = done - len(decoder.getstate()[0])
        if text := decoder.decode(b"", final=True):  # a lone surrogate, which a second one could have followed
            yield text.encode("utf-8", errors)
    except UnicodeDecodeError as error:
        message = f"found bytes that are not {encoding} at byte {at + error.start}: {error.reason}"
        raise ObjectError("ENCODING_INVALID", message, hint="declare the file's own `encoding`, or upload the whole file again") from None


def stored_bytes(data: bytes, encoding: str) -> bytes:
    """The bytes in ``encoding`` of which ``utf8_pieces`` made ``data``; a character that ``data`` ends in the middle of is left out."""
    if encoding == "utf-8":
        return data
    errors = errors_of(encoding)
    return codecs.getincrementaldecoder("utf-8")(errors).decode(data).encode(codec_of(encoding), errors)


def codec_of(encoding: str) -> str:
    """Python's name of ``encoding``."""
    return {"windows-1252": "cp1252"}.get(encoding, encoding)


def errors_of(encoding: str) -> str:
    """How bytes that are no text in ``encoding`` are carried through."""
    return "surrogatepass" if encoding.startswith("utf-") else "surrogateescape"
