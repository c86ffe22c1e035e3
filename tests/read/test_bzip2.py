"""Blocks of bzip2: each is noted where it begins, and reading on from it gives what a read from the beginning gives."""

from __future__ import annotations

import bz2
import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.errors import ObjectError
from headrace.read import bzip2
from headrace.read.bzip2 import BLOCK, END, HEADER, Magic, magic_in
from headrace.read.decompress import Member, decompress, from_member
from headrace.read.signature import compression_of
from read.bzip2_streams import stream_of

texts = st.binary(max_size=40) | st.builds(lambda byte, count: byte * count, st.sampled_from([b"a", b"\0", b"ab"]), st.integers(1, 700))
streams = st.lists(st.lists(texts, max_size=6), min_size=1, max_size=4).map(lambda drawn: [[b"a,b\n"], *drawn])
"""The first so that what comes out looks like no other container."""


def noted(data: bytes, sizes: Sequence[int] = (1 << 18,)) -> tuple[bytes, list[Member]]:
    """The content and the members."""
    members: list[Member] = []
    return b"".join(decompress(pieces(data, sizes), decompressed_bytes_max=1 << 30, note=members.append)), members


def from_each(data: bytes, members: Sequence[Member], sizes: Sequence[int] = (1 << 18,)) -> list[bytes]:
    return [b"".join(from_member(pieces(data[member.stored :], sizes), member.stored)) for member in members]


def begins(drawn: Sequence[Sequence[bytes]]) -> list[int]:
    """Where, in the content, each stream begins, and each of its blocks but the first."""
    found, at = [], 0
    for blocks in drawn:
        ends = list(itertools.accumulate(map(len, filter(None, blocks)), initial=at))
        found += [at, *ends[1:-1]]
        at = ends[-1]
    return found


@settings(max_examples=150, deadline=None)
@given(drawn=streams, sizes=piece_sizes | st.just([1 << 18]))
def test_each_block_is_noted_and_can_be_begun_at(drawn: list[list[bytes]], sizes: Sequence[int]) -> None:
    """At any bit, in any stream, with empty streams between, for any pieces."""
    data, content = b"".join(map(stream_of, drawn)), b"".join(map(b"".join, drawn))
    found, members = noted(data, sizes)
    assert (found, bz2.decompress(data)) == (content, content)
    assert [member.content for member in members] == begins(drawn)
    assert from_each(data, members, sizes) == [content[member.content :] for member in members]


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("count", [1, 2])
def test_blocks_of_the_compressor_are_noted(level: int, count: int) -> None:
    """Text, long runs that become 46 times as short before they are a block, and bytes of no order."""
    chance = random.Random(level)
    content = b"".join(b"%d,%d\n" % (line, chance.randrange(1 << 40)) for line in range(30_000)) + bytes(9 << 20) + chance.randbytes(500_000)
    data = bz2.compress(content, level) * count
    found, members = noted(data)
    assert found == content * count
    assert len(members) > count * 12 // level
    chosen = members[:2] + members[-2:] + chance.sample(members, 2)
    assert from_each(data, chosen) == [found[member.content :] for member in chosen]


@settings(max_examples=100, deadline=None)
@given(drawn=streams, chances=st.lists(st.tuples(st.integers(0, 400), st.sampled_from([BLOCK, END]), st.integers(0, 7)), max_size=20))
def test_bits_inside_a_block_that_look_like_a_beginning_are_none(drawn: list[list[bytes]], chances: list[tuple[int, int, int]]) -> None:
    """Whoever makes them can choose them. Where a real one begins two bytes later there is none, and none in the header of a stream: the two would overlap."""
    each = [stream_of(blocks) for blocks in drawn]
    data, ends = b"".join(each), itertools.accumulate(map(len, each), initial=0)
    _, expected = noted(data)
    taken = {end + byte for end in ends for byte in range(len(HEADER))}
    for at in range(len(data)):
        if (magic := magic_in(data[: at + 8], at)) and magic.at == at:
            taken |= {at - 2, at - 1, at}
    false = {data[at : at + 8]: Magic(bits, at, skipped) for at, bits, skipped in chances if at + 8 <= len(data) and at not in taken}

    def mistaken(text: bytes, begin: int = 0) -> Magic | None:
        found = magic_in(text, begin)
        end = found.at if found else len(text)
        for at in range(begin, end):
            if (one := false.get(text[at : at + 8])) and data.count(text[at : at + 8]) == 1:
                return one._replace(at=at)
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bzip2, "magic_in", mistaken)
        found, members = noted(data)
    assert (found, members) == (bz2.decompress(data), expected)


def test_bits_of_a_beginning_overlap_those_of_the_next_in_three_bits_at_most() -> None:
    """So what looks like one and ends where a real one begins, has begun bytes before the block's end; none begins in a header, which has 32 bits."""
    pairs = itertools.product((BLOCK, END), repeat=2)
    assert max(bits for one, other in pairs for bits in range(1, 48) if one & (1 << bits) - 1 == other >> 48 - bits) == 3


def test_beginning_of_a_block_is_no_signature_of_other_compression() -> None:
    """It is by its own bits that reading on from it is told."""
    for skipped, before, after in itertools.product(range(8), range(256), (0, 255)):
        bits = (before << 48 | BLOCK) << 8 | after
        data = (bits << 8 - skipped).to_bytes(9, "big")[1:]
        assert (compression_of(data), magic_in(data)) == ("", Magic(BLOCK, 0, skipped))


def test_damaged_or_cut_stream_is_an_error_also_where_blocks_are_noted() -> None:
    """Each byte after the signature; and each length."""
    data = stream_of([b"a,b\n", b"1,2\n" * 9, b"3,4\n"])
    for at in range(10, len(data)):
        with pytest.raises(ObjectError, match=r"damaged|middle"):
            noted(data[:at], [7])
        try:
            assert noted(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :], [7])[0] == bz2.decompress(data)  # bits that nobody looks at
        except ObjectError as error:
            assert error.code in ("BZIP2_DAMAGED", "BZIP2_CUT")


def test_block_that_is_damaged_is_an_error_for_who_begins_before_it() -> None:
    """Its own checksum is compared."""
    data = stream_of([b"a,b\n", b"1,2\n" * 9, b"3,4\n" * 9, b"5,6\n"])
    _, members = noted(data)
    at = members[2].stored + 8  # the CRC
    damaged = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
    for member in members[1:3]:
        with pytest.raises(ObjectError, match="damaged"):
            from_each(damaged, [member])
    assert from_each(damaged, members[3:]) == [b"5,6\n"]
