"""The CSV decoder at its limits and in front of bad files."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterable

import pytest

from decode.samples import MB, csv_decoder, csv_records, decoded
from headrace.decode.csv import CsvDecoder
from headrace.decode.dialect import Dialect
from headrace.decode.lines import line_blocks
from headrace.errors import ObjectError

PIECE = 262_144


def test_header_when_the_first_record_is_good_is_that_record() -> None:
    """The header may have quotes and line ends like any record, and blank lines before it; it is not a record."""
    decoder = csv_decoder(b'\xef\xbb\xbf\r\n\n"a\r\nb",c,c,\r\n1,2,3,4\n')
    assert (decoder.header, decoder.first_rejection) == (["a\r\nb", "c", "c", ""], None)
    assert [(record.what, record.first, record.offset) for record in decoded(decoder)] == [(["1", "2", "3", "4"], 5, 19)]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_header_when_there_is_no_record_is_none(data: bytes) -> None:
    """An object that is empty or has only blank lines has neither header nor records, and is no error."""
    decoder = csv_decoder(data)
    assert (decoder.header, decoder.first_rejection, decoded(decoder)) == (None, None, [])


@pytest.mark.parametrize(("data", "code"), [(b'a,"b"c\n1,2\n', "CSV_QUOTING"), (b'a,"b\n1,2\n', "CSV_QUOTING"), (b"a" * 21 + b"\n1,2\n", "RECORD_TOO_LARGE")])
def test_header_when_the_first_record_is_bad_is_none_and_says_why(data: bytes, code: str) -> None:
    """Without a header nothing can be said about the records."""
    decoder = csv_decoder(data, limit=20)
    assert decoder.header is None
    assert decoder.first_rejection is not None
    assert (decoder.first_rejection.code, decoder.first_rejection.line) == (code, 1)


def test_header_when_declared_is_not_read_from_the_file() -> None:
    """The first line of a file without a header line is a record."""
    decoder = csv_decoder(b"1,2\n", header=["a", "b"])
    assert (decoder.header, [record.what for record in decoded(decoder)]) == (["a", "b"], [["1", "2"]])


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b""])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_record_bytes_max_counts_the_bytes_of_the_record_with_its_line_end(end: bytes, size: int) -> None:
    """One byte below and exactly at the limit is a record, one above is not; its neighbours always are."""
    for length in (19, 20, 21):
        record = b"\xc3\xa9" + b"x" * (length - 2 - len(end))
        tail = b"b\n" if end else b""
        found = csv_records(b"a\n" + record + end + tail, [size], limit=20)
        assert [seen.what for seen in found] == [["a"], [record.decode()] if length <= 20 else "RECORD_TOO_LARGE", *([["b"]] if end else [])]
        assert found[1].raw == (record + end)[:20]


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_record_that_spans_lines_and_is_too_large_is_one_rejection(size: int) -> None:
    """Reading goes on after the record's own end, wherever the lines in it end, and lines and offsets stay right."""
    large = b'2,"' + b'3,three ""3""\r\n' * 20 + b'",x\n'
    found = csv_records(b"1,one\n" + large + b"4,four\n", [size], limit=30)
    assert [(seen.what, seen.first, seen.last) for seen in found] == [(["1", "one"], 1, 1), ("RECORD_TOO_LARGE", 2, 22), (["4", "four"], 23, 23)]
    assert (found[1].raw, found[2].offset) == (large[:30], 6 + len(large))


def test_invalid_utf8_stays_in_its_field() -> None:
    """A byte that is not UTF-8 comes as a lone surrogate, so that the encoder can refuse that record alone; also beside good text."""
    found = csv_records(b"\xff,b\n" + "é,ü\n".encode() + b"\xed\xa0\x80,x\n", [1])
    assert [seen.what for seen in found] == [["\udcff", "b"], ["é", "ü"], ["\udced\udca0\udc80", "x"]]


def test_utf16_is_refused_by_name() -> None:
    """With or without a byte order mark; nothing of it would be text."""
    for data in ("a,b\n".encode("utf-16"), "a,b\n".encode("utf-16-le"), "a,b\n".encode("utf-16-be")):
        with pytest.raises(ObjectError) as caught:
            csv_decoder(data, [1])
        assert caught.value.code == "ENCODING_UNSUPPORTED"


def counted(pieces: Iterable[bytes], limit: int = MB) -> tuple[list[str], int, int]:
    """Codes of the rejections, number of rows, and peak memory in bytes while all records of ``pieces`` were read."""
    tracemalloc.start()
    try:
        decoder = CsvDecoder(line_blocks(iter(pieces), line_bytes_max=limit, lf_only=False), dialect=Dialect(), record_bytes_max=limit, header=["a"])
        codes, rows = [], 0
        try:
            for row, *_ in decoder:
                if isinstance(row, list):
                    rows += 1
                else:
                    codes.append(row.code)
        except ObjectError as error:
            codes.append(error.code)
        return codes, rows, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_quote_that_is_never_closed_fails_the_object_in_bounded_memory() -> None:
    """20 MB after an open quote are either one field or 250,000 records: nobody can know, so the line is named and nothing is guessed."""
    lines = b"1234567,some text that goes on,2024-01-01T00:00:00Z,and,so,on,to,the,end,of,it\n" * 3300
    content = itertools.chain([b'1,a\n2,"b\n'], itertools.repeat(lines, 80))
    codes, rows, peak = counted(content)
    assert (codes, rows) == (["RECORD_UNENDED"], 1)
    assert peak < 16 * MB


def test_quote_that_is_never_closed_in_a_small_object_is_one_rejection_with_all_its_bytes() -> None:
    """What fits into the limit is kept whole and can be replayed."""
    found = csv_records(b'1,a\n2,"b\n3,c\n4,d\n', [5])
    assert [(seen.what, seen.first, seen.last, seen.raw) for seen in found[1:]] == [("CSV_QUOTING", 2, 4, b'2,"b\n3,c\n4,d\n')]


@pytest.mark.parametrize(("start", "end"), [(b"1,", b"\n2,b\n"), (b'1,"', b'",x\n2,b\n'), (b'1,"\n', b'\n",x\n2,b\n'), (b"1,", b"")])
def test_field_of_a_gigabyte_is_one_rejection_in_bounded_memory(start: bytes, end: bytes) -> None:
    """With or without quotes, on one line or several: one record is refused, the next is read. (A quarter of it without quotes, to save time.)"""
    codes, rows, peak = counted(itertools.chain([start], itertools.repeat(b"x" * PIECE, 4096 if b'"' in start else 1024), [end]))
    assert (codes, rows) == (["RECORD_TOO_LARGE"], 1 if end else 0)
    assert peak < 8 * MB


def test_million_columns_are_one_row_or_one_rejection() -> None:
    """A row of 10^6 empty fields is just a row of 1 MB; one byte more is too large."""
    assert [len(seen.what) for seen in csv_records(b"," * (MB - 1) + b"\n")] == [MB]
    assert [seen.what for seen in csv_records(b"," * MB + b"\n1\n")] == ["RECORD_TOO_LARGE", ["1"]]
