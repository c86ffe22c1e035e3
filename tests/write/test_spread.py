"""Entries of many partition keys side by side."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.record import Block
from headrace.write.batch import FIRST, IDENTITY, Entry
from headrace.write.spread import BYTES_MAX, ENTRIES_MAX, Spread


def entry(partition: str, line: int, block: Block, size: int = 10) -> Entry:
    return (f'"pk":{{"S":{json.dumps(partition)}}},"sk":{{"N":"{line}"}}', "x" * size, block, line, line)


BLOCK = Block(b"x\n", 1, 0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", 'c},"', 'c},"sk', "c"]), st.booleans()), max_size=60))
def test_entries_of_a_partition_key_come_in_their_order_and_all_of_them_once(steps: list[tuple[str, bool]]) -> None:
    """Whatever is put in and taken out in between, and whatever the keys look like."""
    spread, given_, taken = Spread(), list[Entry](), list[Entry]()
    for line, (partition, takes) in enumerate(steps):
        given_.append(entry(partition, line, Block(b"x\n", line, 0)))
        spread.add(given_[-1])
        if takes:
            taken.append(spread.take())
    while spread:
        taken.append(spread.take())
    assert sorted(taken, key=lambda one: one[FIRST]) == given_
    for partition in {partition for partition, _ in steps}:
        lines = [one[FIRST] for one in taken if json.loads(f"{{{one[IDENTITY]}}}")["pk"]["S"] == partition]
        assert lines == sorted(lines)
    assert (len(spread), spread._bytes, spread._blocks, spread._queues, list(spread._turns)) == (0, 0, {}, {}, [])


def test_partition_keys_take_turns() -> None:
    """Runs of one key come out as one of each."""
    spread = Spread()
    for line in range(12):
        spread.add(entry(str(line // 4), line, BLOCK))
    partitions = [spread.take()[FIRST] // 4 for _ in range(12)]
    assert all(one != other for one, other in pairwise(partitions))


def test_entries_when_too_many_or_too_large_or_of_too_many_blocks_are_full() -> None:
    """A block is kept alive by its last entry: records that are few and far between weigh more than they hold."""
    by_number, by_size, by_blocks = Spread(), Spread(), Spread()
    for line in range(ENTRIES_MAX):
        assert not by_number.is_full
        by_number.add(entry("a", line, BLOCK))
    by_size.add(entry("a", 1, BLOCK, BYTES_MAX))
    data = bytes(262_144)
    for line in range(BYTES_MAX // len(data)):
        assert not by_blocks.is_full
        by_blocks.add(entry("a", line, Block(data, line, 0)))
    assert by_number.is_full
    assert by_size.is_full
    assert by_blocks.is_full
