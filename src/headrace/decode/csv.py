"""CSV and TSV: RFC 4180 with a declared delimiter, read by Python's csv module, every record with its place."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from headrace.errors import RecordError
from headrace.record import Block, Origin, Rejection

Decoded = tuple[list[str] | Rejection, Block, int, int]
"""A row, or the rejection of a record; its block; its first and its last physical line, 1-based."""


class CsvDecoder:
    """Iterates over the records after the header. Blank lines are no records.

    ``header`` is None for an object without any record (empty, or blank lines only) and no declared header. A record that is not
    well-formed comes as a Rejection (CSV_QUOTING, RECORD_TOO_LARGE) and reading goes on at the next physical line. Bytes that are
    not UTF-8 come as lone surrogates, which the encoder refuses where they are used.
    """

    def __init__(self, blocks: Iterator[Block], *, delimiter: str, record_bytes_max: int, header: list[str] | None = None) -> None:
        self._blocks = blocks
        self._delimiter = delimiter
        self._record_bytes_max = record_bytes_max
        if csv.field_size_limit() < record_bytes_max:
            csv.field_size_limit(record_bytes_max)  # one setting for the whole process: only ever raised
        self._records = self._read()
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

    def _read(self) -> Iterator[Decoded]:
        lines = _Lines(self._blocks, self._record_bytes_max)
        base = 0  # physical lines that earlier readers consumed
        reader = self._reader(lines)
        while True:
            first = lines.record_line = base + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = base + reader.line_num
                yield _quoting(error, Origin(lines.block, first, last)), lines.block, first, last
                continue
            except _RecordTooLarge:
                yield self._too_large(Origin(lines.block, first, lines.next_line - 1)), lines.block, first, lines.next_line - 1
                base, reader = lines.next_line - 1, self._reader(lines)
                continue
            if not row:
                continue
            block, last = lines.block, base + reader.line_num
            if len(block.data) >= self._record_bytes_max and (block.is_cut or len(Origin(block, first, last).raw) > self._record_bytes_max):
                yield self._too_large(Origin(block, first, last)), block, first, last
                continue
            yield row, block, first, last

    def _reader(self, lines: _Lines) -> csv._reader:  # type: ignore[name-defined,unused-ignore]  # a private name in typeshed
        return csv.reader(itertools.chain.from_iterable(lines), delimiter=self._delimiter, strict=True)

    def _too_large(self, origin: Origin) -> Rejection:
        error = RecordError(
            "RECORD_TOO_LARGE", found="a longer record", expected=f"at most {self._record_bytes_max} bytes in a record (limits.record_bytes_max)"
        )
        return Rejection.of(error, origin)


def _quoting(error: csv.Error, origin: Origin) -> Rejection:
    reasons = {
        "unexpected end of data": RecordError("CSV_QUOTING", found="the end of the object inside quotes", expected="a closing quote"),
        "field larger": RecordError("RECORD_TOO_LARGE", found="a field that goes on, perhaps for want of a closing quote", expected="a shorter field"),
    }
    text = str(error)
    reason = next((reason for start, reason in reasons.items() if text.startswith(start)), None)
    return Rejection.of(reason or RecordError("CSV_QUOTING", found=text, expected="quotes around whole fields only, doubled inside (RFC 4180)"), origin)


class _RecordTooLarge(Exception):
    """A record spans more lines than may be kept."""


class _Lines:
    """Feeds csv.reader whole blocks of lines, so that no Python code runs per line, and keeps the bytes of the record being read.

    ``record_line`` is set by the reader's owner before each record. When a block begins in the middle of a record, ``block``
    becomes one that starts with that record.
    """

    def __init__(self, blocks: Iterator[Block], record_bytes_max: int) -> None:
        self.block = Block(b"", 1, 0)
        self.record_line = 1
        self.next_line = 1
        self._blocks = blocks
        self._record_bytes_max = record_bytes_max

    def __iter__(self) -> Iterator[io.StringIO]:
        return self

    def __next__(self) -> io.StringIO:
        block = next(self._blocks)
        self.next_line = block.first_line + block.line_count
        if self.record_line < block.first_line:
            start = self.block.start_of(self.record_line)
            begun = self.block.data[start:]
            self.block = Block(begun + block.data, self.record_line, self.block.offset + start, is_cut=block.is_cut)
            if len(begun) > self._record_bytes_max:
                raise _RecordTooLarge
        else:
            self.block = block
        return io.StringIO(_text(block.data), newline="")  # splits as bytes.splitlines does, keeping the ends


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")
