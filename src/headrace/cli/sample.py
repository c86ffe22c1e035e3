"""What a file is, seen from its beginning: format, delimiter, columns and their types."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from headrace.cli.source import Source
from headrace.config.infer import ROWS_MAX, Inferred, infer_columns
from headrace.config.model import Column, Format, Limits, Route
from headrace.decode.lines import line_blocks
from headrace.encode.header import require_distinct
from headrace.encode.values import kind_of
from headrace.errors import ObjectError
from headrace.load import open_records
from headrace.ports import ObjectRef, SystemClock
from headrace.read.decompress import decompress
from headrace.read.stream import ObjectStream
from headrace.record import Rejection

JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
DELIMITERS = (",", "\t", ";", "|")
DELIMITER_ROWS = 50
LIMITS = Limits()
SAMPLE_BYTES_MAX = 16 << 20
"""The sample ends about here, whatever it holds: it stays in memory."""
_TO_JSON_LINES = "convert it to one object on each line, for instance with jq -c '.[]' or jq -c ."


@dataclass(frozen=True)
class Sample:
    """What the first records tell. ``ref`` pins the version that was read; ``names`` is empty for a file without a record."""

    ref: ObjectRef
    format: Format
    delimiter: str
    names: list[str]
    inferred: Inferred
    kinds: dict[str, str]
    """What the values of a column are, in words."""
    examples: dict[str, str]
    """A value of each column that is not empty."""


def take_sample(source: Source) -> Sample:
    """Look at the first ``ROWS_MAX`` records of ``source``. Raises the ObjectError or ServiceError that a load would fail with."""
    try:
        return _sample(source)
    except ObjectError as error:
        if error.object:  # then the message names it
            raise
        raise ObjectError(error.code, f"{source.ref}: {error.message}", object=str(source.ref), hint=error.hint) from None


def _sample(source: Source) -> Sample:
    stream = ObjectStream(source.objects, source.ref, SystemClock(), object_bytes_max=LIMITS.object_bytes_max)
    text = _first_text(iter(stream))
    format, delimiter = sniffed(text, source.name)
    route = Route("sample", "**", format, "sample", delimiter=delimiter)
    again = ObjectStream(source.objects, stream.ref, SystemClock(), object_bytes_max=LIMITS.object_bytes_max)
    decoder = open_records(route, LIMITS, iter(again))
    if decoder.first_rejection:
        raise ObjectError("HEADER_INVALID", f"the header line: {decoder.first_rejection.message}", hint="correct the first line of the file")
    if decoder.header is not None:
        require_distinct([name for name in decoder.header if name])
    records: list[list[str] | dict[str, object]] = []
    for row, block, *_ in itertools.islice(decoder, ROWS_MAX):
        if not isinstance(row, Rejection):
            records.append(row)
        if block.offset > SAMPLE_BYTES_MAX:
            break
    if format == "jsonl":
        return _of_members(stream.ref, [record for record in records if isinstance(record, dict)])
    rows = [row for row in records if isinstance(row, list)]
    return _of_fields(stream.ref, format, delimiter, decoder.header or [], rows)


def sniffed(text: str, name: str) -> tuple[Format, str]:
    """Format and delimiter of a file that begins with ``text``; its name decides only what the content leaves open.

    The delimiter is empty where it is the format's own. Raises FORMAT_UNEXPECTED for a JSON document, which is not JSON Lines.
    """
    if not text:
        return "jsonl", ""  # nothing to decide, and no header to miss
    ending = PurePosixPath(name.lower().removesuffix(".gz")).suffix
    first = text.lstrip().split("\n", 1)[0].strip()
    if first == "{" or (first.startswith("[") and (ending in JSON_ENDINGS or first == "[" or _is_json(first))):
        raise ObjectError("FORMAT_UNEXPECTED", "found one JSON document, expected JSON Lines", hint=_TO_JSON_LINES)
    if ending in JSON_ENDINGS or _is_json(first) or first.startswith('{"'):
        return "jsonl", ""
    delimiter = _delimiter(text)
    return ("tsv", "") if delimiter == "\t" else ("csv", "" if delimiter == "," else delimiter)


def _first_text(pieces: Iterator[bytes]) -> str:
    """The first lines of the content. Raises FORMAT_UNEXPECTED for what is no text."""
    content = decompress(pieces, decompressed_bytes_max=LIMITS.decompressed_bytes_max)
    first = next(content, b"")
    block = next(line_blocks(itertools.chain([first], content), line_bytes_max=LIMITS.record_bytes_max, lf_only=False), None)
    if b"\0" in first:
        raise ObjectError("FORMAT_UNEXPECTED", "found binary content, expected text: CSV, TSV or JSON Lines", hint="convert the file to one of these")
    return block.data.decode("utf-8", "replace") if block else ""


def _is_json(text: str) -> bool:
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(text), dict | list)
    return False


def _delimiter(text: str) -> str:
    """The delimiter by which the first rows have the most columns, the same number in most rows; a comma if there is no sign of any."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        with suppress(csv.Error):
            rows = [row for row in itertools.islice(csv.reader(text.splitlines(), delimiter=delimiter), DELIMITER_ROWS) if row]
            columns = len(rows[0]) if rows else 0
            score = (sum(len(row) == columns for row in rows) / len(rows), columns) if columns > 1 else (0.0, 0)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _of_fields(ref: ObjectRef, format: Format, delimiter: str, names: list[str], rows: Sequence[list[str]]) -> Sample:
    inferred = infer_columns(names, rows)
    kinds: dict[str, str] = {name: inferred.columns[name].type for name in names}
    examples: dict[str, str] = {}
    for row in rows:
        for name, value in zip(names, row, strict=False):
            if value and name not in examples:
                examples[name] = value
        if len(examples) == len(kinds):
            break
    return Sample(ref, format, delimiter, names, inferred, kinds, examples)


def _of_members(ref: ObjectRef, records: Sequence[dict[str, object]]) -> Sample:
    """JSON values keep their own types, so nothing is inferred but what people want to see."""
    seen: dict[str, dict[str, object]] = {}
    for record in records:
        for name, value in record.items():
            seen.setdefault(name, {}).setdefault(kind_of(value).split()[-1], value)
    kinds = {name: " or ".join(sorted(by_kind)) for name, by_kind in seen.items()}
    examples = {name: _example(by_kind) for name, by_kind in seen.items()}
    columns = {name: Column(type="number" if kind == "number" else "string") for name, kind in kinds.items()}
    return Sample(ref, "jsonl", "", list(seen), Inferred(columns, [], []), kinds, examples)


def _example(by_kind: dict[str, object]) -> str:
    value = next((value for kind, value in by_kind.items() if kind != "null"), None)
    return value if isinstance(value, str) else json.dumps(value)
