"""Decoders of compressed streams: standard library first, the field's own libraries for the rest, loaded when the bytes ask for them.

Chosen by measurement (47 MB of CSV, one core, 2026-11): backports.zstd 818 MB/s, 1.4 MB, and the same module as Python 3.14's own, where
zstandard has 1,203 MB/s and 24 MB; lz4 3,419 MB/s, 5.8 MB, output bounded for each call, which cramjam cannot; cramjam for snappy
1,575 MB/s, 4.5 MB. All have wheels for arm64 and CPython 3.13.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from headrace.errors import ObjectError

XZ_MEMORY_BYTES_MAX = 100 << 20
"""What ``xz -9`` needs is 65 MB; a header may claim 4 GB."""
ZSTD_WINDOW_LOG_MAX = 27
"""128 MB: the most that zstd makes without ``--long``, and reads without being asked to."""


class Decoder(Protocol):
    """One member or frame. ``decompress`` gives at most ``max_length`` bytes; it wants new input only while ``needs_input``."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Codec(NamedTuple):
    """``code`` begins the codes of its errors; ``magic`` begins each member but the first, padding between them is ``padding``."""

    code: str
    magic: bytes
    open: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]
    padding: bytes = b""


class _Gzip:
    """A gzip member with its header and its CRC and length checked."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        """Where all input is taken, nothing that matters is left inside zlib either: the checksum comes last, after all output."""
        return not self._tail

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        piece = self._inflater.decompress(self._tail + data, max_length)
        self._tail = self._inflater.unconsumed_tail
        return piece


SKIPPABLE = tuple(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))
"""How a skippable frame of zstd and lz4 begins; four bytes of its length follow."""


def codec_of(name: str) -> Codec:
    """The codec called ``name`` in ``signature.COMPRESSIONS``, but for snappy and zip. Raises ObjectError EXTRA_MISSING."""
    match name:
        case "gzip":
            return Codec("GZIP", b"\x1f\x8b", _Gzip, (zlib.error,), b"\0")
        case "bzip2":
            return Codec("BZIP2", b"BZh", bz2.BZ2Decompressor, (OSError, ValueError))
        case "xz":
            return Codec("XZ", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES_MAX), (lzma.LZMAError,), b"\0")
        case "zstd":
            return _zstd()
        case "lz4":
            return _lz4()
        case _:
            raise ValueError(name)


def _zstd() -> Codec:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - only where the bytes ask for it
        else:
            from backports import zstd  # noqa: PLC0415 - likewise
    except ImportError:
        raise extra_missing("zstd content", "codecs") from None
    options = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG_MAX}
    return Codec("ZSTD", b"\x28\xb5\x2f\xfd", lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,))


def _lz4() -> Codec:
    try:
        import lz4.frame  # noqa: PLC0415 - only where the bytes ask for it
    except ImportError:
        raise extra_missing("lz4 content", "codecs") from None
    return Codec("LZ4", b"\x04\x22\x4d\x18", lz4.frame.LZ4FrameDecompressor, (RuntimeError,))


def extra_missing(what: str, extra: str) -> ObjectError:
    """What to say where the library for ``what`` is not installed."""
    hint = f"pip install 'headrace[{extra}]'; for a function, name it under function.codecs in headrace.yaml and `headrace deploy` again"
    return ObjectError("EXTRA_MISSING", f"found {what}, which needs the extra {extra}", hint=hint)
