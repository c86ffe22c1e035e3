"""Excel workbooks (.xlsx): one sheet, read by openpyxl row by row. Runs in a process of its own, see ``decode.child``."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
from openpyxl.styles.numbers import is_datetime

from headrace.decode.child import Source
from headrace.decode.header_names import numbered
from headrace.decode.rows import Row, Unfit
from headrace.errors import ObjectError, RecordError, shortened
from headrace.ranges import RangedFile
from headrace.record import Number

BATCH_ROWS = 500
MEMBERS_MAX = 10_000


def read(source: Source, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The columns' names, then a row for each row of ``sheet`` (the first without a name) after that of the header, None for a blank one.

    Raises ObjectError XLSX_DAMAGED, SHEET_MISSING, HEADER_INVALID, HEADER_DUPLICATE, DECOMPRESSED_TOO_LARGE, and whatever openpyxl raises.
    """
    file: Any = io.BufferedReader(RangedFile(source))
    _require_sane(file, options["decompressed_bytes_max"])
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    names = book.sheetnames
    sheet = options["sheet"] or (names[0] if names else "")
    if sheet not in names:
        found = ", ".join(shortened(name, 30) for name in names[:10])
        raise ObjectError("SHEET_MISSING", f"found the sheets {found}, expected {shortened(sheet)}", hint="correct `sheet` of the route, or rename the sheet")
    if not hasattr(book[sheet], "iter_rows"):
        raise ObjectError("SHEET_MISSING", f"found a chart under the name {shortened(sheet)}, expected a sheet with cells", hint="name another `sheet`")
    book[sheet].reset_dimensions()  # what a workbook says of its own size is often wrong
    rows = enumerate(book[sheet].iter_rows(), 1)
    number, header = (0, options["header"]) if options["header"] else _header(rows, options["header_names"])
    yield "schema", {"columns": header, "skipped": number}
    batch: list[Row | Unfit | None] = []
    for _, cells in rows:
        batch.append(_row(header, cells))
        if len(batch) >= BATCH_ROWS:
            yield "rows", (1, batch)
            batch = []
    yield "rows", (1, batch)


def _require_sane(file: Any, bytes_max: int) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
    if len(members) > MEMBERS_MAX:
        raise ObjectError("XLSX_DAMAGED", f"found {len(members)} parts, expected at most {MEMBERS_MAX}", hint="save the workbook again")
    if total > bytes_max:
        hint = "raise limits.decompressed_bytes_max in headrace.yaml if the object is to be trusted"
        raise ObjectError("DECOMPRESSED_TOO_LARGE", f"more than {bytes_max} bytes after decompression", hint=hint)


def _header(rows: Iterator[tuple[int, Any]], header_names: str) -> tuple[int, list[str]]:
    """The number and the names of the first row that is not blank, all different."""
    for number, cells in rows:
        values = [cell.value for cell in cells]
        while values and values[-1] in (None, ""):
            values.pop()
        if values:
            names = ["" if value is None else str(value) for value in values]
            if header_names == "number":
                return number, numbered(names)
            hint = "give each column a name of its own, or set `header` or `header_names: number`"
            if "" in names:
                raise ObjectError("HEADER_INVALID", f"found no name for column {names.index('') + 1} in row {number}", hint=hint)
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ObjectError("HEADER_DUPLICATE", f"found column {shortened(twice)} more than once in row {number}", hint=hint)
            return number, names
    return 0, []


def _row(header: list[str], cells: Any) -> Row | Unfit | None:
    row: Row = {}
    problem: RecordError | None = None
    for index, cell in enumerate(cells):
        value = cell.value
        if value is None:
            continue
        if index >= len(header):
            problem = problem or RecordError("FIELD_COUNT", found=f"a value in column {index + 1}", expected=f"{len(header)} columns, as in the header")
            continue
        if cell.data_type == "e":
            problem = problem or RecordError("CELL_ERROR", column=header[index], found=shortened(value), expected="a value")
        row[header[index]] = _value(value, cell)
    if problem:
        return Unfit(problem, row)
    return row or None


def _value(value: Any, cell: Any) -> Any:
    match value:
        case bool() | str():
            return value
        case int():
            return value
        case float():
            return Number(str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value))
        case datetime.datetime():
            return value.date().isoformat() if is_datetime(cell.number_format) == "date" else value.isoformat()
        case datetime.timedelta():
            seconds = value // datetime.timedelta(seconds=1)
            return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        case datetime.date() | datetime.time():
            return value.isoformat()
    return str(value)
