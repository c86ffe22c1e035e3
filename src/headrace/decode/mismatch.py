"""An object that is not in the format that its route names, seen from its first lines, and said before anything is written."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from headrace.encoding import BOMS, codec_of
from headrace.errors import ObjectError

LOOKED_AT_BYTES = 4_096
OTHER_MARKS = tuple(mark for name, mark in BOMS.items() if name != "utf-8")
ZEROS_MIN = 16
"""So many zero bytes, each beside one that is not zero, make UTF-16."""
_NAMES = {"csv": "delimited text", "tsv": "delimited text", "fixed": "text of fixed width", "jsonl": "JSON Lines", "json": "JSON", "json_values": "JSON"}
_NAMES |= {"dynamodb_json": "DynamoDB JSON"}
_JSON = ("jsonl", "json", "json_values", "dynamodb_json")
_JSON_LINE = re.compile(r'\[?\s*\{(?:\s*"(?:[^"\\]|\\.)*"\s*:|\s*\})')
_ION_LINE = re.compile(r"\$ion_1_0\s|\{\s*(?:Item|Record)\s*:\s*\{")
_ITEM = re.compile(r'"(?:Item|Items|Keys|dataFileS3Key|manifestFilesS3Key)"\s*:')
"""Members of which each record of DynamoDB JSON has one; those of manifests have an error of their own."""


def required(pieces: Iterator[bytes], format: str, encoding: str) -> Iterator[bytes]:
    """``pieces`` as they are. Raises ObjectError FORMAT_UNEXPECTED where they begin like another format than ``format``, and can be nothing else."""
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= LOOKED_AT_BYTES:
            break
    looked_at = first[:LOOKED_AT_BYTES]
    if looked_at.startswith(OTHER_MARKS) and encoding == "utf-8":
        return itertools.chain([first], pieces)  # which has an error of its own
    text = looked_at.decode(codec_of(encoding), "replace").removeprefix("\ufeff")
    if seen := _binary(looked_at, text) or seen_instead(text, format, is_whole=len(first) < LOOKED_AT_BYTES):
        expected = f"{_NAMES[format]} (`format: {format}`)"
        raise ObjectError("FORMAT_UNEXPECTED", f"found {seen}, expected {expected}", hint="correct `format` of the route, or convert the file")
    return itertools.chain([first] if first else [], pieces)


def _binary(first: bytes, text: str) -> str:
    """What ``first`` is where ``text``, which was made of it, is none. Zero bytes alone are no sign: fields may have them."""
    if "\0" not in text:
        return ""
    for name, letters, zeros in (("utf-16-le", first[::2], first[1::2]), ("utf-16-be", first[1::2], first[::2])):
        if len(zeros) >= ZEROS_MIN and not any(zeros) and all(letters):
            return f"text in {name} (`encoding: {name}` reads it)"
    return "binary content" if text.count("\ufffd") * 20 > len(text) else ""


def seen_instead(text: str, format: str, *, is_whole: bool) -> str:
    """What ``text``, the beginning of an object or all of it, surely is instead of ``format``; ``""`` if it may be that."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    if _ION_LINE.match(lines[0]):
        return "Ion text"
    if format in _JSON:
        return _instead_of_json(lines, text, format, is_whole=is_whole)
    is_json = _JSON_LINE.match(lines[0]) and (_begins_json(lines[0]) or not lines[0].endswith("}"))
    return "JSON" if is_json or lines[0] in ("{", "[") else ""


def _instead_of_json(lines: Sequence[str], text: str, format: str, *, is_whole: bool) -> str:
    line = lines[0]
    if format == "json" and len(lines) > 1 and line.startswith("{") and _is_json(line, dict) and lines[1].startswith("{"):
        return "JSON Lines (`format: jsonl` reads them)"
    if format in ("jsonl", "dynamodb_json") and re.match(r"\s*\{", _after_first(line)) and not any(_is_json(each, dict) for each in lines):
        return "JSON values behind each other (`format: json_values` reads them)"
    if format == "jsonl" and (line in ("{", "[") or (line.startswith("[") and (line.endswith(",") or _is_json(line, list)))):
        return "one JSON document (`format: json` reads it)"
    whole = lines if is_whole or text.endswith("\n") else lines[:-1]
    has_json = any(each[0] in "[{}]" or _is_json(each, object) for each in whole)
    is_row = not re.match(r'[\[{"\-0-9tfn]', line) and len(re.findall(r"[,;\t|]", line)) > 1
    if not has_json and (is_row or len(whole) > 1):
        return "delimited text" if re.search(r"[,;\t|]", line) else "text that is no JSON"
    return "JSON without the types of DynamoDB" if format == "dynamodb_json" and line[0] in "[{" and not _ITEM.search(text) else ""


def _begins_json(line: str) -> bool:
    return _is_json(line, dict) or _is_json(line, list) or bool(_after_first(line))


def _after_first(line: str) -> str:
    """What follows the first JSON value of ``line``, ``""`` if nothing does, or there is none."""
    with suppress(ValueError, RecursionError):
        return line[json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(line)[1] :]
    return ""


def _is_json(line: str, kind: type) -> bool:
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(line, parse_int=str), kind)
    return False
