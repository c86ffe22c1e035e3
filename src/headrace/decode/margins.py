"""Lines before and after the records: skipped without a sign."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.record import Block


def without_first_lines(blocks: Iterator[Block], count: int) -> Iterator[Block]:
    """``blocks`` from physical line ``count`` + 1 on."""
    for block in blocks:
        if block.first_line > count:
            yield block
        elif block.first_line + block.line_count > count + 1 and not block.is_cut:
            yield block.part(block.start_of(count + 1), len(block.data), count + 1)


def without_last_lines(blocks: Iterator[Block], count: int, bytes_max: int) -> Iterator[Block]:
    """``blocks`` without their last ``count`` lines that are not blank, and what is after them, as far as these have together ``bytes_max`` bytes at most.

    Blocks that are cut have more than that in their line.
    """
    held: Block | None = None
    for block in blocks:
        if block.is_cut:
            if held:
                yield held
            held = None
            yield block
            continue
        whole = block
        if held:
            whole = Block(held.data + block.data, held.first_line, held.offset, lf_only=block.lf_only, encoding=block.encoding)
        line = _footer_line(whole, count, bytes_max)
        if line > whole.first_line:
            yield whole.part(0, whole.start_of(line), whole.first_line)
        held = whole.part(whole.start_of(line), len(whole.data), line)


def _footer_line(block: Block, count: int, bytes_max: int) -> int:
    """The line of ``block`` with which its last ``count`` lines that are not blank begin, the first if there are not so many."""
    line, found = block.first_line + block.line_count, 0
    while line > block.first_line and found < count and len(block.data) - block.start_of(line - 1) <= bytes_max:
        line -= 1
        found += bool(block.data[block.start_of(line) : block.start_of(line + 1)].strip(b"\r\n"))
    return line
