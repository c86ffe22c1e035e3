"""Blocks of lines: complete, in order, bounded."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import piece_sizes, pieces
from headrace.decode.lines import line_blocks
from headrace.record import Block, Start

texts = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"x" * 12]), max_size=30).map(b"".join)


@given(texts, piece_sizes, st.integers(1, 20), st.booleans(), st.booleans())
@example(b"a\nbb\rccccccc\n", [13], 5, False, False)
@example(b"xxxxxxxx\r", [1], 3, False, False)
def test_blocks_hold_all_bytes_at_their_offsets_with_the_right_lines(data: bytes, sizes: Sequence[int], limit: int, lf_only: bool, has_bom: bool) -> None:
    """Whatever the pieces: nothing is left out, each block but the parts of long lines ends where a line ends, no line end is cut."""
    bom = b"\xef\xbb\xbf" if has_bom else b""
    at, line = len(bom), 1
    for block in line_blocks(pieces(bom + data, sizes), line_bytes_max=limit, lf_only=lf_only):
        assert block.data
        assert (block.offset, block.first_line) == (at, line)
        at += len(block.data)
        before = (bom + data)[len(bom) : at]
        line = 1 + (before.count(b"\n") if lf_only else len((before + b"x").splitlines()) - 1)
        is_line_end = before.endswith(b"\n") or (not lf_only and before.endswith(b"\r") and not data.startswith(b"\n", at - len(bom)))
        assert is_line_end or block.is_cut or before == data
        assert not (before.endswith(b"\r") and data.startswith(b"\n", at - len(bom)) and not lf_only)
        assert len(block.data) <= max(limit + 1, 4) + max(sizes)
        if not block.is_cut:
            assert block.line_count == line - block.first_line + (not is_line_end)
            starts = [block.start_of(number) for number in range(block.first_line, block.first_line + block.line_count + 1)]
            ends = block.data.split(b"\n") if lf_only else block.data.splitlines()
            texts_of = [block.data[start:end].rstrip(b"\n" if lf_only else b"\r\n") for start, end in itertools.pairwise(starts)]
            assert texts_of == [text.rstrip(b"\n" if lf_only else b"\r\n") for text in ends][: block.line_count]
    assert at == len(bom + data)


@given(texts, piece_sizes, st.booleans(), st.data())
def test_blocks_from_a_line_start_are_those_of_the_whole(data: bytes, sizes: Sequence[int], lf_only: bool, choice: st.DataObject) -> None:
    """Reading may begin at any line with its number: each byte has the offset and the line that a read from the beginning gives it. A BOM there is text."""
    data += b"\n\xef\xbb\xbfa\n"
    ends = [at for at in range(1, len(data)) if data[at - 1 : at] == b"\n" or (not lf_only and data[at - 1 : at] == b"\r" and data[at : at + 1] != b"\n")]
    offset = choice.draw(st.sampled_from(ends))
    line = 1 + (data[:offset].count(b"\n") if lf_only else len(data[:offset].splitlines()))
    whole = [(start, text) for start, text in lines_of(line_blocks(iter([data]), line_bytes_max=len(data), lf_only=lf_only)) if start.byte_offset >= offset]
    blocks = line_blocks(pieces(data[offset:], sizes), line_bytes_max=len(data), lf_only=lf_only, start=Start(offset, line))
    assert lines_of(blocks) == whole


def lines_of(blocks: Iterable[Block]) -> list[tuple[Start, bytes]]:
    """Each line with its place."""
    found = []
    for block in blocks:
        for line in range(block.first_line, block.first_line + block.line_count):
            at, end = block.start_of(line), block.start_of(line + 1)
            found.append((Start(block.offset + at, line), block.data[at:end]))
    return found
