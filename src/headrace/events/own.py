"""Messages that headrace sends to itself: work on one chunk, load a generation again, look at an object of which no event told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from headrace.errors import HeadraceError
from headrace.events.version import object_version
from headrace.ports import ObjectRef, Replay, Task

_Json = Mapping[str, Any]  # what json.loads makes of an object: any value under any name


class Found(NamedTuple):
    """An object version that the sweeper found."""

    ref: ObjectRef


def read_own(message: _Json, bucket: str) -> Task | Replay | Found:
    """What a message of ``task_body``, ``replay_body`` or ``found_body`` asks for. Raises HeadraceError EVENT_MALFORMED."""
    match message:
        case {"headrace": "chunk"}:
            return _task(message)
        case {"headrace": "replay"}:
            return _replay(message)
    return _found(message, bucket)


def _task(message: _Json) -> Task:
    """A message of ``task_body``."""
    match message:
        case {"generation": str(generation), "chunk": int(chunk)} if re.fullmatch("[0-9a-f]{32}", generation) and 0 <= chunk < 1_000_000:
            return Task(generation, chunk)
    raise HeadraceError("EVENT_MALFORMED", "a chunk's message without a generation of 32 hexadecimal digits and the number of a chunk")


def task_body(task: Task) -> str:
    """The message that asks for one chunk."""
    return json.dumps({"headrace": "chunk", "generation": task.generation, "chunk": task.chunk})


def _replay(message: _Json) -> Replay:
    """A message of ``replay_body``."""
    match message:
        case {"generation": str(generation), "number": int(number)} if re.fullmatch("[0-9a-f]{32}", generation) and 1 <= number < 1_000_000:
            return Replay(generation, number)
    raise HeadraceError("EVENT_MALFORMED", "a replay's message without a generation of 32 hexadecimal digits and its number")


def replay_body(replay: Replay) -> str:
    """The message that asks for all records of a generation to be loaded again."""
    return json.dumps({"headrace": "replay", "generation": replay.generation, "number": replay.number})


def _found(message: _Json, bucket: str) -> Found:
    """A message of ``found_body``."""
    match message:
        case {"key": str(key), **fields}:
            return Found(object_version(bucket, key, fields, version_id="versionId", etag="eTag"))
    raise HeadraceError("EVENT_MALFORMED", "a message about an object without its key")


def found_body(ref: ObjectRef, found_by: Literal["sweep"]) -> str:
    """The message that says that an object is there, of which no event told."""
    found = {"key": ref.key, "versionId": ref.version_id, "eTag": ref.etag, "size": ref.size, "sequencer": ref.sequencer}
    return json.dumps({"headrace": found_by} | found)
