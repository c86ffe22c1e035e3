"""A program of its own: ``load.damage_program FORM`` loads a small object of a binary format, damaged in a thousand ways, and prints as JSON what came of it.

All of the product takes part, but the process that reads is forked from this one, which has the libraries: starting one takes a second. Cuts
are at every byte where there are few; the other damages are drawn, the same in each run.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NoReturn

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from amazon.ion import simpleion
from pyarrow import orc

from contracts.virtual_clock import VirtualClock
from headrace.config.model import Column, Config, Format, Route, Source, Table
from headrace.decode import avro, child, in_child, ion, xlsx  # noqa: F401 - what each process would else load anew
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef
from load.hostile_program import Objects, Rejects, written
from load.memory_program import NullTable

CUTS_MAX = 100
DRAWN = 16
"""Of each kind of damage."""
STEP_S_MAX = 1
"""Instead of the product's minute: all take milliseconds, but for what never ends."""
HANGS = {b"\xe0\x01\x00\xea": (141,)}
"""Bytes without which the library does not end, by how the object begins."""
ROWS = [{"id": number, "s": f"text {number % 3}", "d": Decimal(number).scaleb(-2), "l": [number] * (number % 3)} for number in range(12)]
AVRO = {"type": "array", "items": "long"}
SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "id", "type": ["null", "long"]}, {"name": "s", "type": "string"}, {"name": "l", "type": AVRO}]}


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "s", "t"], *([row["id"], row["s"], datetime.datetime(2024, 1, 1)] for row in ROWS)):
        book.worksheets[0].append(row)
    return written(book.save)


def items() -> list[dict[str, Any]]:
    return [{"Item": row} for row in ROWS]


FORMS: dict[str, tuple[Format, Callable[[], bytes]]] = {
    "parquet": ("parquet", lambda: written(lambda out: pq.write_table(pa.Table.from_pylist(ROWS), out, row_group_size=7, compression="zstd"))),
    "parquet, plain": ("parquet", lambda: written(lambda out: pq.write_table(pa.table({"id": [1, 2], "s": ["a", None]}), out, compression="none"))),
    "orc": ("orc", lambda: written(lambda out: orc.write_table(pa.Table.from_pylist(ROWS), out, compression="zlib"))),
    "avro": ("avro", lambda: written(lambda out: fastavro.writer(out, SCHEMA, ROWS, sync_interval=100, sync_marker=bytes(range(16))))),
    "avro, deflated": ("avro", lambda: written(lambda out: fastavro.writer(out, SCHEMA, ROWS, codec="deflate", sync_marker=bytes(range(16))))),
    "xlsx": ("xlsx", workbook),
    "ion, binary": ("ion", lambda: simpleion.dumps(items(), binary=True, sequence_as_stream=True)),
    "ion, text": ("ion", lambda: b"".join(simpleion.dumps(item, binary=False, omit_version_marker=True).encode() + b"\n" for item in items())),
}
"""The format of each, and a small object of it."""


class Forked:
    """Stands in for subprocess.Popen: the same program, in a process that is forked."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self._status: int | None = None
        self._parent, self._pid = os.getpid(), os.fork()
        if self._pid == 0:
            run_child(options["pass_fds"][0])

    def kill(self) -> None:
        if self._status is None and self._parent == os.getpid():  # not where a fork collects its copy of this
            os.kill(self._pid, 9)

    def wait(self, timeout: float) -> int:
        if self._parent != os.getpid():
            return 0
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status


def run_child(descriptor: int) -> NoReturn:
    try:
        child.main(descriptor)
    finally:
        os._exit(0)  # without what generators of the parent, of which this has copies, would still do


def damaged(whole: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Damages of ``whole`` by their names."""
    for at in sorted(chance.sample(range(len(whole)), min(CUTS_MAX, len(whole)))):
        yield f"cut at {at}", whole[:at]
    for at in HANGS.get(whole[:4], ()):
        yield f"byte {at} is missing", whole[:at] + whole[at + 1 :]
    for _ in range(DRAWN):
        at, bit = chance.randrange(len(whole)), chance.randrange(8)
        yield f"bit {bit} of {at} flipped", whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        value, count = chance.choice((0, 0x7F, 0x80, 0xFF)), chance.choice((1, 1, 4, 9))
        yield f"{count} bytes {value:02x} over {at}", whole[:at] + bytes([value]) * count + whole[at + count :]
        yield f"{count} bytes {value:02x} into {at}", whole[:at] + bytes([value]) * count + whole[at:]
        yield f"{count} bytes out of {at}", whole[:at] + whole[at + count :]
        other = chance.randrange(len(whole))
        yield f"{count} bytes of {other} over {at}", whole[:at] + whole[other : other + count] + whole[at + count :]


def loaded(data: bytes, format: Format) -> str:
    """The code with which the load of ``data`` ended, or the state; what must not happen is more than one line."""
    route = Route("r", "**", format, "t", columns={"id": Column("number")}, other_columns="keep")
    config = Config(Source("b"), {"t": Table({"id": "number"})}, [route])
    ports = Ports(Objects(lambda: iter([data])), lambda name: NullTable(throttles=False), Rejects(), VirtualClock())
    try:
        outcome = load_object(ObjectRef("b", "k"), route, config, ports)
    except Exception:
        return traceback.format_exc()
    if outcome.error and not outcome.hint:
        return f"{outcome.error}\n{outcome.message}"
    return outcome.error or "loaded"


def main(form: str) -> None:
    format, make = FORMS[form]
    whole = make()
    ends: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_child.subprocess, "Popen", Forked)
        patched.setattr(child, "STEP_S_MAX", STEP_S_MAX)
        assert loaded(whole, format) == "loaded"
        for name, data in damaged(whole, random.Random(form)):
            end = loaded(data, format)
            ends[end.split("\n")[0]] += 1
            if "\n" in end:
                wrong[name] = end
    sys.stdout.write(json.dumps({"size": len(whole), "ends": ends, "wrong": wrong}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
