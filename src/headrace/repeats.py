"""Keys that come again in an object that was cut: the last record in the file wins, as if it had been read from its beginning.

Chunks are loaded in any order, so of two records of one key in two chunks either may be written last. While a chunk is loaded, each
slice keeps the hashes of its keys, sorted. The plan ends with a chunk without records that is worked on when all others are
done (``settling.py``): it merges the hashes, and for those that are in several chunks it writes the record of the last of these once
more. Only what really comes again is read and written twice; a hash that two keys share costs one write in vain. Where a version decides
(``newer_wins``) the last record need not win: then those of all chunks but the first are written once more, in their order.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby

from headrace.account.outcome import Counts
from headrace.errors import RecordError
from headrace.key_lists import ALL
from headrace.load import OpenSink, Sink
from headrace.write.batch import FIRST, IDENTITY, Entry

REPEATS_MAX = 500_000
"""Hashes that are kept in memory and written before more are looked for."""
LOOKED_AT = 10_000
"""After so many different hashes the time is looked at."""
_CHUNK_BITS = 20


class Noting:
    """A sink that notes the hash of the key of each record that the sink of ``open_sink`` took, when it is finished: not of one that it refused."""

    def __init__(self, open_sink: OpenSink, hashes: array[int], counts: Counts, refused: Callable[[Entry, RecordError], None]) -> None:
        def forgotten(entry: Entry, error: RecordError) -> None:
            self._refused[key_hash(entry[IDENTITY])] += 1
            refused(entry, error)

        self._hashes = hashes
        self._unsure = array("Q")
        self._refused = Counter[int]()
        self._sink = open_sink(counts, forgotten)
        self.close = self._sink.close

    def write(self, entries: Sequence[Entry]) -> None:
        self._unsure.extend([key_hash(entry[IDENTITY]) for entry in entries])
        self._sink.write(entries)

    def finish(self) -> None:
        self._sink.finish()
        taken = self._unsure
        if self._refused:
            taken = array("Q", (Counter(taken) - self._refused).elements())
        self._hashes.extend(taken)
        self._unsure, self._refused = array("Q"), Counter()


class Picking:
    """A sink that lets only the keys with these hashes pass, of records before line ``end``; the others count as superseded."""

    def __init__(self, sink: Sink, hashes: set[int], counts: Counts, *, end: float = math.inf) -> None:
        self._sink = sink
        self._wanted = hashes
        self._counts = counts
        self._end = end
        self.finish = sink.finish
        self.close = sink.close

    def write(self, entries: Sequence[Entry]) -> None:
        wanted = [entry for entry in entries if entry[FIRST] < self._end and key_hash(entry[IDENTITY]) in self._wanted]
        self._counts.superseded += len(entries) - len(wanted)
        self._sink.write(wanted)


def key_hash(identity: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big")


def next_repeated(
    chunks: Iterable[tuple[int, Iterator[int]]], *, end: int = ALL, most: int = REPEATS_MAX, is_over: Callable[[], bool], are_all: bool = False
) -> tuple[dict[int, set[int]], int]:
    """By the last chunk they are in, the hashes below ``end`` that are in several chunks; and the hash up to which they were looked for.

    With ``are_all`` by each chunk but the first. That is ``end``, unless ``most`` were found or the time ``is_over`` before. ``chunks`` are
    the numbers of chunks and their hashes in order.
    """
    found: dict[int, set[int]] = {}
    count = 0
    merged = groupby(heapq.merge(*[_marked(number, hashes) for number, hashes in chunks]), key=_value)
    for looked_at, (value, group) in enumerate(merged):
        if value >= end:
            break
        if count >= most or (looked_at and looked_at % LOOKED_AT == 0 and is_over()):
            return found, value
        _, *later = sorted({marked & ((1 << _CHUNK_BITS) - 1) for marked in group})
        for number in later if are_all else later[-1:]:
            found.setdefault(number, set()).add(value)
            count += 1
    return found, end


def _marked(number: int, hashes: Iterator[int]) -> Iterator[int]:
    return (value << _CHUNK_BITS | number for value in hashes)


def _value(marked: int) -> int:
    return marked >> _CHUNK_BITS
