"""gzip content: everything in it, or an error; never something else."""

from __future__ import annotations

import gzip
import itertools
import random
import tracemalloc
import zlib
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.errors import ObjectError
from headrace.read.decompress import PIECE_BYTES, decompress
from headrace.read.signature import compression_of, format_of

TEXT = b"id,name\n1,one\n2,two\n"


def plain(data: bytes, sizes: Sequence[int] = (1 << 20,), limit: int = 1 << 30) -> bytes:
    return b"".join(decompress(pieces(data, sizes), decompressed_bytes_max=limit))


def outcome(data: bytes, sizes: Sequence[int] = (1 << 20,)) -> bytes | str:
    """The content, or the code of the error."""
    try:
        return plain(data, sizes)
    except ObjectError as error:
        return error.code


members = st.lists(st.binary(max_size=40) | st.just(b"") | st.just(b"x" * (2 * PIECE_BYTES)), min_size=1, max_size=4)
members = members.filter(lambda contents: not compression_of(b"".join(contents)) and not format_of(b"".join(contents)))


@given(members, piece_sizes | st.just([1 << 20]), st.integers(0, 9), st.sampled_from([0, 1, 9]))
def test_gzip_of_several_members_is_all_their_content(contents: list[bytes], sizes: Sequence[int], level: int, padding: int) -> None:
    """Empty members and zero padding at the end included, for any pieces."""
    data = b"".join(gzip.compress(content, level) for content in contents) + b"\0" * padding
    if len(data) > 10_000:
        sizes = [997]
    assert plain(data, sizes) == b"".join(contents)


@given(st.binary(max_size=200).filter(lambda data: not compression_of(data)), piece_sizes)
def test_plain_content_comes_as_it_is(data: bytes, sizes: Sequence[int]) -> None:
    """What is neither compressed nor another format is text, to be judged by the decoder."""
    assert outcome(data, sizes) in (data, "FORMAT_UNEXPECTED")


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_gzip_cut_at_any_byte_is_an_error_unless_a_member_ends_there(size: int) -> None:
    """An end at a member's end is a whole gzip file; the object's own length is checked before."""
    first, second = gzip.compress(TEXT), gzip.compress(TEXT[::-1])
    data = first + second
    for at in range(1, len(data)):
        assert outcome(data[:at], [size]) == (TEXT if at == len(first) else "GZIP_CUT")
    assert outcome(data, [size]) == TEXT + TEXT[::-1]


@pytest.mark.parametrize("size", [3, 1000])
def test_gzip_with_a_damaged_byte_is_an_error_or_the_same_content(size: int) -> None:
    """Each byte, each of its bits: the checksum finds what deflate does not. Header fields such as the time change nothing."""
    data = gzip.compress(TEXT, mtime=1) + gzip.compress(b"", mtime=1)
    for at, bit in itertools.product(range(2, len(data)), range(8)):
        damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        assert outcome(damaged, [size]) in (TEXT, "GZIP_DAMAGED", "GZIP_CUT", "GZIP_TRAILING")


@pytest.mark.parametrize("garbage", [b"x", b"\0x", b"\x1f\x8c", b"1,2\n", b"\x1f"])
def test_gzip_with_something_after_it_is_an_error(garbage: bytes) -> None:
    """A concatenation with something else has lost its meaning; nothing of it is dropped in silence."""
    for size in (1, 1000):
        assert outcome(gzip.compress(TEXT) + garbage, [size]) in ("GZIP_TRAILING", "GZIP_DAMAGED", "GZIP_CUT")


def test_gzip_with_wrong_length_or_checksum_is_an_error() -> None:
    """Also where all data could be inflated."""
    data = gzip.compress(TEXT)
    for tail in (data[:-8] + zlib.crc32(b"").to_bytes(4, "little") + data[-4:], data[:-4] + b"\1\0\0\0"):
        assert outcome(tail) == "GZIP_DAMAGED"


def test_bomb_is_inflated_in_bounded_memory_and_refused_at_the_limit() -> None:
    """1:1000: the content comes in pieces, and ends where the config says."""
    squeezer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(squeezer.compress(bytes(1 << 20)) for _ in range(200)), squeezer.flush()])
    assert len(bomb) < (200 << 20) / 1000
    tracemalloc.start()
    largest = total = 0
    with pytest.raises(ObjectError, match="104857600 bytes after decompression") as caught:
        for piece in decompress(iter([bomb]), decompressed_bytes_max=100 << 20):
            largest, total = max(largest, len(piece)), total + len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "DECOMPRESSED_TOO_LARGE"
    assert largest == PIECE_BYTES
    assert (100 << 20) - PIECE_BYTES < total <= 100 << 20
    assert peak < 4 << 20


def test_limit_counts_the_bytes_after_decompression() -> None:
    """Exactly the limit is read, plain or not; one more is refused."""
    for data in (TEXT, gzip.compress(TEXT)):
        assert plain(data, limit=len(TEXT)) == TEXT
        with pytest.raises(ObjectError):
            plain(data, limit=len(TEXT) - 1)


CONTAINERS = {
    "Parquet": b"PAR1\x15\x04\x15\x10",
    "Avro": b"Obj\x01\x04\x14avro",
    "ORC": b"ORC\x0a\x05abc\x00",
    "binary Ion": b"\xe0\x01\x00\xea\xee",
    "Excel": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml",
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_other_format_is_refused_by_its_name(name: str) -> None:
    """It is never read as text."""
    for size in (1, 1000):
        for data in (CONTAINERS[name], gzip.compress(CONTAINERS[name])):
            with pytest.raises(ObjectError, match=name) as caught:
                plain(data, [size])
            assert caught.value.code == "FORMAT_UNEXPECTED"


@pytest.mark.parametrize("text", [b"ORCID,name\n0000-0001,x\n", b"PAR1,PAR2\n1,2\n", b"BZh,b\n", b"PK,SK\n1,2\n", b"Object,b\n", b"ORC"])
def test_text_that_begins_like_a_container_is_text(text: bytes) -> None:
    """A header may well begin with ORC."""
    assert plain(text, [2]) == text


def test_random_corruption_of_a_larger_file_is_never_other_content() -> None:
    """Bytes changed, dropped, doubled anywhere in 100 KB."""
    chance = random.Random(5)
    content = bytes(chance.choices(b"abcdefgh,\n", k=100_000))
    data = gzip.compress(content)

    def damaged() -> Iterable[bytes]:
        at = chance.randrange(10, len(data))
        yield data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        yield data[:at] + data[at + 1 :]
        yield data[:at] + data[at - 1 :]

    for sample in itertools.chain.from_iterable(damaged() for _ in range(60)):
        found = outcome(sample, [chance.choice([100, 5000, 1 << 20])])
        assert found == content or isinstance(found, str)
