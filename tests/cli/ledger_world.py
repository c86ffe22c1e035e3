"""A loader in memory, and the commands that read its ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from contracts.memory_table import MemoryTable
from headrace.aws.session import Aws
from headrace.cli.ledger_access import LedgerAccess
from headrace.config.model import Route
from headrace.errors import ObjectError
from headrace.ledger.entries import Generation
from headrace.ledger.identity import generation_id
from headrace.ports import Clock, ObjectRef, ObjectState, OpenedObject
from loader.world import World
from read.memory_objects import MemoryObjects, Version

COMMANDS = ("errors", "history", "replay", "status")


class LedgerWorld(World):
    """A World whose rejected records are kept as S3 keeps them, with any number of objects."""

    def __init__(self, **route: Any) -> None:
        super().__init__(b"", **route)
        self.others: dict[str, MemoryObjects] = {}
        self.kept_files: dict[str, bytes] = {}
        self.sent: list[tuple[str, Any]] = []
        self.waiting = {"headrace-events": 3}

    def load(self, key: str, content: bytes, number: int = 1) -> Generation:
        """The generation of version ``number`` of an object that came and was loaded."""
        ref = self.ref_of(key, content, number)
        self.loader().arrived(ref, self.turn())
        found = self.ledger.generation(generation_id(ref))
        assert found
        self.clock.sleep(1)
        return found

    def ref_of(self, key: str, content: bytes, number: int = 1) -> ObjectRef:
        """Version ``number`` of an object, which is there now."""
        version = Version(content, f"etag{number}", f"version-{number}")
        self.others[key] = MemoryObjects(version)
        return ObjectRef("landing", key, version.version_id, version.etag, len(content), f"00{0x55AED6DCD90281E5 + number:X}")

    def with_route(self, **changes: Any) -> None:
        """The config corrected."""
        route: Route = replace(self.config.routes[0], **changes)
        self.config = replace(self.config, routes=[route])

    def access(self) -> LedgerAccess:
        now = self.ledger_store.now()
        return LedgerAccess(self.config, Path(), cast(Aws, WorldAws(self)), self.ledger_store, self.ledger, now)

    def state(self, key: str) -> ObjectState:
        return self.others[key].state(key)

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        if ref.bucket == "landing":
            return self.others[ref.key].open(ref, offset)
        if ref.key not in self.kept_files:
            raise ObjectError("OBJECT_MISSING", "gone")
        return OpenedObject(BytesIO(self.kept_files[ref.key][offset:]), len(self.kept_files[ref.key]), None, None)

    def store(self, name: str, content: BinaryIO) -> str:
        self.kept_files[name] = content.read()
        return f"s3://landing-rejects/{name}"


class WorldAws:
    """What the commands use of ``Aws``."""

    region = "eu-west-1"

    def __init__(self, world: LedgerWorld) -> None:
        self._world = world

    def objects(self) -> LedgerWorld:
        return self._world

    def listing(self, bucket: str) -> LedgerWorld:
        assert bucket == "landing"
        return self._world

    def rejects(self, bucket: str) -> LedgerWorld:
        assert bucket == "landing-rejects"
        return self._world

    def table(self, name: str, clock: Clock) -> MemoryTable:
        self._world.table.is_closed = False
        return self._world.table

    def client(self, service: str) -> WorldAws:
        assert service == "sqs"
        return self

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:
        return {"QueueUrl": f"http://sqs/111122223333/{QueueName}"}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        waiting = self._world.waiting.get(QueueUrl.rpartition("/")[2], 0)
        return {"Attributes": {"ApproximateNumberOfMessages": str(waiting), "ApproximateNumberOfMessagesNotVisible": "0"}}

    def send_messages(self, beside: str, queue: str, bodies: list[str], *, clock: object) -> None:
        assert beside == "arn:aws:sqs:eu-west-1:111122223333"
        self._world.sent += [(queue, json.loads(body)) for body in bodies]


def open_in_commands(world: LedgerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands open the ledger of this world."""
    for command in COMMANDS:
        monkeypatch.setattr(f"headrace.cli.{command}.open_ledger", lambda *_: world.access())
