"""The batcher's rules, for any order of events."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headrace.record import Block
from headrace.write.batch import CHARACTERS_MAX, FIRST, IDENTITY, ITEMS_MAX, REPLACED_MAX, REQUEST, Batcher, Entry

BLOCK = Block(b"x\n", 1, 0)


def entry(key: int, line: int, size: int = 10) -> Entry:
    return (f"k{key}", "x" * size, BLOCK, line, line)


class BatcherMachine(RuleBasedStateMachine):
    """Adds, takes, acknowledges and refuses in any order, and compares with what a table would see one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher = Batcher()
        self.line = 0
        self.added = self.superseded = self.released = self.refused = 0
        self.flying: list[Entry] = []
        self.done: dict[str, int] = {}  # the last line that is in the table, by key
        self.pending: dict[str, list[int]] = {}  # lines without an end, by key, oldest first

    @rule(key=st.integers(0, 6), size=st.sampled_from([10, 10, 10, CHARACTERS_MAX // 3]))
    def add(self, key: int, size: int) -> None:
        self.line += 1
        self.superseded += self.batcher.add(entry(key, self.line, size))
        self.added += 1
        self.pending.setdefault(f"k{key}", []).append(self.line)

    @rule(keys=st.lists(st.integers(0, 60), max_size=40), size=st.sampled_from([10, 10, CHARACTERS_MAX // 30]))
    def fill(self, keys: list[int], size: int) -> None:
        """As the same entries one by one do, until a batch is full."""
        first = self.line + 1
        entries = [entry(key, line, size) for line, key in enumerate(keys, first)]
        end = 0
        while end < len(entries) and not self.batcher.is_full:
            begin = end
            end, superseded = self.batcher.fill(entries, begin)
            assert end > begin
            self.superseded += superseded
        self.line += end
        self.added += end
        for taken in entries[:end]:
            self.pending.setdefault(taken[IDENTITY], []).append(taken[FIRST])

    @rule()
    def take(self) -> None:
        batch = self.batcher.take()
        keys = [taken[IDENTITY] for taken in [*batch, *self.flying]]
        assert len(set(keys)) == len(keys), "a key is in flight twice"
        assert len(batch) <= ITEMS_MAX
        assert sum(len(taken[REQUEST]) for taken in batch[:-1]) < 2 * CHARACTERS_MAX
        self.flying += batch

    @precondition(lambda self: self.flying)
    @rule(at=st.integers(0, 100))
    def release(self, at: int) -> None:
        landed = self.flying.pop(at % len(self.flying))
        self.batcher.release([landed])
        self.released += 1
        assert landed[FIRST] > self.done.get(landed[IDENTITY], 0), "an older record replaced a newer one"
        self.done[landed[IDENTITY]] = landed[FIRST]
        self.pending[landed[IDENTITY]] = [line for line in self.pending[landed[IDENTITY]] if line > landed[FIRST]]

    @precondition(lambda self: self.flying)
    @rule(at=st.integers(0, 100))
    def refuse(self, at: int) -> None:
        landed = self.flying.pop(at % len(self.flying))
        self.superseded += self.batcher.refuse(landed)
        self.refused += 1
        self.pending[landed[IDENTITY]].remove(landed[FIRST])

    @invariant()
    def every_entry_is_accounted_for(self) -> None:
        assert self.added == self.superseded + self.released + self.refused + len(self.flying) + len(self.batcher)
        assert self.batcher.kept >= 0
        assert self.batcher.kept_characters >= 0

    def teardown(self) -> None:
        while len(self.batcher) or self.flying:
            self.take()
            assert self.flying, "entries wait for nothing"
            self.release(0)
        assert (self.batcher.kept, self.batcher.kept_characters, self.batcher.is_full) == (0, 0, False)
        assert not any(self.pending.values()), "the last record of a key was never sent"


BatcherMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestBatcher = BatcherMachine.TestCase


def test_batcher_is_full_by_number_by_size_and_by_what_was_replaced() -> None:
    """25 items, a megabyte, or 250 replaced entries: then a batch is to be taken."""
    by_number, by_size, by_replaced = Batcher(), Batcher(), Batcher()
    for line in range(ITEMS_MAX):
        assert not by_number.is_full
        by_number.add(entry(line, line))
    for line in range(3):
        assert not by_size.is_full
        by_size.add(entry(line, line, CHARACTERS_MAX // 3 + 1))
    for line in range(REPLACED_MAX + 1):
        assert not by_replaced.is_full
        by_replaced.add(entry(1, line))
    for batcher, taken in ((by_number, ITEMS_MAX), (by_size, 2), (by_replaced, 1)):
        assert batcher.is_full
        assert len(batcher.take()) == taken
        assert not batcher.is_full
    assert by_replaced.kept == REPLACED_MAX


def test_order_of_a_batch_is_that_of_the_file() -> None:
    """A key that came again takes the place of its last record."""
    batcher = Batcher()
    for line, key in enumerate([1, 2, 3, 1]):
        batcher.add(entry(key, line))
    assert [taken[IDENTITY] for taken in batcher.take()] == ["k2", "k3", "k1"]
