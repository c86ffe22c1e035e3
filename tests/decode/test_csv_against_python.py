"""The CSV decoder against Python's csv module reading the whole content at once, for every cut into pieces."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import Seen, csv_records, piece_sizes
from headrace.encoding import encoding_of

BOM = b"\xef\xbb\xbf"

atoms = st.sampled_from(
    [b"a", b"b", b"7", b",", b",", b'"', b'"', b'""', b"\n", b"\r", b"\r\n", b" ", b"\t", "é€𝄞".encode(), b"\0", b"\xff", b"\xc3", b"\x85", b"\xe2"]
)
soups = st.lists(atoms, max_size=40).map(b"".join)
fields = st.text(st.sampled_from('ab,"\n\r é;\t'), max_size=6)
rows = st.lists(st.lists(fields, min_size=1, max_size=4), max_size=8)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """What a correct writer makes of any rows, with any line ends, and blank lines between."""
    lines = []
    for row in draw(rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="", quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))).writerow(row)
        lines += [line.getvalue(), *[""] * draw(st.integers(0, 1))]
    ends = draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(lines), max_size=len(lines)))
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return (text if draw(st.booleans()) else text.rstrip("\r\n")).encode()


def expected(data: bytes, *, limit: int, delimiter: str = ",") -> list[Seen]:
    """The records by Python's csv module, with the limit applied to what it finds."""
    base = len(BOM) if data.startswith(BOM) else 0
    content = data[base:]
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Seen] = []
    reader = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""), delimiter=delimiter, strict=True)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return found
        except csv.Error:
            row = None
        if row == []:
            continue
        start, end = starts[first - 1], starts[reader.line_num]
        raw = content[start:end]
        if row is None and len(raw) > limit:
            return [*found, Seen("RECORD_UNENDED", 0, 0, 0, b"")]
        what = "RECORD_TOO_LARGE" if len(raw) > limit else "CSV_QUOTING" if row is None else row
        found.append(Seen(what, first, reader.line_num, base + start, raw[:limit]))


@given(soups | written(), piece_sizes, st.integers(1, 60), st.booleans(), st.sampled_from([",", "→"]))
@example(b'a\nbb\rccccc\n"d"\n', [9], 5, False, ",")  # a line end that is a CR after one that is an LF, before a line that goes on
@example(b'"' + b"x" * 9 + b'\n1,2\n"\n3\n', [1], 6, False, ",")  # text in quotes that looks like a record
@example(b'"a"b\n"c"\n', [9], 3, False, ",")  # longer than the limit and malformed, whole in one block
@example(b"xxxxxxxx\r\ny\n", [9, 1], 4, False, ",")
@example(b'"xx"",\nx",\r"a"\n\rb', [1], 3, False, ",")
@example(b'a\n"xxxxxx"\xe2', [9], 5, False, "→")  # the object ends within what may have been a delimiter
def test_records_however_cut_are_those_of_python(data: bytes, sizes: Sequence[int], limit: int, has_bom: bool, delimiter: str) -> None:
    """Rows, lines, offsets and bytes are the same for every cut and every limit, also where quotes are not what they should be."""
    data = (BOM if has_bom else b"") + data.replace(b",", delimiter.encode())
    if encoding_of(data) not in ("", "utf-8"):
        return  # UTF-16 or UTF-32
    for limited in (limit, 1 << 20):
        assert csv_records(data, sizes, delimiter=delimiter, limit=limited) == expected(data, delimiter=delimiter, limit=limited)


@given(soups | written(), st.integers(1, 30))
def test_records_of_every_piece_size_leave_nothing_out(data: bytes, size: int) -> None:
    """Every byte is part of a record or of a blank line; a record's bytes stand at its offset."""
    if encoding_of(data) not in ("", "utf-8"):
        return
    at = 0
    for record in csv_records(data, [size]):
        assert data[at : record.offset].strip(b"\r\n") == b""
        assert data[record.offset : record.offset + len(record.raw)] == record.raw
        at = record.offset + len(record.raw)
    assert data[at:].strip(b"\r\n") == b""


@given(rows, st.sampled_from([",", ";", "\t", "|", "§"]), piece_sizes)
def test_records_of_a_correct_writer_are_the_rows_written(content: list[list[str]], delimiter: str, sizes: Sequence[int]) -> None:
    """Whatever rows are written by RFC 4180 are read again, whatever the delimiter."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(content)
    assert [record.what for record in csv_records(out.getvalue().encode(), sizes, delimiter=delimiter)] == content


@given(rows, st.sampled_from([",", ";", "§"]), st.integers(1, 30), piece_sizes)
def test_records_that_are_too_large_never_give_rows_that_were_not_written(content: list[list[str]], delimiter: str, limit: int, sizes: Sequence[int]) -> None:
    """Text inside quotes is never taken for a record, even where its record is too large to be kept."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(content)
    found = [record.what for record in csv_records(out.getvalue().encode(), sizes, delimiter=delimiter, limit=limit)]
    assert len(found) == len(content)
    assert all(seen in ("RECORD_TOO_LARGE", row) for seen, row in zip(found, content, strict=True))


@pytest.mark.parametrize("size", range(1, 40))
def test_records_of_a_small_file_are_the_same_for_each_piece_size(size: int) -> None:
    """The one file that has everything: BOM, all line ends, blank lines, quotes over lines, invalid bytes, ragged rows, stray quotes."""
    data = BOM + b'id,text\r\n1,"a\r\nb"\n\n2,"say ""x"""\r3,\xff\xfe\r\n4\n5,"a"b\n6,a"b\n,\n"",""\n\r\n7,\0\n8,"open\nand so on'
    assert csv_records(data, [size]) == expected(data, limit=1 << 20)
    assert [record.what for record in csv_records(data, [size])][-2:] == [["7", "\0"], "CSV_QUOTING"]
