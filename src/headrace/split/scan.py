"""Where the records of an object begin, found block by block in any order, without knowing what came before a block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from headrace.record import Start
from headrace.split.automaton import ERROR, START, Automaton, Dialect, automaton_of, is_malformed_at_end, pending

CHUNKS_MAX = 250
"""In one block: at most 15 passages of so many places are less than 160 KB of JSON, which a ledger item (400 KB) and a message hold."""


class Passage(NamedTuple):
    """What a block does to a reader that comes to it in one state. Lines are counted from the block's start, 0-based.

    ``cuts`` are the first record starts at or after each multiple of the scan's ``chunk_bytes``, and the first of all. ``unended`` is the
    first record that is malformed and longer than may be kept: reading stops there, nobody knows what the bytes after it are.
    """

    end: str
    lines: int
    cuts: tuple[Start, ...] = ()
    last: Start | None = None  # the last record start
    is_malformed: bool = False  # the record that went on when the block began, and that ended in the block
    unended: Start | None = None

    def then(self, following: Passage, scale: Scale) -> Passage:
        """This passage and the one that a reader takes through the next block, given its state after this one."""
        cuts = tuple(_shifted(cut, self.lines) for cut in following.cuts)
        unended = self.unended
        if cuts and following.is_malformed and self.last and cuts[0].byte_offset - self.last.byte_offset > scale.record_bytes_max:
            unended = unended or self.last
        if following.unended:
            unended = unended or _shifted(following.unended, self.lines)
        last = _shifted(following.last, self.lines) if following.last else self.last
        is_malformed = self.is_malformed if self.cuts else following.is_malformed
        if cuts and self.cuts and scale.is_same_chunk(self.cuts[-1], cuts[0]):
            cuts = cuts[1:]
        return Passage(following.end, self.lines + following.lines, self.cuts + cuts, last, is_malformed, unended)


class Scale(NamedTuple):
    """The sizes that matter to a scan."""

    chunk_bytes: int
    record_bytes_max: int

    def next_multiple(self, offset: int) -> int:
        return (offset // self.chunk_bytes + 1) * self.chunk_bytes

    def is_same_chunk(self, one: Start, other: Start) -> bool:
        return one.byte_offset // self.chunk_bytes == other.byte_offset // self.chunk_bytes


@dataclass(frozen=True)
class BlockScan:
    """What the bytes from ``begin`` to ``end`` of an object do to a reader, for each state in which it may come to them."""

    begin: int
    end: int
    scale: Scale
    passages: dict[str, Passage]

    def as_json(self) -> dict[str, Any]:
        """Less than 160 KB of JSON; passages that are the same are there once."""
        distinct = list(dict.fromkeys(self.passages.values()))
        states = {state: distinct.index(passage) for state, passage in self.passages.items()}
        return {"begin": self.begin, "end": self.end, "scale": self.scale, "states": states, "passages": distinct}

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> BlockScan:
        passages = [_passage(fields) for fields in members["passages"]]
        return cls(members["begin"], members["end"], Scale(*members["scale"]), {state: passages[at] for state, at in members["states"].items()})


class Cuts(NamedTuple):
    """Where the chunks of an object start, each at a record's start and ending where the next starts, the last at the object's end.

    ``unended`` is a record that reading cannot get past (RECORD_UNENDED): it is in the last chunk, nothing after it is cut.
    """

    starts: list[Start]
    unended: Start | None


def scan(pieces: Iterable[bytes], begin: int, *, dialect: Dialect, chunk_bytes: int, before: BlockScan | None = None) -> BlockScan:
    """The block that ``pieces`` (of any sizes; in memory one at a time) are, beginning at byte ``begin`` of the object.

    With ``before``, the scan of the block's first bytes, the pieces are those that follow it. A byte order mark is no part of any block.
    Raises ValueError if the block holds more than CHUNKS_MAX chunks.
    """
    automaton, scale = automaton_of(dialect), Scale(chunk_bytes, dialect.record_bytes_max)
    passages, at = (before.passages, before.end) if before else ({state: Passage(state, 0) for state in automaton.states}, begin)
    for piece in pieces:
        if at + len(piece) - begin > CHUNKS_MAX * chunk_bytes:
            raise ValueError(f"found a block from byte {begin} on with more than {CHUNKS_MAX} chunks of {chunk_bytes} bytes: scan smaller blocks")
        if piece:
            stretch = _Stretch(piece, at, automaton, scale)
            following = {state: stretch.passage(state) for state in {passage.end for passage in passages.values()}}
            passages = {state: passage.then(following[passage.end], scale) for state, passage in passages.items()}
            at += len(piece)
    return BlockScan(begin, at, scale, passages)


def compose(scans: Iterable[BlockScan], *, first: Start, size: int) -> Cuts:
    """The chunks of an object of ``size`` bytes whose first record begins at ``first``, from the scans of all bytes after that, in order.

    Raises ValueError if a scan is missing, or is one of other sizes.
    """
    passage, starts, at, scale = Passage(START, first.line, (first,), first), [first], first.byte_offset, None
    for block in scans:
        scale = scale or block.scale
        if block.begin != at or block.scale != scale:
            raise ValueError(f"found a scan from byte {block.begin} with {block.scale}, expected one from byte {at} with {scale}")
        at = block.end
        passage = passage.then(block.passages[passage.end], scale)
        starts += passage.cuts[1:]
        passage = passage._replace(cuts=passage.cuts[-1:])
    if at != size:
        raise ValueError(f"found scans up to byte {at}, expected up to the end of the object at {size}")
    unended, last = passage.unended, passage.last or first
    if scale and not unended and is_malformed_at_end(passage.end) and size - last.byte_offset > scale.record_bytes_max:
        unended = last
    until = unended.byte_offset + 1 if unended else size
    return Cuts([first, *(start for start in starts[1:] if start.byte_offset < until)], unended)


class _Stretch:
    """Some bytes of a block, and the passages through them; readers that come together go on as one."""

    def __init__(self, data: bytes, offset: int, automaton: Automaton, scale: Scale) -> None:
        self._data = data
        self._offset = offset
        self._automaton = automaton
        self._scale = scale
        self._has_cr = automaton.is_cr_line_end and b"\r" in data
        self._decided = len(data) - (self._has_cr and data.endswith(b"\r"))  # a CR at the end may be half of a CRLF
        self._lines = self._count(0, self._decided)
        self._tails: dict[int, Passage] = {}

    def passage(self, state: str) -> Passage:
        """The passage from ``state``."""
        begun = pending(state)
        text = begun + self._data if begun else self._data
        end, after = self._automaton.record_end(text, 0, state.partition("+")[0])
        more = int(begun == b"\r" and not self._data.startswith(b"\n"))  # a line end that was counted nowhere yet
        if end is None:
            return Passage(after, self._lines + more)
        at = end - len(begun)
        tail = self._tails.get(at) or self._tails.setdefault(at, self._tail(at))
        return Passage("", more).then(tail._replace(is_malformed=after == ERROR), self._scale)

    def _tail(self, at: int) -> Passage:
        """The passage from position ``at`` on, where a record starts."""
        cuts, unended = [self._start(at)], None
        while True:
            target = self._scale.next_multiple(self._offset + at) - self._offset
            at = self._automaton.leap(self._data, at, min(target, len(self._data), at + self._scale.record_bytes_max))
            if at < target:
                end, state = self._automaton.record_end(self._data, at, START)
                if end is None:
                    last = Start(self._offset + at, self._lines - self._count(at, self._decided))
                    return Passage(state, self._lines, tuple(cuts), last, unended=unended)
                if state == ERROR and end - at > self._scale.record_bytes_max and not unended:
                    unended = self._start(at)
                at = end
            if at >= target:
                cuts.append(self._start(at))

    def _start(self, at: int) -> Start:
        return Start(self._offset + at, self._count(0, at))

    def _count(self, at: int, end: int) -> int:
        """The line ends between two positions."""
        line_ends = self._data.count(b"\n", at, end)
        if self._has_cr:
            line_ends += self._data.count(b"\r", at, end) - self._data.count(b"\r\n", at, end)
        return line_ends


def _shifted(start: Start, lines: int) -> Start:
    return Start(start.byte_offset, start.line + lines)


def _passage(fields: list[Any]) -> Passage:
    end, lines, cuts, last, is_malformed, unended = fields
    return Passage(end, lines, tuple(Start(*cut) for cut in cuts), Start(*last) if last else None, is_malformed, Start(*unended) if unended else None)
