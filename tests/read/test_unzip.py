"""Zip content: every file in it, checked against its directory, or an error."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.errors import ObjectError
from headrace.read.decompress import decompress
from headrace.read.unzip import Join

TEXT = b"id,name\n1,one\n2,two"


class Unseekable(io.RawIOBase):
    """A stream that a zip is written to as it comes: sizes stand after the members."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # a narrower type is enough
        self.data += bytes(data)
        return len(data)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False, comment: bytes = b"") -> bytes:
    out = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = comment
    return out.data if isinstance(out, Unseekable) else out.getvalue()


def plain(data: bytes, join: Join = "lines", sizes: Sequence[int] = (1 << 20,)) -> bytes:
    return b"".join(decompress(pieces(data, sizes), decompressed_bytes_max=1 << 30, join=join))


def code(data: bytes, join: Join = "lines", sizes: Sequence[int] = (1 << 20,)) -> str:
    with pytest.raises(ObjectError) as caught:
        plain(data, join, sizes)
    return caught.value.code


@given(
    st.lists(st.text("ab,\n", max_size=30).map(str.encode), min_size=1, max_size=4).filter(any),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
    piece_sizes,
)
def test_members_are_lines_after_lines(contents: list[bytes], method: int, streamed: bool, sizes: Sequence[int]) -> None:
    """Each file's last line is ended; written to a file or to a stream, with folders and a comment between."""
    members = [("folder/", b""), *((f"{index}.csv", content) for index, content in enumerate(contents)), ("__MACOSX/._0.csv", b"\0\1")]
    data = zipped(*members, method=method, streamed=streamed and method == zipfile.ZIP_DEFLATED, comment=b"PK\5\6")
    kept = [content for content in contents if content]
    ended = [content if content.endswith(b"\n") else content + b"\n" for content in kept[:-1]]
    assert plain(data, sizes=sizes) == b"".join([*ended, kept[-1]])


def test_header_line_of_later_members_is_left_out() -> None:
    """It must be that of the first; a byte order mark does not count."""
    members = ("a.csv", TEXT), ("b.csv", b""), ("c.csv", b"\xef\xbb\xbfid,name\r\n3,three\r\n"), ("d.csv", b"id,name")
    assert plain(zipped(*members), "header") == TEXT + b"\n3,three\r\n"
    assert code(zipped(("a.csv", TEXT), ("b.csv", b"name,id\n1,2\n")), "header") == "ZIP_HEADERS_DIFFER"


def test_several_members_of_a_format_that_cannot_be_joined_are_refused() -> None:
    """One is read."""
    assert plain(zipped(("a", TEXT)), "one") == TEXT
    assert code(zipped(("a", TEXT), ("b", TEXT)), "one") == "ZIP_MEMBERS"


@pytest.mark.parametrize("streamed", [False, True])
def test_zip_cut_at_any_byte_is_an_error(streamed: bool) -> None:
    """The directory at the end is needed to know that nothing is missing."""
    data = zipped(("a.csv", TEXT), ("b.csv", TEXT), streamed=streamed)
    for at, size in itertools.product(range(4, len(data)), (1, 1000)):
        assert code(data[:at], sizes=[size]) in ("ZIP_CUT", "ZIP_DAMAGED")


def test_damaged_byte_is_an_error_or_the_same_content() -> None:
    """Each byte, each of its bits; dates and attributes change nothing."""
    data = zipped(("a.csv", TEXT), ("b.csv", TEXT))
    for at, bit in itertools.product(range(4, len(data)), range(8)):
        damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        try:
            assert plain(damaged) == TEXT + b"\n" + TEXT, (at, bit)
        except ObjectError as error:
            assert error.code in ("ZIP_CUT", "ZIP_DAMAGED", "ZIP_UNSUPPORTED", "ZIP_TRAILING", "ZIP_MEMBERS"), (at, bit)


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.csv", "a/../../b.csv", "C:/a.csv", "..\\a.csv"])
def test_name_outside_the_archive_is_refused(name: str) -> None:
    """Nothing is ever written to disk, but such a file is no honest one."""
    data = zipped(("XXXXXXXXXXXXX"[: len(name)], TEXT)).replace(b"XXXXXXXXXXXXX"[: len(name)], name.encode())
    assert code(data) == "ZIP_MEMBERS"


def test_hundred_thousand_members_are_refused() -> None:
    """After the ten-thousandth."""
    one = zipped(("a", b""))
    member = one[: one.index(b"PK\1\2")]
    with pytest.raises(ObjectError, match="more than 10000 members"):
        plain(member * 100_000)


def test_encryption_and_rare_methods_are_refused_by_name() -> None:
    """The hint says how to write it instead."""
    data = zipped(("a.csv", TEXT))
    assert code(data[:6] + b"\1" + data[7:]) == "ZIP_UNSUPPORTED"
    with pytest.raises(ObjectError, match="compressed with lzma"):
        plain(zipped(("a.csv", TEXT), method=zipfile.ZIP_LZMA))


def test_compressed_member_and_workbook_are_refused() -> None:
    """Each by what it is."""
    assert code(zipped(("a.zip", zipped(("a.csv", TEXT))))) == "NESTED_COMPRESSION"
    assert code(zipped(("[Content_Types].xml", b"<xml/>"))) == "FORMAT_UNEXPECTED"
    assert code(zipped(("folder/", b""))) == "ZIP_MEMBERS"
    assert code(zipped(("a.csv", TEXT)) + b"x") == "ZIP_TRAILING"


def test_entries_larger_than_32_bits_are_read_from_their_zip64_fields() -> None:
    """As Python writes them when it does not know the size."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w", force_zip64=True) as member:
        member.write(TEXT)
    assert plain(out.getvalue()) == TEXT
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w", force_zip64=True) as member:
        member.write(TEXT)
    assert plain(stream.data) == TEXT
