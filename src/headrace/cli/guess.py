"""What a file is, believed from its first bytes, each belief with how sure it is and why. Pure; only the command line guesses."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from headrace.cli.guess_fixed import cut, fixed_widths
from headrace.cli.guess_footer import footer_lines
from headrace.cli.guess_items import OPERATION, items_of
from headrace.cli.guess_preamble import DELIMITERS, preamble_lines
from headrace.config.model import Encoding, Format
from headrace.decode.header_names import numbered
from headrace.encoding import BOMS, codec_of, encoding_of
from headrace.errors import ObjectError, shortened
from headrace.read.signature import BINARY_FORMATS, format_of

Sureness = Literal["certain", "likely", "guess"]
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
ENDINGS: dict[str, Format] = {".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
ENDINGS |= {".parquet": "parquet", ".orc": "orc", ".avro": "avro", ".xlsx": "xlsx", ".ion": "ion"}
"""What a file without any record is, which has nothing but its name; a CSV if that says nothing."""
COMPRESSED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".sz", ".zip")
DELIMITER_ROWS = 50
FORMAT_NAMES = {seen: name for name, seen in BINARY_FORMATS.items()}
_NUMBER = re.compile(r"[-+]?(?:[0-9]++(?:[.,][0-9]*+)?+|[.,][0-9]++)(?:[eE][-+]?[0-9]++)?+")
_NAMED_DELIMITER = re.compile(r"(?i:sep=).(?:\r\n|\n|\r)")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@dataclass(frozen=True)
class Belief:
    """One thing that is believed of a file, such as its delimiter."""

    value: str
    sureness: Sureness
    reason: str


_NUMBERED = Belief("number", "guess", "a name is empty, or there twice")


@dataclass(frozen=True)
class Guess:
    """All that is believed, by name, in the order in which it was decided; and the settings of a route that follow from it."""

    beliefs: dict[str, Belief]
    settings: dict[str, Any]

    @property
    def format(self) -> Format:
        found: Format = self.settings["format"]
        return found

    @property
    def warnings(self) -> list[str]:
        """What was decided without a clear sign, and may be wrong; of a header people see the names."""
        return [f"{name} {belief.value}: {belief.reason}" for name, belief in self.beliefs.items() if belief.sureness == "guess" and name != "header"]

    def with_numbered_names(self) -> Guess:
        """The same of a file in whose header a name is empty or there twice."""
        return Guess(self.beliefs | {"header_names": _NUMBERED}, self.settings | {"header_names": "number"})


def guess(first: bytes, name: str, *, is_whole: bool, last: bytes = b"") -> Guess:
    """What a file called ``name`` is, whose decompressed content begins with ``first``, or is that if ``is_whole``; ``last`` is how it ends, if that is known.

    The name decides only what the content leaves open. Raises ObjectError FORMAT_UNEXPECTED for what is no text and no known format.
    """
    if seen := format_of(first):
        binary = FORMAT_NAMES.get(seen)
        if binary is None:
            raise ObjectError("FORMAT_UNEXPECTED", f"found {seen}, which headrace does not read", hint="save it as .xlsx without a password, or as CSV")
        return Guess({"format": Belief(binary, "certain", "its first bytes")}, {"format": binary})
    beliefs: dict[str, Belief] = {}
    settings: dict[str, Any]
    encoding = beliefs["encoding"] = _encoding(first, is_whole=is_whole)
    text = _text(first, encoding.value, is_whole=is_whole)
    if "\0" in text and (encoding.sureness == "guess" or (text.count("\0") + text.count("\ufffd")) * 20 > len(text)):
        message = f"found binary content with a zero byte at byte {first.index(0)}, expected text: CSV, TSV or JSON"
        raise ObjectError("FORMAT_UNEXPECTED", message, hint="convert the file to one of these")
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    if not lines:
        ending = _ending(name)
        empty = ENDINGS.get(ending, "csv")
        reason = f"there is no record; its name ends in {ending}" if ending else "there is no record, and its name says nothing"
        return Guess({"format": Belief(empty, "guess", reason)}, {"format": empty})
    if encoding.value == "utf-8" and (items := items_of(text)) and (items.is_certain or _ending(name) not in JSON_ENDINGS):
        beliefs["format"] = Belief(items.format, "certain" if items.is_certain else "likely", items.reason)
        settings = {"format": items.format}
        if items.is_change:
            beliefs["operation"] = Belief(OPERATION, "certain", "a record without an image deletes its item")
            settings["operation"] = OPERATION
        return Guess(beliefs, settings)
    form = beliefs["format"] = _json_format(text, lines, name) or Belief("csv", "likely", "lines of text that are no JSON")
    settings = {"encoding": encoding.value}
    if form.value in ("jsonl", "json", "json_values"):
        if encoding.value in ("latin-1", "windows-1252"):  # JSON is UTF-8 (RFC 8259 section 8.1): what is not is wrong
            beliefs["encoding"] = Belief("utf-8", "likely", "JSON is UTF-8")
            settings["encoding"] = "utf-8"
        return Guess(beliefs, settings | {"format": form.value})
    _delimited(lines, text, beliefs, settings, ending=last.decode(errors="replace") if encoding.value == "utf-8" else "")
    return Guess(beliefs, settings)


def _encoding(first: bytes, *, is_whole: bool) -> Belief:
    seen = encoding_of(first)
    if seen and first.startswith(BOMS[seen]):
        return Belief(seen, "certain", "a byte order mark")
    if seen:
        return Belief(seen, "likely", "every other byte is zero")
    bad = _first_bad(first)
    if bad < 0 or (not is_whole and bad >= len(first) - 3):  # a character may be cut
        return Belief("utf-8", "certain", "ASCII" if first.isascii() else "all of it is UTF-8")
    if len(_MULTIBYTE.findall(first)) > 2:
        return Belief("utf-8", "likely", f"most of it is UTF-8; byte {bad} is not, and its record is rejected")
    single: Encoding = "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", first) else "windows-1252"
    return Belief(single, "guess", f"byte {bad} is not UTF-8; other encodings of one byte look the same: say `encoding` in a config")


def _first_bad(first: bytes) -> int:
    try:
        first.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return -1


def _text(first: bytes, encoding: str, *, is_whole: bool) -> str:
    """The text without its mark, and, if it goes on, without its last line that may be cut."""
    text = first.removeprefix(BOMS.get(encoding, b"")).decode(codec_of(encoding), "replace")
    if is_whole or "\n" not in text:
        return text
    return text[: text.rindex("\n") + 1]


def _ending(name: str) -> str:
    """The ending of ``name`` but for that of a compression."""
    stem = name.lower()
    for ending in COMPRESSED_ENDINGS:
        stem = stem.removesuffix(ending)
    return PurePosixPath(stem).suffix


def _json_format(text: str, lines: Sequence[str], name: str) -> Belief | None:
    ending, first = _ending(name), lines[0].strip()
    if first.startswith("{"):
        if _is_json(first, dict):
            if len(lines) == 1 or lines[1].strip()[:1] == "{":
                return Belief("jsonl", "certain" if len(lines) > 1 else "likely", "its lines are JSON objects")
            return (
                Belief("json", "likely", "it begins with a JSON object") if ending == ".json" else Belief("jsonl", "likely", "its first line is a JSON object")
            )
        value, rest = _first_value(text)
        if isinstance(value, dict):
            is_one = not rest or (ending == ".json" and rest[0] != "{")
            return Belief("json", "certain", "it is one JSON object") if is_one else Belief("json_values", "likely", "JSON values follow each other")
        if ending in (".jsonl", ".ndjson") or (first.startswith('{"') and ending != ".json"):
            return Belief("jsonl", "likely", "its first line begins like a JSON object")
        if first in ("{", "{}") or first.startswith('{"') or ending == ".json":
            return Belief("json", "likely", "it begins like a JSON object")
    if first.startswith("[") and (ending == ".json" or first == "[" or _is_json(first, list) or re.match(r'\[\s*[{\[]|\[\s*"[^"]*"\s*+,?+$', first)):
        return Belief("json", "likely", "it begins with a JSON array")
    if ending in JSON_ENDINGS:
        return Belief("json" if ending == ".json" else "jsonl", "likely", f"its name ends in {ending}")
    return None


def _is_json(text: str, kind: type) -> bool:
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(text, parse_int=str, parse_float=str), kind)
    return False


def _first_value(text: str) -> tuple[object, str]:
    """The first JSON value and what follows it; None if there is no whole one."""
    with suppress(ValueError, RecursionError):
        stripped = text.lstrip()
        value, end = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(stripped)
        return value, stripped[end:].strip()
    return None, ""


def _delimited(lines: Sequence[str], text: str, beliefs: dict[str, Belief], settings: dict[str, Any], *, ending: str) -> None:
    if named := _NAMED_DELIMITER.match(text):
        lines, text = lines[1:], text[named.end() :]
        settings["skip_lines"] = 1
        beliefs["skip_lines"] = Belief("1", "certain", "`sep=` is how Excel names the delimiter")
    elif skipped := preamble_lines(text):
        text = text.split("\n", skipped)[-1]
        lines = [line for line in text.splitlines() if line.strip()]
        settings["skip_lines"] = skipped
        beliefs["skip_lines"] = Belief(str(skipped), "guess", f"only from line {skipped + 1} on it is a table; what stands before it is passed over")
    delimiter, share, columns = _delimiter(text)
    if columns == 1 and (widths := fixed_widths(lines)):
        _fixed(lines, widths, beliefs, settings)
        return
    settings["format"] = "tsv" if delimiter == "\t" else "csv"
    if delimiter not in (",", "\t"):
        settings["delimiter"] = delimiter
    one = "no delimiter gives more than one field, and columns of fixed width are not plain to see: a route needs `widths` for them"
    reason = f"{share:.0%} of the first rows have {columns} fields with it" if columns > 1 else one
    beliefs["delimiter"] = Belief(json.dumps(delimiter), "certain" if share == 1 and columns > 2 else "likely", reason)
    quote, escape = _quoting(text, delimiter)
    if (quote, escape) != ('"', ""):
        settings |= {"quote": quote} if quote != '"' else {"escape": escape}
        beliefs["quote"] = Belief(json.dumps(quote), "likely", "fields begin and end with it")
        if escape:
            beliefs["escape"] = Belief(json.dumps(escape), "likely", "quotes within quotes have it before them")
    rows = _rows(text.replace(delimiter, "\x1f"), "\x1f", quote, escape) if len(delimiter) > 1 else _rows(text, delimiter, quote, escape)
    header = beliefs["header"] = _header(rows)
    if header.value == "no" and rows:
        settings["header"] = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]
    elif rows and (len(set(rows[0])) < len(rows[0]) or "" in rows[0]):
        settings["header_names"] = "number"
        beliefs["header_names"] = _NUMBERED
    if not escape and (footer := footer_lines(ending, delimiter, columns)):
        settings["skip_footer_lines"] = footer
        beliefs["skip_footer_lines"] = Belief(
            str(footer), "guess", f"it ends in {'a total or a count' if footer == 1 else 'totals or counts'} and no rows, which are passed over"
        )


def _fixed(lines: Sequence[str], widths: Sequence[int], beliefs: dict[str, Belief], settings: dict[str, Any]) -> None:
    beliefs["format"] = Belief("fixed", "likely", f"lines of {len(lines[0])} characters each, with blanks at the same places")
    rows = [cut(line, widths) for line in lines[:DELIMITER_ROWS]]
    header = beliefs["header"] = _header(rows)
    has_names = header.value == "yes" and header.sureness == "certain"
    if not has_names:
        beliefs["header"] = Belief("no", "guess", "nothing tells the first row from the others; most files of fixed width have no names")
    names = numbered(rows[0] if has_names else [""] * len(widths))
    settings |= {"format": "fixed", "widths": dict(zip(names, widths, strict=True))} | ({"skip_lines": 1} if has_names else {})
    listed = ", ".join(f"{name} {width}" for name, width in settings["widths"].items())
    beliefs["widths"] = Belief(listed, "guess", "where columns end is seen from blanks alone; longer values may reach further")


def _rows(text: str, delimiter: str, quote: str = '"', escape: str = "") -> list[list[str]]:
    rows: list[list[str]] = []
    with suppress(csv.Error):
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, quotechar=quote, escapechar=escape or None)
        rows += itertools.islice((row for row in reader if row), DELIMITER_ROWS)
    return rows


def _delimiter(text: str) -> tuple[str, float, int]:
    """The delimiter by which the first rows have the most columns, the same number in most rows; a comma if there is no sign of any."""
    best, best_score = ",", (1.0, 1)
    for delimiter in DELIMITERS:
        rows = _rows(text, delimiter)
        columns = len(rows[0]) if rows else 0
        score = (sum(len(row) == columns for row in rows) / len(rows), columns) if columns > 1 else (0.0, 0)
        if score[1] > 1 and (best_score[1] == 1 or score > best_score):
            best, best_score = delimiter, score
            if columns > 2 and columns % 2 and any(rows[0]) and not any(any(row[1::2]) for row in rows):  # every other field is empty: the delimiter is doubled
                best = delimiter * 2
    return best, *best_score


def _quoting(text: str, delimiter: str) -> tuple[str, str]:
    """The quote, and what escapes it within quotes."""
    edge = re.escape(delimiter)
    if '"' not in text and len(re.findall(rf"(?m)(?:^|{edge})'[^'\n]*'(?={edge}|\r?$)", text)) * 2 >= text.count("\n") > 0:
        return "'", ""
    if '\\"' in text and _is_malformed(text, delimiter[:1], "") and not _is_malformed(text, delimiter[:1], "\\"):
        return '"', "\\"
    return '"', ""


def _is_malformed(text: str, delimiter: str, escape: str) -> bool:
    try:
        for _ in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, escapechar=escape or None, strict=True):
            pass
    except csv.Error:
        return True
    return False


def _header(rows: Sequence[Sequence[str]]) -> Belief:
    """Whether the first row names the columns: where the rows are numbers it does not have one, and nowhere is it a number itself."""
    if not rows:
        return Belief("yes", "guess", "no row could be read")
    below = [[row[index] for row in rows[1:] if index < len(row) and row[index]] for index in range(len(rows[0]))]
    numeric = [bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells) for cells in below]
    is_number = [bool(_NUMBER.fullmatch(cell)) for cell in rows[0]]
    named = [cell for cell, here, under in zip(rows[0], is_number, numeric, strict=True) if cell and under and not here]
    if named:
        return Belief("yes", "certain", f"{shortened(named[0], 30)} stands above numbers")
    if any(here and (under or not rows[1:]) for here, under in zip(is_number, numeric, strict=True)):
        return Belief("no", "likely", "the first row has numbers as the rows below it")
    return Belief("yes", "guess" if len(rows) > 1 else "likely", "nothing tells the first row from the others; most files have names there")
