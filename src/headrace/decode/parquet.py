"""Parquet (apache/parquet-format): read by pyarrow, row group by row group, of which only the columns that are needed are fetched.

What the footer claims is checked before anything is fetched. Runs in a process of its own, see ``decode.child``.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.decode.arrow import columns_of
from headrace.decode.child import Source
from headrace.errors import ObjectError
from headrace.ranges import FetchedFile

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
FOOTER_BYTES_MAX = 16 << 20
TAIL_BYTES = 65_536
THRIFT_MEMBERS_MAX = 100_000
"""Of each list in the footer: room for them is made before they are read."""
PADDING_BYTES = 100
"""parquet-mr up to 1.2.8 left the header of a dictionary out of a column's size (PARQUET-816): pyarrow reads so much more of what such writers made."""
BATCH_ROWS_MAX = 2_048
BATCH_VALUES_MAX = 100_000
BATCH_BYTES = 4 << 20


def read(source: Source, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The columns' names and the row groups, then the rows from number ``first`` to before ``end_line``, of ``columns`` unless that is None.

    A row group may have ``bytes_max``; all of them are checked before the first row is read.
    Raises ObjectError PARQUET_DAMAGED, PARQUET_ENCRYPTED, PARQUET_FOOTER_TOO_LARGE, ROW_GROUP_TOO_LARGE, and whatever pyarrow raises.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve gigabytes of addresses
    footer_start, metadata = _metadata(source, options["columns"])
    names = list(metadata.schema.to_arrow_schema().names)
    wanted = [name for name in names if options["columns"] is None or name in options["columns"]]
    file = _File(source, metadata, wanted, end=footer_start, bytes_max=options["bytes_max"])
    groups = [file.group(number) for number in range(metadata.num_row_groups)]
    ends = list(itertools.accumulate((rows for _, rows in groups), initial=0))  # rows before each group, and after the last
    first = bisect_left(ends, options["first"], 1) - 1
    last = bisect_left(ends, options["end_line"] - 1, 0, len(groups)) if options["end_line"] else len(groups)
    yield "schema", {"columns": names, "skipped": ends[first], "groups": groups}
    for number in range(first, last):
        yield from file.rows(number)


def _damaged(found: object) -> ObjectError:
    return ObjectError("PARQUET_DAMAGED", f"found {str(found)[:200]}", hint="write the file again, or upload it again from its source")


def _metadata(source: Source, columns: list[str] | None) -> tuple[int, pq.FileMetaData]:
    """Where the footer begins, and what it says. ``columns`` are those that are read, None for all."""
    tail = source.fetch(max(0, source.size - TAIL_BYTES), source.size)
    if tail[-4:] == ENCRYPTED:
        raise ObjectError("PARQUET_ENCRYPTED", "found an encrypted Parquet file", hint="write it without Parquet's own encryption")
    if len(tail) < 12 or tail[-4:] != MAGIC:
        raise _damaged(f"{source.size} bytes that do not end with PAR1: the file is cut, or was never finished")
    length = int.from_bytes(tail[-8:-4], "little")
    start = source.size - 8 - length
    if start < 4:
        raise _damaged(f"a footer of {length} bytes in a file of {source.size}")
    if length > FOOTER_BYTES_MAX:
        hint = "write fewer row groups or columns, without column statistics"
        raise ObjectError("PARQUET_FOOTER_TOO_LARGE", f"found a footer of {length} bytes, expected at most {FOOTER_BYTES_MAX}", hint=hint)
    footer = tail[-8 - length :] if length + 8 <= len(tail) else source.fetch(start, source.size)
    whole = pa.BufferReader(MAGIC + footer)  # where the columns stand is checked below
    opened = pq.ParquetFile(whole, thrift_container_size_limit=THRIFT_MEMBERS_MAX, thrift_string_size_limit=FOOTER_BYTES_MAX)
    is_signed = opened.metadata.serialized_size < length  # a plain footer of a file whose columns may be encrypted (parquet-format, Encryption.md, 5.5)
    if is_signed and opened.metadata.num_row_groups:
        _require_plain(opened, columns)
    return start, opened.metadata


def _require_plain(opened: pq.ParquetFile, columns: list[str] | None) -> None:
    """Raises ObjectError PARQUET_ENCRYPTED; to ask where an encrypted column stands would end the process. There is nothing but the footer to read from."""
    for name in opened.metadata.schema.to_arrow_schema().names:
        if columns is None or name in columns:
            try:
                next(opened.iter_batches(1, row_groups=[0], columns=[name], use_threads=False), None)
            except (OSError, ValueError, NotImplementedError) as error:
                if "Cannot decrypt" in str(error):
                    hint = "write it without Parquet's own encryption, or leave the column out with `other_columns: drop`"
                    raise ObjectError("PARQUET_ENCRYPTED", f"found column {name} encrypted", hint=hint) from None


class _File:
    """The row groups of a file whose footer was read."""

    def __init__(self, source: Source, metadata: pq.FileMetaData, names: list[str], *, end: int, bytes_max: int) -> None:
        self._source = source
        self._metadata = metadata
        self._names = names
        self._end = end
        self._bytes_max = bytes_max
        columns = [metadata.schema.column(index) for index in range(metadata.num_columns)]
        wanted = set(names)
        self._leaves = [index for index, column in enumerate(columns) if not wanted.isdisjoint(_beginnings(column.path))]
        self._texts = [index for index in self._leaves if columns[index].physical_type == "BYTE_ARRAY"]

    def group(self, group: int) -> tuple[int, int]:
        """Where a row group begins as far as it is read, and how many rows it has."""
        rows = self._metadata.row_group(group).num_rows
        if rows < 0:
            raise _damaged(f"row group {group + 1} with {rows} rows")
        return min((start for start, _ in self._spans(group)), default=4), rows

    def rows(self, group: int) -> Iterator[tuple[str, Any]]:
        meta, spans = self._metadata.row_group(group), self._spans(group)
        if not meta.num_rows and not spans:
            return  # pyarrow would read it from byte 0
        offset, count = min((start for start, _ in spans), default=4), 0
        for batch in self._opened(meta, spans).iter_batches(self._batch_rows(meta), row_groups=[group], columns=self._names, use_threads=False):
            count += batch.num_rows
            yield "rows", (offset, columns_of(batch))
        if count != meta.num_rows:
            raise _damaged(f"{count} rows in row group {group + 1}, where the footer says {meta.num_rows}")

    def _spans(self, group: int) -> list[tuple[int, int]]:
        """Where the columns of a row group stand that are read, which must not be too much."""
        meta = self._metadata.row_group(group)
        columns = [meta.column(leaf) for leaf in self._leaves]
        if not meta.num_rows and not any(column.num_values for column in columns):
            return []
        spans = [self._span(group, column) for column in columns]
        needed = sum(end - start for start, end in spans)
        if needed > self._bytes_max:
            message = f"row group {group + 1} has {needed} bytes in the columns that are read, expected at most {self._bytes_max}"
            hint = "write smaller row groups, name fewer columns with `other_columns: drop`, or raise limits.reader_bytes_max and function.memory_mb"
            raise ObjectError("ROW_GROUP_TOO_LARGE", message, hint=hint)
        return spans

    def _opened(self, meta: Any, spans: list[tuple[int, int]]) -> pq.ParquetFile:
        """The file with ``spans`` of its bytes. Texts stay in their dictionaries, but for pages of which pyarrow 26 cannot make one."""
        size = self._source.size
        file = pa.PythonFile(FetchedFile(self._source.fetch_all([(start, min(end + PADDING_BYTES, size)) for start, end in spans]), size), mode="r")
        texts = [meta.column(leaf).path_in_schema for leaf in self._texts if not any(name.startswith("DELTA") for name in meta.column(leaf).encodings)]
        options: dict[str, Any] = {"pre_buffer": False, "coerce_int96_timestamp_unit": "us", "page_checksum_verification": True}
        return pq.ParquetFile(file, metadata=self._metadata, read_dictionary=texts, **options)

    def _span(self, group: int, column: Any) -> tuple[int, int]:
        """Where a column chunk stands."""
        starts = [offset for offset in (column.dictionary_page_offset, column.data_page_offset) if offset is not None and offset > 0]
        start, size = min(starts, default=0), column.total_compressed_size
        if start < 4 or size < 0 or start + size > self._end:
            raise _damaged(f"row group {group + 1} with column {column.path_in_schema} at byte {start} with {size} bytes, outside of the data")
        return start, start + size

    def _batch_rows(self, meta: Any) -> int:
        by_bytes: int = BATCH_BYTES * max(meta.num_rows, 1) // max(meta.total_byte_size, 1)
        return max(1, min(BATCH_ROWS_MAX, BATCH_VALUES_MAX // max(len(self._leaves), 1), by_bytes))


def _beginnings(path: str) -> set[str]:
    """What a leaf's top column may be called: names may have dots."""
    parts = path.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
