"""Zips that no honest program writes: links, names that come twice, sizes that lie, members within members, compression within compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable

import pytest

from headrace.errors import ObjectError
from read.test_unzip import TEXT, code, plain, zipped

ZEROS = bytes(3_000_000)


def with_link(target: str) -> bytes:
    """A symbolic link, as Info-ZIP keeps it: its target is its content."""
    out, link = io.BytesIO(), zipfile.ZipInfo("a.csv")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, target)
    return out.getvalue()


def test_link_is_never_followed() -> None:
    """What it names is text, to be judged by the decoder."""
    assert plain(with_link("/etc/passwd")) == b"/etc/passwd"


def test_name_that_comes_twice_is_read_twice() -> None:
    """Both are there, so both count: none is left out in silence."""
    with warnings.catch_warnings(action="ignore"):
        data = zipped(("a.csv", TEXT), ("a.csv", TEXT))
    assert plain(data) == TEXT + b"\n" + TEXT
    assert code(data, "one") == "ZIP_MEMBERS"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(("size", "packed"), [(2**64 - 1, 2**64 - 1), (len(TEXT), 2**63), (0, 0), (1, len(TEXT))])
def test_zip64_sizes_that_lie_are_an_error(method: int, size: int, packed: int) -> None:
    """However large they are: no memory is taken before bytes come."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, archive.open("a.csv", "w", force_zip64=True) as member:
        member.write(TEXT)
    data = out.getvalue()
    at = 30 + len("a.csv") + 4
    lying = data[:at] + struct.pack("<QQ", size, packed) + data[at + 16 :]
    assert code(lying) in ("ZIP_CUT", "ZIP_DAMAGED")


@pytest.mark.parametrize("is_listed", [True, False])
def test_members_that_overlap_are_an_error(is_listed: bool) -> None:
    """A directory that names the same bytes again and again would make much of little."""
    one = zipped(("a.csv", TEXT))
    begin, end = one.index(b"PK\1\2"), one.index(b"PK\5\6")
    entry = one[begin:end]
    count = 1000 if is_listed else 1
    assert code(one[:begin] + entry * 1000 + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(entry) * 1000, begin, 0)) == "ZIP_DAMAGED"
    inner = zipped(("b.csv", TEXT), method=zipfile.ZIP_STORED)
    outer = zipped(("a.csv", inner), method=zipfile.ZIP_STORED)
    assert code(outer) == "NESTED_COMPRESSION"


@pytest.mark.parametrize("inner", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(("a", data))], ids=["gzip", "bzip2", "xz", "zip"])
@pytest.mark.parametrize("outer", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(("a", data))], ids=["gzip", "bzip2", "xz", "zip"])
def test_bomb_within_anything_compressed_is_refused_by_its_first_bytes(inner: Callable[[bytes], bytes], outer: Callable[[bytes], bytes]) -> None:
    """Nothing of it is decompressed but that."""
    assert code(outer(inner(ZEROS))) == "NESTED_COMPRESSION"


def test_content_before_the_first_member_is_not_passed_over() -> None:
    """A program with a zip behind it is no zip: it is text for the decoder, which refuses it."""
    assert plain(b"#!" + zipped(("a.csv", TEXT))).startswith(b"#!PK")
    with pytest.raises(ObjectError):
        plain(zipped(("a.csv", TEXT))[:30])
