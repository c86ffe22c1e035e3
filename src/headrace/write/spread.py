"""Entries of many partition keys side by side, so that no partition has to take all the writes of a while."""

from __future__ import annotations

from collections import deque

from headrace.record import Block
from headrace.write.batch import BLOCK, IDENTITY, REQUEST, Entry
from headrace.write.pace import UNIT_CHARACTERS

ENTRIES_MAX = 20_000
BYTES_MAX = 12_582_912
"""Most entries waiting, and most characters of their requests and bytes of the blocks that they keep alive."""


class Spread:
    """Gives the entries of each partition key in the order they came, and those of different ones by turns.

    Files are often sorted by the partition key: then all calls of a while go to one partition, which takes 1,000 units a second (Developer
    Guide, "Designing partition keys to distribute your workload", 2026-11).
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Entry]] = {}  # by partition key, none empty
        self._turns: deque[deque[Entry]] = deque()  # the queues; the first is the next
        self._blocks: dict[Block, int] = {}  # the entries of each
        self._length = 0
        self._bytes = 0
        self.units = 0
        """Write units that the entries will consume, estimated."""

    def __len__(self) -> int:
        return self._length

    @property
    def is_full(self) -> bool:
        """Whether an entry should be taken before one is added."""
        return self._length >= ENTRIES_MAX or self._bytes >= BYTES_MAX

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        partition = entry[IDENTITY].partition('},"')[0]  # within a JSON text the quote would be escaped
        queue = self._queues.get(partition)
        if queue is None:
            queue = self._queues[partition] = deque()
            self._turns.append(queue)
        queue.append(entry)
        self._length += 1
        self.units += len(entry[REQUEST]) // UNIT_CHARACTERS + 1
        self._bytes += len(entry[REQUEST])
        entries = self._blocks.get(entry[BLOCK], 0)
        self._blocks[entry[BLOCK]] = entries + 1
        if not entries:
            self._bytes += len(entry[BLOCK].data)

    def take(self) -> Entry:
        """The next entry. There has to be one."""
        queue = self._turns.popleft()
        entry = queue.popleft()
        if queue:
            self._turns.append(queue)
        else:
            del self._queues[entry[IDENTITY].partition('},"')[0]]
        self._length -= 1
        self.units -= len(entry[REQUEST]) // UNIT_CHARACTERS + 1
        self._bytes -= len(entry[REQUEST])
        self._blocks[entry[BLOCK]] -= 1
        if not self._blocks[entry[BLOCK]]:
            del self._blocks[entry[BLOCK]]
            self._bytes -= len(entry[BLOCK].data)
        return entry
