"""CSV and TSV: RFC 4180 with a declared delimiter, read by Python's csv module, every record with its place."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from headrace.decode.record_end import QuotingError, RecordEnd
from headrace.errors import ObjectError, RecordError
from headrace.record import Block, Origin, Rejection

Decoded = tuple[list[str] | Rejection, Block, int, int]
"""A row, or the rejection of a record; its block; its first and its last physical line, 1-based."""

FIELD_CHARACTERS_MAX = 2**31 - 1
"""For the csv module, whose limit belongs to the whole process: records are limited here, in bytes, before it matters."""


class CsvDecoder:
    """Iterates over the records after the header. Blank lines are no records.

    ``header`` is None for an object without any record (empty, or blank lines only) and no declared header. A record that is not
    well-formed comes as a Rejection (CSV_QUOTING) and reading goes on at the next physical line; one that is longer than
    ``record_bytes_max`` comes as a Rejection (RECORD_TOO_LARGE, with its first bytes) and reading goes on after its end. A record
    that is both has no end to be relied on: raises ObjectError RECORD_UNENDED. What is rejected does not depend on the sizes of
    the blocks. Bytes that are not UTF-8 come as lone surrogates, which the encoder refuses where they are used.
    """

    def __init__(self, blocks: Iterator[Block], *, delimiter: str, record_bytes_max: int, header: list[str] | None = None) -> None:
        self._delimiter = delimiter
        self._record_bytes_max = record_bytes_max
        csv.field_size_limit(FIELD_CHARACTERS_MAX)
        self._records = self._read(_Lines(blocks, delimiter, record_bytes_max))
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

    def _read(self, lines: _Lines) -> Iterator[Decoded]:
        base = 0  # physical lines that earlier readers consumed
        reader = self._reader(lines)
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
                yield self._too_large(origin), *origin
                base, reader = origin.last, self._reader(lines)
                continue
            if not row:
                continue
            block, last = lines.block, base + reader.line_num
            if len(block.data) > self._record_bytes_max and self._is_too_large(Origin(block, first, last)):
                yield self._too_large(Origin(block, first, last)), block, first, last
                continue
            yield row, block, first, last

    def _reader(self, lines: _Lines) -> csv._reader:  # type: ignore[name-defined,unused-ignore]  # a private name in typeshed
        return csv.reader(itertools.chain.from_iterable(lines), delimiter=self._delimiter, strict=True)

    def _is_too_large(self, origin: Origin) -> bool:
        return len(origin.raw) > self._record_bytes_max

    def _too_large(self, origin: Origin) -> Rejection:
        expected = f"at most {self._record_bytes_max} bytes in a record (limits.record_bytes_max); only so many are kept here"
        return Rejection.of(RecordError("RECORD_TOO_LARGE", found="a longer record", expected=expected), origin, raw_bytes_max=self._record_bytes_max)


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
    """Feeds csv.reader whole blocks of lines, so that no Python code runs per line, and keeps the bytes of the record being read.

    ``record_line`` is set by the reader's owner before each record. When a block begins in the middle of a record, ``block``
    becomes one that starts with that record.
    """

    def __init__(self, blocks: Iterator[Block], delimiter: str, record_bytes_max: int) -> None:
        self.block = Block(b"", 1, 0)
        self.record_line = 1
        self._blocks = blocks
        self._delimiter = delimiter
        self._record_bytes_max = record_bytes_max
        self._rest: Block | None = None  # of the block in which a record that was skipped ended

    def __iter__(self) -> Iterator[io.StringIO]:
        return self

    def __next__(self) -> io.StringIO:
        block = self._rest or next(self._blocks)
        self._rest = None
        begun = b""
        if self.record_line < block.first_line:
            start = self.block.start_of(self.record_line)
            begun = self.block.data[start:]
            self.block = Block(begun + block.data, self.record_line, self.block.offset + start)
        else:
            self.block = block
        if block.is_cut or len(begun) > self._record_bytes_max:
            raise _RecordTooLarge
        return io.StringIO(_text(block.data), newline="")  # splits as bytes.splitlines does, keeping the ends

    def skip_record(self) -> Origin:
        """Pass over the record with which ``block`` begins; its origin holds only its first bytes."""
        first, end = self.record_line, RecordEnd(self._delimiter)
        head = Block(self.block.data[: self._record_bytes_max], first, self.block.offset)
        try:
            while not (at := end.find(self.block.data)):
                following = next(self._blocks, None)
                if following is None:
                    if end.is_quoted:
                        raise QuotingError
                    at = len(self.block.data)
                    break
                self.block = following
        except QuotingError:
            raise _unended(first) from None
        last = self.block.first_line + Block(self.block.data[:at], 1, 0).line_count - 1
        if at < len(self.block.data):
            self._rest = Block(self.block.data[at:], last + 1, self.block.offset + at)
        return Origin(head, first, last)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")
