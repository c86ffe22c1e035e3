"""What is uploaded: files of records that the simulator knows, some of them dirty, and the events that tell of them."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus

from headrace.config.model import Column, Config, Function, Limits, OnError, Route, Source, Table
from headrace.ledger.identity import generation_id
from simulator.bucket import BUCKET, Version
from simulator.timeline import EPOCH

EventForm = Literal["classic", "eventbridge", "sns", "pair"]
FORMS: tuple[EventForm, ...] = ("classic", "eventbridge", "sns", "pair")
COLUMNS = {"id": Column(empty="reject"), "group": Column(), "value": Column("number")}
ROUTES = [
    Route("lines", "lines/**", "jsonl", "records", COLUMNS, on_error=OnError(max_rejects=None)),
    Route("few", "few/**", "csv", "records", COLUMNS, on_error=OnError(max_rejects=2)),
    Route("all-or-nothing", "skip/**", "csv", "records", COLUMNS, on_error=OnError("skip_file", 1)),
    Route("strict", "strict/**", "csv", "records", COLUMNS, on_error=OnError("abort")),
    Route("bare", "bare/**", "tsv", "records", COLUMNS, header=["id", "group", "value"], on_error=OnError(max_rejects=None)),
    Route("ordered", "ordered/**", "csv", "records", COLUMNS, order="file", on_error=OnError(max_rejects=None)),
    Route("rows", "rows/**", "csv", "records", COLUMNS, on_error=OnError(max_rejects=None)),
    Route("ordered-few", "limited/**", "csv", "records", COLUMNS, order="file", on_error=OnError(max_rejects=3)),
    Route("changes", "changes/**", "csv", "records", COLUMNS, operation="op", on_error=OnError(max_rejects=None)),
]
FOLDERS = {route.match.partition("/")[0]: str(route.format) for route in ROUTES}


class Row(NamedTuple):
    """One record: its key, its tag, which no other record has, and whether headrace should take it, and delete what has the key.

    ``start`` is its place in the plain content.
    """

    id: str
    tag: str
    is_good: bool
    is_delete: bool
    start: int

    @property
    def left(self) -> str:
        """The tag of the item that it leaves in the table; ``""`` for none."""
        return "" if self.is_delete else self.tag


@dataclass(frozen=True)
class Content:
    """A file as it is stored, and what is in it."""

    stored: bytes
    rows: tuple[Row, ...]
    is_gzip: bool

    @property
    def rejected(self) -> int:
        return sum(not row.is_good for row in self.rows)


def config(function: Function, limits: Limits, budget: int | None) -> Config:
    """The routes of all runs, into one table."""
    return Config(Source(BUCKET), {"records": Table({"id": "string"}, max_write_units_per_s=budget)}, ROUTES, function=function, limits=limits)


def content_of(key: str, upload: int, count: int, chance: random.Random, dirt: float = 0.1) -> Content:
    """A file of ``count`` records for ``key``; the keys of its items are shared by all versions of the object, and some by several records."""
    folder, _, name = key.partition("/")
    format = FOLDERS[folder]
    has_operations = folder == "changes"
    header = f"id,group,value{',op' * has_operations}\n".encode() if format == "csv" else b""
    plain, rows = [header], []
    at = len(header)
    for number in range(count):
        tag, id = f"T{upload}x{number}", f"{name}-{chance.randrange(count)}" if chance.random() < 0.2 else f"{name}-{number}"
        is_good = chance.random() >= dirt
        is_delete = has_operations and chance.random() < 0.3
        operation = f",{'D' if is_delete else 'U'}" if has_operations else ""
        line = _line(format, id, tag, is_good=is_good, chance=chance, ending=operation).encode()
        rows.append(Row(id, tag, is_good, is_delete, at))
        plain.append(line)
        at += len(line)
    is_gzip = chance.random() < 0.25
    stored = b"".join(plain)
    return Content(_members(stored, chance.choice((500, 5_000, 1 << 30))) if is_gzip else stored, tuple(rows), is_gzip)


def _members(plain: bytes, size: int) -> bytes:
    """``plain`` in gzip members of ``size`` bytes each."""
    return b"".join(gzip.compress(plain[at : at + size], 1, mtime=0) for at in range(0, max(len(plain), 1), size))


def event_of(version: Version, form: EventForm, other: Version | None = None) -> str:
    """The body of the message that tells of ``version``; a pair tells of ``other`` as well."""
    if form == "eventbridge":
        described = {"key": version.key, "size": len(version.content), "etag": version.etag, "sequencer": f"{version.sequencer:016x}"}
        described |= {"version-id": version.version_id} if version.version_id else {}
        detail = {"version": "0", "bucket": {"name": BUCKET}, "object": described, "reason": "PutObject"}
        return json.dumps({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": detail})
    body = {"Records": [_record(each, "ObjectCreated:Put") for each in (version, other) if each]}
    return json.dumps({"Type": "Notification", "Message": json.dumps(body)} if form == "sns" else body)


def restored_event(version: Version) -> str:
    """S3's word that an archived object can be read again. Only events of creations and deletions have a sequencer (S3 user guide,
    notification-content-structure, 2026-11)."""
    record = _record(version, "ObjectRestore:Completed")
    del record["s3"]["object"]["sequencer"]
    return json.dumps({"Records": [record]})


def removed_event(version: Version) -> str:
    """S3's word that an object was deleted."""
    return json.dumps({"Records": [_record(version, "ObjectRemoved:Delete")]})


def forged(chance: random.Random, generations: list[str]) -> str:
    """A message that claims what nobody may claim, or makes no sense."""
    foreign = {"bucket": {"name": "theirs"}, "object": {"key": "rows/x", "eTag": "e", "size": 1}, "table": "secrets"}
    chunk = {"headrace": "chunk", "generation": chance.choice([*generations, "0" * 32]), "chunk": chance.randrange(20), "table": "secrets", "bucket": "theirs"}
    forgeries: list[Any] = [
        {"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": foreign}]},
        chunk,
        {"headrace": "chunk", "generation": "../../x", "chunk": -1},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": foreign},
        {"table": "secrets", "transform": "os:system", "key": "rows/x"},
        "}{",
    ]
    return json.dumps(chance.choice(forgeries))


def _record(version: Version, name: str) -> dict[str, Any]:
    described: dict[str, Any] = {"key": quote_plus(version.key, safe="/"), "size": len(version.content), "eTag": version.etag}
    described |= {"sequencer": f"{version.sequencer:018X}"} | ({"versionId": version.version_id} if version.version_id else {})
    return {"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": name, "s3": {"bucket": {"name": BUCKET}, "object": described}}


def _line(format: str, id: str, tag: str, *, is_good: bool, chance: random.Random, ending: str) -> str:
    id = "" if ending and not is_good else id  # a delete looks at nothing but its key
    value = str(chance.randrange(1000)) if is_good else "many"
    if format == "jsonl":
        return json.dumps({"id": id, "group": tag, "value": int(value) if is_good else value}) + "\n"
    if chance.random() < 0.2 and format == "csv":
        return f'{id},"{tag}, ""quoted""\nand more",{value}{ending}\r\n'
    delimiter = "\t" if format == "tsv" else ","
    return delimiter.join((id, tag, value)) + ending + "\n"


def generations_of(version: Version) -> list[str]:
    """The ids under which the ledger may know an upload: from its events, without a sequencer from restores, or from a listing alone."""
    named = replace(version.ref, sequencer=None)
    refs = (version.ref, named, replace(named, version_id=None), replace(named, sequencer=f"modified {EPOCH + version.put_at:.0f}"))
    return list(dict.fromkeys(generation_id(ref) for ref in refs))
