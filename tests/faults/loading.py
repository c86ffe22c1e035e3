"""Whole loads into a real table behind the fault proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.engines import Engine
from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Outcome
from headrace.config.model import Column, Config, KeyType, Route, Source, Table
from headrace.load import Ports, load_object
from headrace.local.fault_proxy import Rule
from headrace.ports import ObjectRef, SystemClock
from load.samples import KeptRejects
from read.memory_objects import MemoryObjects, Version
from servers.recorded import RecordedProxy

WRITE = "dynamodb:BatchWriteItem"
REF = ObjectRef("landing", "in/a")
FOR_EVER = range(1, 1 << 40)


@dataclass
class Faulted:
    """A new table on ``engine``, reached through ``proxy``."""

    engine: Engine
    proxy: RecordedProxy
    config: Config
    rejects: KeptRejects

    def load(self, content: bytes, *, within_s: float = 0.0, objects: Any = None, ref: ObjectRef = REF) -> Outcome:
        """Load ``content``, or ``ref`` from ``objects``; nothing is called after it has ended. With ``within_s`` only the writer's pauses take time."""
        clock = VirtualClock() if within_s else SystemClock()
        ports = Ports(objects or MemoryObjects(Version(content)), lambda _: store, self.rejects, clock)
        (name,) = self.config.tables
        with closing(self.engine.proxied.table(name, SystemClock())) as store:
            outcome = load_object(ref, self.config.routes[0], self.config, ports, deadline=clock.monotonic() + (within_s or 300.0))
        assert outcome.read == outcome.written + outcome.rejected + outcome.filtered + outcome.superseded + outcome.unknown
        assert (outcome.state == "LOADED") == (outcome.unknown == 0 and not outcome.error)
        return outcome

    def items(self) -> list[dict[str, Any]]:
        """What the table holds, numbers as Decimal and all else as DynamoDB JSON."""
        (name,) = self.config.tables
        pages = self.engine.dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        found = [item for page in pages for item in page["Items"]]
        return [{attribute: Decimal(value["N"]) if "N" in value else value for attribute, value in item.items()} for item in found]


@contextmanager
def faulted(engine: Engine, *rules: Rule, form: Any = "csv", columns: dict[str, Column] | None = None, **key: KeyType) -> Iterator[Faulted]:
    """A table with ``key`` (default: the number ``id``) and a route of ``columns`` to it, behind ``rules``."""
    key = key or {"id": "number"}
    name = engine.table(**key)
    columns = {attribute: Column(kind) for attribute, kind in key.items()} | (columns or {})
    route = Route("orders", "in/**", form, name, columns=columns, other_columns="keep")
    with engine.behind(*rules) as proxy:
        yield Faulted(engine, proxy, Config(Source("landing"), {name: Table(key)}, [route]), KeptRejects())


def rows(count: int) -> bytes:
    """A CSV of ``count`` records with keys of their own."""
    return b"id,v\n" + b"".join(b"%d,x%d\n" % (number, number) for number in range(count))


def values(items: list[dict[str, Any]]) -> dict[int, str]:
    """The items of ``rows`` by key."""
    return {int(item["id"]): item["v"]["S"] for item in items}
