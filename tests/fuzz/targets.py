"""What is fuzzed: a table of targets, each with its first inputs. What must hold of a decoder's input is said by ``fuzz.exact``."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from decode.tables import readers_here
from events.event_samples import BUCKET
from fuzz import samples
from fuzz.exact import HEAD, Input, require_exact
from headrace.cli.guess import guess
from headrace.cli.sample import take_sample
from headrace.cli.source import Source
from headrace.config import compiled
from headrace.config.model import Column, ColumnType, Encoding, Format, Route
from headrace.config.parse import parse as parse_config
from headrace.decode import in_child as children
from headrace.errors import ConfigError, HeadraceError, ObjectError
from headrace.events.parse import parse as parse_event
from headrace.ports import ObjectRef
from read.memory_objects import MemoryObjects, Version
from split.cases import BLOCKS, CODECS, layout

ENCODINGS: list[Encoding] = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "windows-1252"]
TYPES: tuple[ColumnType, ...] = ("string", "number", "boolean", "binary", "timestamp", "date", "list", "map", "json", "string_set", "number_set", "drop")
CHILD_S = 2
SEEDS = Path(__file__).parent / "seeds"
"""Inputs that once failed, a folder for each target."""


def _route(given: Input, format: Format, **settings: Any) -> Route:
    """A route of ``format`` with more ``settings``, and columns as the input chooses."""
    kind = given.number(len(TYPES) + 1)
    columns = {"a": Column()} | ({"b": Column(TYPES[kind - 1])} if kind else {})
    return Route("r", "**", format, "t", columns=columns, other_columns="keep", empty=given.one_of(("omit", "null", "empty", "reject")), **settings)


def delimited(given: Input) -> None:
    """CSV and TSV of any dialect and encoding."""
    settings = {
        "encoding": given.one_of(ENCODINGS),
        "delimiter": given.one_of((",", ";", "||", "→", "\\")),
        "quote": given.one_of(('"', "'", "")),
        "escape": given.one_of(("", "^")),
        "comment": given.one_of(("", "#")),
        "skip_lines": given.number(3),
        "skip_footer_lines": given.number(3),
        "ragged": given.one_of(("reject", "pad", "keep_extra")),
        "header_names": given.one_of(("reject", "number")),
        "header": given.one_of((None, ["a", "b"])),
    }
    require_exact(given, given.content, _route(given, "csv", **settings), is_plain=True)


def fixed(given: Input) -> None:
    """Lines of fixed width."""
    settings = {"ragged": given.one_of(("reject", "pad", "keep_extra")), "comment": given.one_of(("", "#")), "skip_footer_lines": given.number(3)}
    route = _route(given, "fixed", widths={"a": 1, "b": 5}, encoding=given.one_of(ENCODINGS), **settings)
    require_exact(given, given.content, route, is_plain=True)


def json_lines(given: Input) -> None:
    route = _route(given, "jsonl", encoding=given.one_of(ENCODINGS), duplicate_names=given.one_of(("reject", "last")))
    require_exact(given, given.content, route, is_plain=True)


def json_values(given: Input) -> None:
    """JSON values one after another."""
    settings = {"duplicate_names": given.one_of(("reject", "last")), "other_values": given.one_of(("reject", "wrap"))}
    require_exact(given, given.content, _route(given, "json_values", encoding=given.one_of(ENCODINGS), **settings), is_plain=True)


def json_document(given: Input) -> None:
    """One JSON document, with the records at its top or at a path."""
    settings = {"duplicate_names": given.one_of(("reject", "last")), "other_values": given.one_of(("reject", "wrap"))}
    route = _route(given, "json", encoding=given.one_of(ENCODINGS), path=given.one_of(("", "data.items", "a")), **settings)
    require_exact(given, given.content, route, is_plain=True)


def dynamodb_json(given: Input) -> None:
    require_exact(given, given.content, _route(given, "dynamodb_json", operation=given.one_of(("", "op"))), is_plain=True)


def ion(given: Input) -> None:
    require_exact(given, given.content, _route(given, "ion", operation=given.one_of(("", "op"))))


def parquet(given: Input) -> None:
    require_exact(given, given.content, _route(given, "parquet"))


def avro(given: Input) -> None:
    require_exact(given, given.content, _route(given, "avro"))


def orc_file(given: Input) -> None:
    require_exact(given, given.content, _route(given, "orc"))


def xlsx(given: Input) -> None:
    """A workbook as it is, or parts of one, with two zero bytes between them, as those of a sound workbook: checksums do not keep changes out."""
    content = given.one_of((given.content, None))
    if content is None:
        changed = zip(samples.PARTS, given.content.split(b"\0\0"), strict=False)
        content = samples.zip_of(samples.workbook_parts() | {name: part for name, part in changed if part})
    require_exact(given, content, _route(given, "xlsx", header=given.one_of((None, ["a", "b"]))))


def compressed(given: Input) -> None:
    """Any compression, damaged."""
    require_exact(given, given.content, _route(given, given.one_of(("csv", "jsonl", "json"))))


def members(given: Input) -> None:
    """Sound compression in any layout of members: their chunks are a read from the beginning."""
    codec = given.one_of((*CODECS, BLOCKS))
    cuts = [given.number(256) * (1 + given.number(4)) for _ in range(3)]
    route = _route(given, given.one_of(("csv", "jsonl")))
    require_exact(given, layout(given.content, cuts, codec, []), route)


def zipped(given: Input) -> None:
    """A zip as it is, or made of members, with two zero bytes between them."""
    content = given.one_of((given.content, None))
    if content is None:
        method = given.one_of((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        content = samples.zip_of({str(number): part for number, part in enumerate(given.content.split(b"\0\0"))}, method)
    require_exact(given, content, _route(given, given.one_of(("csv", "jsonl", "json", "fixed")), widths={"a": 1, "b": 5}))


def sniffed(given: Input) -> None:
    """Beliefs and a sample, or an ObjectError."""
    name = given.one_of(("a", "a.csv", "a.json", "a.jsonl.gz"))
    with suppress(ObjectError):
        guess(given.content, name, is_whole=False)
    with suppress(ObjectError):
        take_sample(Source(ObjectRef("", name), MemoryObjects(Version(given.content, None)), name))


def events(given: Input) -> None:
    """An event of no known shape is an error with a code; any other names only objects of the one bucket, and in an SQS message nothing is raised."""
    text = given.content.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):  # Lambda sends JSON
        event = json.loads(text)
        with suppress(HeadraceError):
            _require_messages(parse_event(event, bucket=BUCKET))
    record = {"messageId": "1", "receiptHandle": "2", "eventSource": "aws:sqs", "body": text}
    found = parse_event({"Records": [record]}, bucket=BUCKET)
    assert len(found) == 1
    _require_messages(found)


def _require_messages(found: list[Any]) -> None:
    for message in found:
        assert message.created or message.tasks or message.replays or message.ignored or message.refused
        assert all(ref.bucket == BUCKET and 1 <= len(ref.key.encode()) <= 1024 for ref in message.created)


def config(given: Input) -> None:
    """A config that the function reads as it was meant, or all problems at once."""
    try:
        found = parse_config(given.content.decode("utf-8", "replace"), "headrace.yaml")
    except ConfigError as error:
        assert error.problems
        return
    assert compiled.loads(compiled.dumps(found)) == found


class Target(NamedTuple):
    """``require`` raises where something does not hold; ``runs`` are those of ``make fuzz``."""

    require: Callable[[Input], None]
    contents: list[bytes]
    runs: int


TARGETS = {
    "delimited": Target(delimited, samples.DELIMITED, 10_000),
    "fixed": Target(fixed, samples.FIXED, 5_000),
    "json_lines": Target(json_lines, samples.JSON_LINES, 5_000),
    "json_values": Target(json_values, samples.JSON_VALUES, 5_000),
    "json_document": Target(json_document, samples.JSON_DOCUMENTS, 5_000),
    "dynamodb_json": Target(dynamodb_json, samples.DYNAMODB_JSON, 3_000),
    "ion": Target(ion, samples.ion(), 1_500),
    "parquet": Target(parquet, samples.parquet(), 1_500),
    "avro": Target(avro, samples.avro(), 1_500),
    "orc": Target(orc_file, samples.orc_files(), 4_000),
    "xlsx": Target(xlsx, samples.xlsx(), 500),
    "compressed": Target(compressed, samples.compressed(), 3_000),
    "members": Target(members, [*samples.DELIMITED, *samples.JSON_LINES], 3_000),
    "zipped": Target(zipped, samples.zips(), 2_000),
    "sniffed": Target(sniffed, [*samples.DELIMITED, *samples.JSON_LINES, *samples.JSON_VALUES, *samples.JSON_DOCUMENTS, *samples.DYNAMODB_JSON], 10_000),
    "events": Target(events, samples.events(), 10_000),
    "config": Target(config, [samples.CONFIG], 5_000),
}


def inputs(name: str) -> list[bytes]:
    """The first inputs of a target: each of its contents with three ways to read it, and those that once failed."""
    heads = (bytes(HEAD), bytes([1]) * HEAD, bytes(range(HEAD)))
    return [head + content for content in TARGETS[name].contents for head in heads] + [path.read_bytes() for path in sorted((SEEDS / name).glob("*"))]


def run(name: str, data: bytes, *, in_child: bool = False) -> None:
    """What must hold of one input. Binary formats are read in this process, or in one of their own as the function reads them, with less patience."""
    with _impatient_children() if in_child else readers_here():
        TARGETS[name].require(Input(data))


@contextmanager
def _impatient_children() -> Iterator[None]:
    """Within it a process that reads an object is ended after CHILD_S seconds of processor time for one batch."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(children, "PROGRAM", children.PROGRAM.replace("main(int", f"from headrace.decode import child; child.STEP_S_MAX = {CHILD_S}; main(int"))
        yield
