"""Plain or compressed content as plain content. What it is, is seen from the first bytes, never from the name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from headrace.errors import ObjectError
from headrace.read.codecs import SKIPPABLE, Codec, Decoder, codec_of
from headrace.read.signature import compression_of, first_bytes, format_of
from headrace.read.unzip import Join, unzipped

PIECE_BYTES = 262_144
GZIP = b"\x1f\x8b"
FIRST_INPUT_BYTES = 4_096
"""What a decoder is given first, then twice as much each time: a file of tiny members would else be copied again for each."""
RATIO_FREE_BYTES = 1 << 20
"""So much may come of anything."""


class Member(NamedTuple):
    """Where a gzip member, zstd or lz4 frame, xz stream, bzip2 stream or block begins: in which byte of the object as stored, at which of all content."""

    stored: int
    content: int


def decompress(
    pieces: Iterator[bytes],
    *,
    decompressed_bytes_max: int,
    ratio_max: int | None = None,
    join: Join = "one",
    content: str = "text",
    note: Callable[[Member], None] | None = None,
) -> Iterator[bytes]:
    """The content in pieces of at most ``PIECE_BYTES`` where it was compressed, as they came where it was plain.

    All members, frames and streams count; so do the files in a zip, which ``join`` makes one content. ``note`` is told of
    each member before its content comes; of snappy and zip it is told nothing. Raises ObjectError: ``…_CUT``, ``…_DAMAGED``
    (checksum, length or data), ``…_TRAILING``, EXTRA_MISSING, NESTED_COMPRESSION, DECOMPRESSED_TOO_LARGE, DECOMPRESSED_RATIO, and
    FORMAT_UNEXPECTED unless what comes out is ``content``: text, or a name in ``signature.FORMATS``; ``""`` for whatever it is.
    """
    first = first_bytes(pieces)
    compression = compression_of(first)
    counted = _Counted(_chained(first, pieces))
    plain = _plain(compression, counted, join, content, note)
    if compression != "zip":
        first = first_bytes(plain) if compression else first
        _require_content(first, compression, content)
        plain = _chained(first, plain) if compression else plain
    total = 0
    for piece in plain:
        total += len(piece)
        if total > decompressed_bytes_max:
            raise ObjectError(
                "DECOMPRESSED_TOO_LARGE",
                f"more than {decompressed_bytes_max} bytes after decompression",
                hint="raise limits.decompressed_bytes_max in headrace.yaml if the object is to be trusted",
            )
        if ratio_max and compression and total > max(RATIO_FREE_BYTES, ratio_max * counted.bytes):
            raise ObjectError(
                "DECOMPRESSED_RATIO",
                f"{counted.bytes} bytes became {total}, more than {ratio_max} times as many",
                hint="raise limits.decompressed_ratio_max in headrace.yaml if the object is to be trusted",
            )
        yield piece


def from_member(pieces: Iterator[bytes], stored: int) -> Iterator[bytes]:
    """The content from the member on with which ``pieces`` begin, at byte ``stored`` of an object that ``decompress`` came through to its end before.

    So nothing is looked for in it, and no limit is counted again: whoever stops where that ended stays within them.
    """
    first = first_bytes(pieces)
    compression, decoder = compression_of(first), None
    if not compression:
        from headrace.read.bzip2 import FromBlock, magic_in  # noqa: PLC0415 - only for a block, which alone begins without a signature

        magic = magic_in(first)
        assert magic
        compression, decoder = "bzip2", FromBlock(magic.skipped)
    return _members(_chained(first, pieces), codec_of(compression), offset=stored, decoder=decoder)


class _Counted:
    """Pieces, and how many bytes they had so far."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.bytes = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self.bytes += len(piece)
        return piece


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


def _plain(compression: str, pieces: Iterator[bytes], join: Join, content: str, note: Callable[[Member], None] | None) -> Iterator[bytes]:
    match compression:
        case "":
            return pieces
        case "snappy":
            from headrace.read.snappy import unsnapped  # noqa: PLC0415 - few objects are

            return unsnapped(pieces)
        case "zip":
            return unzipped(pieces, join, lambda first, name: _require_content(first, f"zip member {name}", content))
        case _:
            return _members(pieces, codec_of(compression), note=note)


def _require_content(first: bytes, inside: str, content: str) -> None:
    if inside and (nested := compression_of(first)):
        raise ObjectError("NESTED_COMPRESSION", f"found {nested} inside {inside}", hint="compress it once")
    found = format_of(first)
    if content and found and found != content:
        where = f" inside {inside}" if inside else ""
        hint = "name its format in the route, or convert the file"
        raise ObjectError("FORMAT_UNEXPECTED", f"found {found}{'' if ' ' in found else ' content'}{where}, expected {content}", hint=hint)


def _members(
    pieces: Iterator[bytes], codec: Codec, *, note: Callable[[Member], None] | None = None, offset: int = 0, decoder: Decoder | None = None
) -> Iterator[bytes]:
    """The content of all members, which follow each other with nothing but padding and skippable frames between them.

    With ``decoder`` the pieces begin with what it decodes, a part of a member.
    """
    source, total = _Input(pieces, codec.code, offset), 0
    while decoder or source.is_at_member(codec):
        if note:
            note(Member(source.offset, total))
        decoder, wanted = decoder or _opened(codec, Member(source.offset, total), note), FIRST_INPUT_BYTES
        while not decoder.eof:
            data = source.take(wanted) if decoder.needs_input else b""
            wanted = min(2 * wanted, PIECE_BYTES)
            try:
                piece = decoder.decompress(data, PIECE_BYTES)
            except codec.errors as error:
                message = f"damaged before byte {source.offset} of the object: {error}"
                raise ObjectError(f"{codec.code}_DAMAGED", message, hint="upload the file again from its source") from None
            if piece:
                total += len(piece)
                yield piece
        source.put_back(len(decoder.unused_data or b""))
        decoder = None


def _opened(codec: Codec, begin: Member, note: Callable[[Member], None] | None) -> Decoder:
    """The decoder of the member that begins at ``begin``; of bzip2 ``note`` is told of the blocks in it."""
    if not note or codec.code != "BZIP2":
        return codec.open()
    from headrace.read.bzip2 import Blocks  # noqa: PLC0415 - only for objects that are cut

    return Blocks(lambda stored, content: note(Member(begin.stored + stored, begin.content + content)))


class _Input:
    """Compressed bytes. ``offset`` is that of the next one."""

    def __init__(self, pieces: Iterator[bytes], code: str, offset: int) -> None:
        self.offset = offset
        self._pieces = pieces
        self._code = code
        self._data = b""
        self._at = 0  # in _data

    def is_at_member(self, codec: Codec) -> bool:
        """Pass over padding and skippable frames; whether a member follows. Raises ObjectError ``…_TRAILING``, ``…_CUT``."""
        while True:
            while codec.padding and self.offset and self._peek(1) == codec.padding:
                self.offset += len(self._data) - self._at
                self._data = self._data[self._at :].lstrip(codec.padding)
                self._at = 0
                self.offset -= len(self._data)
            head = self._peek(8)
            if len(head) == 8 and head[:4] in SKIPPABLE and codec.code in ("ZSTD", "LZ4"):
                self._skip(8 + int.from_bytes(head[4:], "little"))
            elif not head or codec.magic == head[: len(codec.magic)] or (len(head) < len(codec.magic) and codec.magic.startswith(head)):
                return bool(head)
            else:
                message = f"found data of another kind at byte {self.offset}"
                raise ObjectError(f"{codec.code}_TRAILING", message, hint="write the file again")

    def take(self, count: int) -> bytes:
        """At most ``count`` bytes. Raises ObjectError ``…_CUT`` at the end."""
        self._peek(1)
        taken = self._data[self._at : self._at + count]
        if not taken:
            message = f"the data ends at byte {self.offset} in the middle of a member"
            raise ObjectError(f"{self._code}_CUT", message, hint="upload the whole file again")
        self._at += len(taken)
        self.offset += len(taken)
        return taken

    def put_back(self, count: int) -> None:
        """Give back the last ``count`` bytes of those that were taken last."""
        self._at -= count
        self.offset -= count

    def _peek(self, count: int) -> bytes:
        while len(self._data) - self._at < count and (piece := next(self._pieces, b"")):
            self._data = self._data[self._at :] + piece
            self._at = 0
        return self._data[self._at : self._at + count]

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self.take(min(count, PIECE_BYTES)))
