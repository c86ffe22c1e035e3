"""What bytes are, by how they begin; names of objects are never looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.errors import shortened

FIRST_BYTES = 64
"""So many bytes from the beginning decide."""

COMPRESSIONS = {
    "gzip": rb"\x1f\x8b",
    "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18",
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "lz4": rb"\x04\x22\x4d\x18",
    "snappy": rb"\xff\x06\x00\x00sNaPpY",
    "zip": rb"PK\x03\x04|PK\x05\x06|PK00PK\x03\x04",
}
"""How compressed content begins; zstd also with a skippable frame (RFC 8878 section 3.1.2), zip also with the end of an empty archive."""

FORMATS = {
    "Parquet": rb"PAR1.{,60}[\x00-\x08]|PARE",
    "Avro": rb"Obj\x01",
    "ORC": rb"ORC.{,60}[\x00-\x08]",
    "binary Ion": rb"\xe0\x01\x00\xea",
    "an Excel workbook (.xlsx)": rb"PK\x03\x04.{22}[\x00-\xff]{4}(?:\[Content_Types\]\.xml|_rels/|xl/|docProps/)",
    "an Excel workbook of the old kind (.xls), or one with a password": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a PDF": rb"%PDF-[0-9]",
    "an HTML page": rb"(?:\xef\xbb\xbf)?\s*<(?i:!doctype\s+html|html[\s>])",
    "XML": rb"(?:\xef\xbb\xbf)?<\?xml\s",
}
"""How formats begin that are no text in lines. ``ORC`` and ``PAR1`` may also begin a CSV's header, so they count only where no text follows."""

BINARY_FORMATS = {
    "parquet": "Parquet",
    "orc": "ORC",
    "avro": "Avro",
    "xlsx": "an Excel workbook (.xlsx)",
    "ion": "binary Ion",
}
"""The names under FORMATS, by those that routes call them."""

_COMPRESSED = {name: re.compile(pattern, re.DOTALL).match for name, pattern in COMPRESSIONS.items()}
_FORMATTED = {name: re.compile(pattern, re.DOTALL).match for name, pattern in FORMATS.items()}


def compression_of(first: bytes) -> str:
    """The name under COMPRESSIONS of content that begins with ``first``, ``""`` if it is not compressed. A workbook counts as no zip."""
    if first == b"\x1f":  # a gzip that was cut after one byte
        return "gzip"
    name = next((name for name, begins in _COMPRESSED.items() if begins(first)), "")
    return "" if name == "zip" and format_of(first) else name


def format_of(first: bytes) -> str:
    """The name under FORMATS of content that begins with ``first``, ``""`` if it is none of them."""
    return next((name for name, begins in _FORMATTED.items() if begins(first)), "")


def seen(first: bytes) -> str:
    """What content that begins with ``first`` is, in words for a message."""
    if not first:
        return "nothing"
    if name := format_of(first) or compression_of(first):
        return name if " " in name else f"{name} content"
    if b"\0" in first:
        return "binary content"
    return f"text that begins with {shortened(first.decode('utf-8', 'replace').split(chr(10))[0], 30)}"


def first_bytes(pieces: Iterator[bytes], count: int = FIRST_BYTES) -> bytes:
    """At least ``count`` bytes from ``pieces``, fewer only if there are no more."""
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= count:
            break
    return first
