"""Compressed content of every kind: all of it, or an error; never something else, and never more than is allowed."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import random
import sys
import tracemalloc
from collections.abc import Callable, Sequence

import cramjam
import lz4.frame
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.errors import ObjectError
from headrace.read.decompress import PIECE_BYTES, RATIO_FREE_BYTES, decompress

TEXT = b"id,name\n1,one\n2,two\n"
SKIPPABLE = b"\x53\x2a\x4d\x18\x05\0\0\0hello"

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=1),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
    "snappy": lambda data: bytes(cramjam.snappy.compress(data)),
}


def plain(data: bytes, sizes: Sequence[int] = (1 << 20,), limit: int = 1 << 30, ratio: int | None = None) -> bytes:
    return b"".join(decompress(pieces(data, sizes), decompressed_bytes_max=limit, ratio_max=ratio))


def outcome(data: bytes, sizes: Sequence[int] = (1 << 20,)) -> bytes | str:
    """The content, or the code of the error."""
    try:
        return plain(data, sizes)
    except ObjectError as error:
        return error.code


contents = st.lists(st.binary(max_size=60) | st.just(b"x" * (PIECE_BYTES + 1)), min_size=1, max_size=3)


@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None, max_examples=40)
@given(members=contents, sizes=piece_sizes | st.just([1 << 20]))
def test_members_are_all_their_content(name: str, members: list[bytes], sizes: Sequence[int]) -> None:
    """Empty ones included, for any pieces."""
    members = [b"a\n", *members]  # what comes out must not look like another container
    data = b"".join(map(CODECS[name], members))
    assert plain(data, sizes if len(data) < 5_000 else [997]) == b"".join(members)


@pytest.mark.parametrize("name", CODECS)
def test_content_cut_at_any_byte_is_an_error_unless_a_member_ends_there(name: str) -> None:
    """Snappy has no end but that of a chunk."""
    first, second = CODECS[name](TEXT), CODECS[name](TEXT[::-1])
    for at, size in itertools.product(range(7 if name == "snappy" else 4, len(first + second)), (1, 1000)):
        if name == "snappy" and at in (10, len(first) + 10):
            continue  # a stream identifier alone, which is a whole stream
        expected = TEXT if at == len(first) else f"{name.upper()}_CUT"
        found = outcome((first + second)[:at], [size])
        assert found in (expected, "FORMAT_UNEXPECTED" if at < 10 else expected) or (at < 10 and found == (first + second)[:at])


@pytest.mark.parametrize("name", CODECS)
def test_damaged_byte_is_an_error_or_the_same_content(name: str) -> None:
    """Each byte after the signature, each of its bits."""
    data = CODECS[name](TEXT)
    for at, bit in itertools.product(range(10, len(data)), range(8)):
        damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        found = outcome(damaged)
        if (name, at, bit) == ("snappy", 10, 7):
            assert found == b""  # the chunk is then of a kind that readers skip
            continue
        assert found == TEXT or found in {f"{name.upper()}_{end}" for end in ("DAMAGED", "CUT", "TRAILING")}, (at, bit, found)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "snappy"])
@pytest.mark.parametrize("garbage", [b"x", b"1,2,3,4,5\n"])
def test_something_else_after_the_last_member_is_an_error(name: str, garbage: bytes) -> None:
    """Nothing is dropped in silence."""
    for size in (1, 1000):
        assert outcome(CODECS[name](TEXT) + garbage, [size]) in {f"{name.upper()}_{end}" for end in ("TRAILING", "CUT")}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("inner", CODECS)
def test_compressed_twice_is_refused(name: str, inner: str) -> None:
    """The message names both."""
    with pytest.raises(ObjectError, match=f"found {inner} inside {name}") as caught:
        plain(CODECS[name](CODECS[inner](TEXT)))
    assert caught.value.code == "NESTED_COMPRESSION"


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_skippable_frames_are_skipped(name: str) -> None:
    """Between frames and after the last; before the first too, where it is zstd."""
    first = SKIPPABLE if name == "zstd" else b""
    data = first + CODECS[name](TEXT) + SKIPPABLE + CODECS[name](TEXT) + SKIPPABLE
    for size in (1, 7, 1000):
        assert plain(data, [size]) == TEXT * 2
        assert outcome(data[:-1], [size]) == f"{name.upper()}_CUT"


@pytest.mark.parametrize("name", CODECS)
def test_bomb_is_decompressed_in_bounded_memory_and_refused_at_the_limit(name: str) -> None:
    """The content comes in pieces of at most PIECE_BYTES, and ends where the config says."""
    member = CODECS[name](bytes(4 << 20))
    tracemalloc.start()
    largest = total = 0
    with pytest.raises(ObjectError) as caught:
        for piece in decompress(itertools.repeat(member), decompressed_bytes_max=40 << 20):
            largest, total = max(largest, len(piece)), total + len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "DECOMPRESSED_TOO_LARGE"
    assert largest <= PIECE_BYTES
    assert (40 << 20) - PIECE_BYTES < total <= 40 << 20
    assert peak < 12 << 20  # of which xz has a dictionary of 8 MB


def test_ratio_is_limited_after_the_first_megabyte() -> None:
    """As many times as allowed is read, one byte more is not; and a small file may be anything."""
    content = bytes(4 * RATIO_FREE_BYTES)
    data = gzip.compress(content)
    ratio = -(-len(content) // len(data))
    assert plain(data, ratio=ratio) == content
    with pytest.raises(ObjectError, match="times as many") as caught:
        plain(data, ratio=ratio - 1)
    assert caught.value.code == "DECOMPRESSED_RATIO"
    assert plain(gzip.compress(bytes(RATIO_FREE_BYTES)), ratio=1) == bytes(RATIO_FREE_BYTES)
    with pytest.raises(ObjectError, match="times as many"):
        plain(gzip.compress(bytes(RATIO_FREE_BYTES + 1)), ratio=1)


def test_header_that_asks_for_memory_is_refused() -> None:
    """xz with a dictionary, zstd with a window, of more than they may have."""
    huge = lzma.compress(TEXT, format=lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    assert outcome(huge) == "XZ_DAMAGED"
    window = b"\x28\xb5\x2f\xfd\x00" + bytes([20 << 3]) + zstd.compress(TEXT)[6:]  # 1 << 30
    assert outcome(window) == "ZSTD_DAMAGED"


def test_many_tiny_members_take_time_in_proportion() -> None:
    """Half a million bytes of empty members would copy gigabytes if each took the rest of its piece along."""
    data = gzip.compress(b"a\n") + gzip.compress(b"") * 20_000
    assert plain(data, [1 << 18]) == b"a\n"


@pytest.mark.parametrize(("name", "module"), [("zstd", "backports"), ("lz4", "lz4.frame"), ("snappy", "cramjam")])
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zstd is in the standard library")
def test_missing_library_names_the_extra(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install stands in the hint."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ObjectError) as caught:
        plain(CODECS[name](TEXT))
    assert caught.value.code == "EXTRA_MISSING"
    assert "headrace[codecs]" in caught.value.hint


@pytest.mark.parametrize("name", CODECS)
def test_random_damage_of_a_larger_file_is_never_other_content(name: str) -> None:
    """Bytes changed, dropped, doubled anywhere in 20 KB."""
    chance = random.Random(5)
    content = bytes(chance.choices(b"abcdefgh,\n", k=20_000))
    data = CODECS[name](content)
    for _ in range(100):
        at = chance.randrange(10, len(data))
        for damaged in (data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :], data[:at] + data[at + 1 :], data[:at] + data[at - 1 :]):
            found = outcome(damaged, [chance.choice([100, 5000, 1 << 20])])
            assert found == content or isinstance(found, str)
