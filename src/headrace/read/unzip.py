"""The members of a zip in one pass, without its directory; that is compared at the end with what was read (APPNOTE.TXT 6.3.10)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from headrace.errors import ObjectError, shortened

PIECE_BYTES = 262_144
MEMBERS_MAX = 10_000
STORED, DEFLATED = 0, 8
METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd", 99: "AES"}
ENCRYPTED, DESCRIBED, UTF8 = 0x1, 0x8, 0x800
LOCAL, CENTRAL, END, END64, LOCATOR64, DESCRIPTOR = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08"

Join = Literal["one", "lines", "header"]
"""How several members become one content: not at all, as lines after lines, or so that all but the first lose their header line."""


class Entry(NamedTuple):
    """What headers say of a member: its sizes are in bytes, ``size`` is after decompression."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int


def unzipped(pieces: Iterator[bytes], join: Join, check: Callable[[bytes, str], None]) -> Iterator[bytes]:
    """The content of the members that are files, one after the other.

    ``check(first, name)`` is asked about the first bytes of each. Raises ObjectError ZIP_CUT, ZIP_DAMAGED, ZIP_UNSUPPORTED, ZIP_MEMBERS,
    ZIP_HEADERS_DIFFER.
    """
    source = _Source(pieces)
    entries: list[Entry] = []
    joiner = _Joiner(join)
    while (signature := source.take(4)) == LOCAL:
        if len(entries) >= MEMBERS_MAX:
            raise ObjectError("ZIP_MEMBERS", f"found more than {MEMBERS_MAX} members", hint="upload fewer files in one zip")
        header = _local(source)
        content = _content(source, header, entries)
        if header.name.endswith(b"/") or header.name.startswith(b"__MACOSX/"):
            for _ in content:
                pass
        else:
            yield from joiner.joined(header.name, content, check)
    if signature != CENTRAL and signature not in (END, END64):
        raise _damaged(source, f"found {signature.hex()} where a member or the directory is to begin")
    _require_directory(source, signature, entries)
    if joiner.members == 0:
        raise ObjectError("ZIP_MEMBERS", "found a zip without any file", hint="upload the file itself")


class _Source:
    """Takes bytes off the front of ``pieces``."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.offset = 0
        self._pieces = pieces
        self._data = b""

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes. Raises ZIP_CUT."""
        while len(self._data) < count:
            piece = next(self._pieces, b"")
            if not piece:
                raise ObjectError("ZIP_CUT", f"the zip ends at byte {self.offset + len(self._data)}, before its end", hint="upload the whole file again")
            self._data += piece
        taken, self._data = self._data[:count], self._data[count:]
        self.offset += count
        return taken

    def some(self) -> bytes:
        """Some bytes that come next. Raises ZIP_CUT."""
        return self.take(len(self._data) or 1)

    def put_back(self, data: bytes) -> None:
        self._data = data + self._data
        self.offset -= len(data)

    def is_ended(self) -> bool:
        if not self._data:
            self._data = next(self._pieces, b"")
        return not self._data


class _Local(NamedTuple):
    name: bytes
    flags: int
    entry: Entry
    is_zip64: bool


def _local(source: _Source) -> _Local:
    """The header of a member, after its signature. Raises ObjectError where it is of a kind that is not read."""
    flags, method, _, _, crc, packed, size, name_length, extra_length = struct.unpack("<xxHHHHIIIHH", source.take(26))
    name, extra = source.take(name_length), source.take(extra_length)
    shown = _shown(name)
    if flags & ENCRYPTED or method == 99:
        raise ObjectError("ZIP_UNSUPPORTED", f"{shown} is encrypted", hint="upload it without a password")
    if method not in (STORED, DEFLATED):
        raise ObjectError("ZIP_UNSUPPORTED", f"{shown} is compressed with {METHODS.get(method, f'method {method}')}", hint="write the zip with deflate")
    parts = name.replace(b"\\", b"/").split(b"/")
    if b".." in parts or parts[0] == b"" or b"\0" in name or parts[0][1:] == b":":
        raise ObjectError("ZIP_MEMBERS", f"{shown} is no name below the zip's own folder", hint="do not trust this file; write it again with plain names")
    if method == STORED and flags & DESCRIBED:
        raise ObjectError("ZIP_UNSUPPORTED", f"{shown} is stored without its size before it", hint="write the zip with deflate, or from a file")
    wide = _wide(extra, size == 0xFFFFFFFF, packed == 0xFFFFFFFF)
    entry = Entry(name, method, crc, wide.get("packed", packed), wide.get("size", size))
    return _Local(name, flags, entry, b"\x01\x00" in extra[:2] or bool(wide))


def _wide(extra: bytes, has_size: bool, has_packed: bool) -> dict[str, int]:
    """The sizes that stand in the zip64 field of ``extra`` because they need more than 32 bits."""
    at, found = 0, {}
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = [int.from_bytes(extra[at + 4 + 8 * index : at + 12 + 8 * index], "little") for index in range(length // 8)]
            for name in [name for name, is_wide in (("size", has_size), ("packed", has_packed)) if is_wide][: len(values)]:
                found[name] = values.pop(0)
        at += 4 + length
    return found


def _content(source: _Source, header: _Local, entries: list[Entry]) -> Iterator[bytes]:
    """The content of a member, checked; then its entry is one of ``entries``."""
    crc, size, begin = 0, 0, source.offset
    for piece in _inflated(source, header) if header.entry.method == DEFLATED else _stored(source, header.entry.packed):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    read = Entry(header.name, header.entry.method, crc, source.offset - begin, size)
    if read != (_described(source, header) if header.flags & DESCRIBED else header.entry):
        raise _damaged(source, f"the size or the checksum of {_shown(header.name)} is not that of its content")
    entries.append(read)


def _stored(source: _Source, count: int) -> Iterator[bytes]:
    while count:
        piece = source.some()
        if len(piece) > count:
            source.put_back(piece[count:])
            piece = piece[:count]
        count -= len(piece)
        yield piece


def _inflated(source: _Source, header: _Local) -> Iterator[bytes]:
    inflater, data = zlib.decompressobj(wbits=-15), b""
    while not inflater.eof:
        data = data or source.some()
        try:
            piece = inflater.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise _damaged(source, f"{_shown(header.name)}: {error}") from None
        data = inflater.unconsumed_tail
        if piece:
            yield piece
    source.put_back(inflater.unused_data)


def _described(source: _Source, header: _Local) -> Entry:
    """The entry as the descriptor after the content says, with or without a signature."""
    first = source.take(4)
    crc = int.from_bytes(source.take(4) if first == DESCRIPTOR else first, "little")
    width = 8 if header.is_zip64 else 4
    packed, size = (int.from_bytes(source.take(width), "little") for _ in range(2))
    return Entry(header.name, header.entry.method, crc, packed, size)


def _require_directory(source: _Source, signature: bytes, entries: list[Entry]) -> None:
    """Raise ObjectError unless the directory, whose first signature was read, has just ``entries`` and the zip ends after it."""
    position = 0
    while signature == CENTRAL:
        method, crc, packed, size, *lengths = struct.unpack("<xxxxxxHxxxxIIIHHHxxxxxxxxxxxx", source.take(42))
        name, extra, _ = (source.take(length) for length in lengths)
        wide = _wide(extra, size == 0xFFFFFFFF, packed == 0xFFFFFFFF)
        found = Entry(name, method, crc, wide.get("packed", packed), wide.get("size", size))
        if position >= len(entries) or found != entries[position]:
            raise _damaged(source, f"its directory says otherwise about {_shown(name)} than the member itself")
        position, signature = position + 1, source.take(4)
    if position != len(entries):
        raise _damaged(source, f"its directory has {position} members, and {len(entries)} were found")
    if signature == END64:
        source.take(int.from_bytes(source.take(8), "little"))
        source.take(4 + 16) if (signature := source.take(4)) == LOCATOR64 else None
        signature = source.take(4) if signature == LOCATOR64 else signature
    if signature != END:
        raise _damaged(source, "its directory has no end")
    source.take(int.from_bytes(source.take(18)[16:], "little"))
    if not source.is_ended():
        raise ObjectError("ZIP_TRAILING", f"found data after the zip's end at byte {source.offset}", hint="write the file again")


class _Joiner:
    """Makes one content of those of several members."""

    def __init__(self, join: Join) -> None:
        self.members = 0
        self._join = join
        self._header = b""
        self._last = b""

    def joined(self, name: bytes, content: Iterator[bytes], check: Callable[[bytes, str], None]) -> Iterator[bytes]:
        self.members += 1
        first = b""
        for piece in content:
            first += piece
            if len(first) >= (PIECE_BYTES if self._join == "header" else 64):
                break
        check(first[:64], _shown(name))
        if self._join == "header":
            first = self._after_header(name, first)
        elif self._join == "one" and self.members > 1:
            raise ObjectError("ZIP_MEMBERS", "found several files in the zip, expected one", hint="upload each file by itself")
        if self._last not in (b"", b"\n", b"\r") and first:
            yield b"\n"
        if first:
            yield first
        self._last = first[-1:] or self._last
        for piece in content:
            yield piece
            self._last = piece[-1:]

    def _after_header(self, name: bytes, first: bytes) -> bytes:
        """``first`` as it is of the first member that is not empty, without its header line of the others."""
        if not first:
            return first
        text = first.removeprefix(b"\xef\xbb\xbf")
        header = text.splitlines()[0] if text.splitlines() else b""
        if not self._header:
            self._header = header
            return first
        if header != self._header or header.count(b'"') % 2 or len(header) >= PIECE_BYTES:
            message = f"the header line of {_shown(name)} is not that of the first file in the zip"
            raise ObjectError("ZIP_HEADERS_DIFFER", message, hint="upload each file by itself")
        rest = text[len(header) :]
        return rest[2:] if rest.startswith(b"\r\n") else rest[1:]


def _shown(name: bytes) -> str:
    return shortened(name.decode("utf-8", "replace"), 60)


def _damaged(source: _Source, found: str) -> ObjectError:
    return ObjectError("ZIP_DAMAGED", f"damaged before byte {source.offset} of the object: {found}", hint="upload the file again from its source")
