"""What is known of one line of an object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from headrace.cli import render
from headrace.cli.ledger_access import LedgerAccess
from headrace.cli.ledger_view import ENDS, rejected_replay
from headrace.ledger.entries import Chunk, Generation
from headrace.ports import SystemClock
from headrace.rejected import Kept, kept_records

Answer = Literal["rejected", "written", "not rejected", "not read", "not known"]


@dataclass(frozen=True)
class Story:
    """``answer`` about ``line``, and what it is known from. ``reason`` says it in a sentence."""

    line: int
    answer: Answer
    reason: str
    generation: Generation
    chunk: Chunk
    record: Kept | None = None
    replay: Story | None = None

    def document(self) -> dict[str, Any]:
        """As data."""
        return {
            "line": self.line,
            "answer": self.answer,
            "reason": self.reason,
            "key": self.generation.key,
            "generation": self.generation.id,
            "state": self.generation.state,
            "chunk": self.chunk.number,
            "chunk_counts": dict(self.chunk.counts),
            "record": dict(self.record.fields) if self.record else None,
            "replay": self.replay.document() if self.replay else None,
        }


def show_story(story: Story) -> None:
    """For people."""
    console = render.stdout()
    render.line(console, f"line {story.line} of {story.generation.key}: {story.answer}", style="bold")
    render.line(console, f"  {story.reason}")
    if story.record:
        fields = story.record.fields
        text = str(fields["raw"]).rstrip("\r\n") if "raw" in fields else f"in base64: {fields['raw_base64']}"
        render.line(console, "  the record: " + render.printable(text))
    if story.replay:
        render.line(console, f"  replayed as {story.replay.generation.id}: {story.replay.answer}; {story.replay.reason}", style="cyan")


def line_story(access: LedgerAccess, generation: Generation, line: int) -> Story:
    """What became of the record that stands on ``line`` (1-based). Of a replay of rejected records, what the first load made of it."""
    while generation.records == "rejected" and generation.replay_of and (before := access.ledger.generation(generation.replay_of)):
        generation = before
    return _story(access, generation, line)


def _story(access: LedgerAccess, generation: Generation, line: int) -> Story:
    record, last_lines, more_lines = None, dict[int, int](), Counter[int]()  # of rejected records, by chunk: all lines before the last were read
    for each in kept_records(access.ledger, generation, access.aws.objects(), SystemClock()):
        last_lines[each.chunk] = max(last_lines.get(each.chunk, 0), int(each.fields["line"]))
        more_lines[each.chunk] += _line_count(each) - 1
        record = record or (each if _holds(each, line) else None)
    chunk = _chunk_of(access, generation, line, record)
    if record:
        replay = rejected_replay(access.ledger, generation) if record.is_replayable else None
        reason = f"{record.fields['code']}: {record.fields['message']} (byte {record.fields['byte_offset']})"
        return Story(line, "rejected", reason, generation, chunk, record, _story(access, replay, line) if replay else None)
    is_passed = line < last_lines.get(chunk.number, 0)
    least_lines = int(chunk.counts.get("read", 0)) + more_lines[chunk.number]
    answer, reason = _unrejected(generation, chunk, line, is_passed=is_passed, is_there=is_passed or line <= chunk.first_line + least_lines)
    return Story(line, answer, reason, generation, chunk)


def _holds(record: Kept, line: int) -> bool:
    first = int(record.fields["line"])
    return first <= line < first + _line_count(record)


def _line_count(record: Kept) -> int:
    return max(1, len(record.raw.splitlines()))


def _chunk_of(access: LedgerAccess, generation: Generation, line: int, record: Kept | None) -> Chunk:
    """The chunk with the line: chunks are in the order of their lines. All of a replay is in its first."""
    found = Chunk(0)
    for each in (chunk for chunk in access.ledger.chunks(generation.id) if chunk.work == "load"):
        if (each.number == record.chunk) if record else (0 < each.first_line <= line and generation.records == "all") or each.number == 0:
            found = each
    return found


def _unrejected(generation: Generation, chunk: Chunk, line: int, *, is_passed: bool, is_there: bool) -> tuple[Answer, str]:
    """The answer about a line that is none of the rejected ones. ``is_passed``: a later one of the chunk was read; ``is_there``: the records
    reach to it, each on a line at least, after a header."""
    counts = ", ".join(f"{name} {int(chunk.counts.get(name, 0)):,}" for name in ("read", *ENDS))
    is_replay = generation.records == "rejected"
    where = f"all records of the replay: {counts}" if is_replay else f"chunk {chunk.number}, from line {chunk.first_line:,} on: {counts}"
    is_whole = chunk.state == "DONE" and not chunk.is_partial
    is_before_checkpoint = chunk.line is not None and line < chunk.line
    if is_whole or (not is_replay and (is_passed or is_before_checkpoint)):
        if chunk.counts.get("filtered") or chunk.counts.get("superseded"):
            return "not rejected", f"it was written, filtered, or superseded by a later record of its key; the ledger does not keep which ({where})"
        if not (is_replay or is_there or is_before_checkpoint):
            behind = "it lies behind the records, unless some of them take several lines or lines are empty; if one stands there"
            return "not rejected", f"{behind}, it is in table {generation.table} ({where})"
        return "written", f"it was read and is not among the rejected records; if a record stands there, it is in table {generation.table} ({where})"
    if chunk.is_partial and chunk.line is not None:
        return "not read", f"{generation.state}: reading stopped before line {chunk.line:,}, at the limit of rejected records ({where})"
    if chunk.counts.get("read"):
        return "not known", f"{generation.state}: reading stopped in this part, and how far it came is not kept ({where})"
    return "not read", f"{generation.state}: nothing of this part is loaded ({where})"
