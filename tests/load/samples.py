"""Configs and worlds for whole loads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, BinaryIO

from contracts.memory_table import MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Outcome
from headrace.config.model import Column, Config, Limits, Route, Source, Table
from headrace.errors import HeadraceError
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef
from read.memory_objects import MemoryObjects, Version

REF = ObjectRef("landing", "in/a.csv")


def config_of(columns: dict[str, Column] | None = None, *, limits: Limits | None = None, **settings: Any) -> Config:
    """One route to the table ``orders``, with the number ``id`` as its key."""
    values: dict[str, Any] = {"format": "csv", "other_columns": "keep"} | settings
    route = Route("orders", "in/**", table="orders", columns={"id": Column("number"), **(columns or {})}, **values)
    return Config(Source("landing"), {"orders": Table({"id": "number"})}, [route], limits=limits or Limits())


class KeptRejects:
    """A RejectSink that keeps the lines, or fails."""

    def __init__(self, error: HeadraceError | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self.error = error

    def store(self, name: str, content: BinaryIO) -> str:
        if self.error:
            raise self.error
        self.lines = [json.loads(line) for line in content.read().splitlines()]
        return f"memory:{name}"


class World:
    """An object in memory, a table in memory, virtual time."""

    def __init__(self, content: bytes, config: Config | None = None, **settings: Any) -> None:
        self.config = config or config_of(**settings)
        self.objects = MemoryObjects(Version(content), largest=1000)
        self.table: Any = MemoryTable("orders", self.config.tables["orders"].key)
        self.rejects = KeptRejects()
        self.clock = VirtualClock(1000.0)

    def load(self, **arguments: Any) -> Outcome:
        ports = Ports(self.objects, lambda name: self.table, self.rejects, self.clock)
        outcome = load_object(REF, self.config.routes[0], self.config, ports, **arguments)
        assert all(body.is_closed for body in self.objects.bodies), "a body was left open"
        assert self.table.violations == []
        assert outcome.unknown >= 0
        assert (outcome.state == "LOADED") == (outcome.error == "")
        if outcome.state == "LOADED":
            assert outcome.unknown == 0
        return outcome

    def with_route(self, **settings: Any) -> World:
        self.config = replace(self.config, routes=[replace(self.config.routes[0], **settings)])
        return self

    def items(self) -> list[dict[str, Any]]:
        return list(self.table.stored.values())
