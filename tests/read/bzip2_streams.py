"""Streams of bzip2 with blocks as small as a test wants them, where the compressor makes blocks of 100 kB at least."""

from __future__ import annotations

import bz2
from collections.abc import Iterable

from headrace.read.bzip2 import BLOCK, END


def stream_of(parts: Iterable[bytes]) -> bytes:
    """One stream, of a block for each of ``parts`` that is not empty."""
    bits, count, combined = int.from_bytes(b"BZh9", "big"), 32, 0
    for part in filter(None, parts):
        block, length = _block(part)
        combined = (combined << 1 | combined >> 31) & 0xFFFFFFFF ^ block >> length - 80 & 0xFFFFFFFF
        bits, count = bits << length | block, count + length
    bits, count = bits << 80 | END << 32 | combined, count + 80
    return (bits << -count % 8).to_bytes(-(-count // 8), "big")


def _block(part: bytes) -> tuple[int, int]:
    """The block that ``part`` becomes, and how many bits it has."""
    stream = bz2.compress(part)[4:]
    bits = int.from_bytes(stream, "big")
    padding = next(padding for padding in range(8) if bits >> padding + 32 & (1 << 48) - 1 == END)
    length = len(stream) * 8 - padding - 80
    assert bits >> padding + 80 >> length - 48 == BLOCK
    return bits >> padding + 80, length
