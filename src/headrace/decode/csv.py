"""CSV, TSV and their dialects: RFC 4180 unless the route says otherwise, read by Python's csv module, every record with its place."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator

from headrace.decode.dialect import EXTRA, Decoded, Dialect, Ragged, padded
from headrace.decode.limits import field_too_large, too_large
from headrace.decode.lines import end_of_line
from headrace.decode.record_end import QuotingError, RecordEnd
from headrace.errors import ObjectError, RecordError
from headrace.record import Block, Origin, Rejection

FIELD_CHARACTERS_MAX = 2**31 - 1
"""For the csv module, whose limit belongs to the whole process: records are limited here, in bytes, before it matters."""


class CsvDecoder:
    """Iterates over the records after the header. Blank lines and comments are no records.

    ``header`` is None for an object without any record (empty, or blank lines only) and no declared header. A record that is not
    well-formed comes as a Rejection (CSV_QUOTING) and reading goes on at the next physical line; one that is longer than
    ``record_bytes_max`` comes as a Rejection (RECORD_TOO_LARGE, with its first bytes) and reading goes on after its end. A record
    that is both has no end to be relied on: raises ObjectError RECORD_UNENDED. What is rejected does not depend on the sizes of
    the blocks. Bytes that are not UTF-8 come as lone surrogates, which the encoder refuses where they are used.
    """

    has_fields = True

    def __init__(
        self, blocks: Iterator[Block], *, dialect: Dialect, record_bytes_max: int, field_bytes_max: int | None = None, header: list[str] | None = None
    ) -> None:
        self._dialect = dialect
        self._record_bytes_max = record_bytes_max
        self._field_bytes_max = record_bytes_max if field_bytes_max is None else field_bytes_max
        self._longest = min(self._record_bytes_max, self._field_bytes_max)
        csv.field_size_limit(FIELD_CHARACTERS_MAX)
        self._records: Iterator[Decoded] = itertools.chain.from_iterable(self._read(_Lines(blocks, dialect, record_bytes_max)))
        self.header = header
        self.first_rejection: Rejection | None = None
        if header is None:
            for row, _, _, _ in self._records:
                if isinstance(row, Rejection):
                    self.first_rejection = row
                else:
                    self.header = row
                break

    def __iter__(self) -> Iterator[Decoded]:
        return self._records

    def make_even(self, policy: Ragged) -> None:
        """Give rows the length of the header from here on, with a last column EXTRA if ``policy`` keeps what is beyond."""
        if policy != "reject" and self.header is not None:
            self._records = padded(self._records, len(self.header), policy)
            self.header = [*self.header, EXTRA] if policy == "keep_extra" else self.header

    def _read(self, lines: _Lines) -> Iterator[Iterator[Decoded]]:
        is_split_by_delimiter = self._dialect.is_split_by_delimiter
        while (block := lines.next_block()) is not None:
            if block.is_cut and self._dialect.is_comment(block.data):
                lines.skip_line(block)
            elif block.is_cut or len(block.data) > self._longest or not is_split_by_delimiter(block.data):
                yield self._record_by_record(lines, block)
            else:
                yield self._line_by_line(block)

    def _line_by_line(self, block: Block) -> Iterator[Decoded]:
        """The records of a block without quotes: each line is one and none is malformed, so no csv module is needed, and no Python code runs per record."""
        text = _text(block)
        lines = (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).split("\n")
        if comment := self._dialect.comment:
            lines = ["" if line.startswith(comment) else line for line in lines]
        rows = map(str.split, lines, itertools.repeat(self._dialect.delimiter))
        numbers = itertools.count(block.first_line)
        return itertools.compress(zip(rows, itertools.repeat(block), *itertools.tee(numbers), strict=False), lines)

    def _beyond(self, row: list[str], origin: Origin) -> Rejection | None:
        """The rejection of a record that is beyond a limit."""
        if self._is_too_large(origin):
            return too_large(origin, self._record_bytes_max, found="a longer record")
        return field_too_large(row, origin, self._field_bytes_max)

    def _record_by_record(self, lines: _Lines, block: Block) -> Iterator[Decoded]:
        """The records from ``block`` on to the first block that ends with a record."""
        base = block.first_line - 1
        dialect, is_plain = self._dialect, self._dialect.is_plain
        texts = (dialect.lines(_text(piece), lambda: base + reader.line_num + 1 == lines.record_line) for piece in lines.pieces(block))
        reader = dialect.reader(itertools.chain.from_iterable(texts))
        while True:
            first = lines.record_line = base + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                origin = Origin(lines.block, first, base + reader.line_num)
                if self._is_too_large(origin):
                    raise _unended(first) from None
                yield _quoting(error, origin), *origin
                continue
            except _RecordTooLarge:
                origin = lines.skip_record()
                yield too_large(origin, self._record_bytes_max, found="a longer record"), *origin
                return
            if not row:
                continue
            if not is_plain:
                row = dialect.restored(row)
            block, last = lines.block, base + reader.line_num
            if len(block.data) > self._longest and (rejection := self._beyond(row, Origin(block, first, last))):
                yield rejection, block, first, last
                continue
            yield row, block, first, last

    def _is_too_large(self, origin: Origin) -> bool:
        return len(origin.data) > self._record_bytes_max


def _quoting(error: csv.Error, origin: Origin) -> Rejection:
    if str(error).startswith("unexpected end of data"):
        return Rejection.of(RecordError("CSV_QUOTING", found="the end of the object inside quotes", expected="a closing quote"), origin)
    return Rejection.of(RecordError("CSV_QUOTING", found=str(error), expected="quotes around whole fields only, doubled inside (RFC 4180)"), origin)


def _unended(line: int) -> ObjectError:
    """Whatever follows could be text in quotes or records: to go on would be to guess."""
    message = f"the record that begins at line {line} is longer than limits.record_bytes_max and its quotes do not match: a closing quote is missing"
    return ObjectError("RECORD_UNENDED", message, hint=f"correct the quotes from line {line} on and upload the file again")


class _RecordTooLarge(Exception):
    """A record is longer than may be kept, and its end is not in sight."""


class _Lines:
    """Hands out blocks, and keeps the bytes of a record that goes on in the next block.

    ``record_line`` is set by the reader's owner before each record. When a block begins in the middle of a record, ``block``
    becomes one that starts with that record.
    """

    def __init__(self, blocks: Iterator[Block], dialect: Dialect, record_bytes_max: int) -> None:
        self.block = Block(b"", 1, 0)
        self.record_line = 1
        self._blocks = blocks
        self._dialect = dialect
        self._record_bytes_max = record_bytes_max
        self._rest: Block | None = None  # taken from ``_blocks``, to be handed out next

    def next_block(self) -> Block | None:
        """The block after those that were handed out, None at the end."""
        block, self._rest = self._rest, None
        return block or next(self._blocks, None)

    def pieces(self, block: Block) -> Iterator[Block]:
        """``block`` and those that follow, until one ends with a record."""
        begun = b""
        self.block = block
        while True:
            if block.is_cut or len(begun) > self._record_bytes_max:
                raise _RecordTooLarge
            yield block
            following = self.next_block()
            if following is None:
                return
            block = following
            if self.record_line >= block.first_line:
                self._rest = block
                return
            start = self.block.start_of(self.record_line)
            begun = self.block.data[start:]
            self.block = Block(begun + block.data, self.record_line, self.block.offset_of(start), encoding=block.encoding)

    def skip_line(self, block: Block) -> None:
        """Pass over the line of which ``block`` is the first part."""
        end_of_line(block, self._blocks)

    def skip_record(self) -> Origin:
        """Pass over the record with which ``block`` begins; its origin holds only its first bytes, and its end."""
        first, end = self.record_line, RecordEnd(self._dialect)
        head = self.block.part(0, self._record_bytes_max, first)
        try:
            while not (at := end.find(self.block.data)):
                following = next(self._blocks, None)
                if following is None:
                    if end.is_malformed:
                        raise QuotingError
                    at = len(self.block.data)
                    break
                self.block = following
        except QuotingError:
            raise _unended(first) from None
        head.end = self.block.offset_of(at)
        last = self.block.first_line + Block(self.block.data[:at], 1, 0).line_count - 1
        if at < len(self.block.data):
            self._rest = self.block.part(at, len(self.block.data), last + 1)
        return Origin(head, first, last)


def _text(block: Block) -> str:
    try:
        return block.data.decode("utf-8")
    except UnicodeDecodeError:
        return block.data.decode("utf-8", "surrogateescape")
