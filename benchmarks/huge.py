"""One large object with quoted line breaks: cut, loaded in chunks by several processes at once, and compared with one read from its beginning.

Usage: python benchmarks/huge.py [--gigabytes 2] [--workers 2] [--folder FOLDER]

Real: the loader, the cuts, the ledger (a table of the embedded AWS), the processes. In the place of the table each process has a sink that
adds up a hash of every item, so that two loads can be compared without 20 million items in memory: equal sums and counts mean equal items.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from contracts.engines import client_of
from contracts.ledger_tables import KEYS
from headrace.account.outcome import Outcome
from headrace.aws.session import Aws
from headrace.config.model import Column, Config, Source, Table
from headrace.config.model import Route as RouteConfig
from headrace.ledger.ledger import Ledger
from headrace.ledger.spending import Spending
from headrace.ledger.store import LISTING
from headrace.load import Ports, load_object
from headrace.loader import Loader
from headrace.local.emulator import EmbeddedAws
from headrace.ports import ObjectRef, ObjectState, OpenedObject, Operation, Reply, SystemClock, Task
from headrace.verdicts import Again, GivenUp, Turn

ROUTE = RouteConfig("notes", "in/**", "csv", "notes", columns={"id": Column("number"), "amount": Column("number"), "note": Column("string")})
CONFIG = Config(Source("landing"), {"notes": Table({"id": "number"})}, [ROUTE])
LEDGER = "huge-ledger"
RECORD = b'%d,%d.%02d,"note %d, first line\r\nsecond ""line"" of it\n' + b"and more, without end, on the next line\n" * 9 + b'and a last one"\n'
TURN_S = 300.0


class OneFile:
    """The file as the only object of a bucket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        body = self._path.open("rb", buffering=0)
        body.seek(offset)
        return OpenedObject(body, self._path.stat().st_size, "e1", None)


class SummingTable:
    """Takes every item and adds up a hash of each, whatever their order."""

    def __init__(self) -> None:
        self.items = 0
        self.sum = 0
        self._waiting: list[int] = []
        self._numbers = itertools.count()

    def start(self, operation: Operation, body: bytes) -> int:
        for item in body.split(b'{"PutRequest":')[1:]:
            self.items += 1
            self.sum += int.from_bytes(hashlib.blake2b(item.rstrip(b",]}"), digest_size=8).digest(), "big")
        self._waiting.append(next(self._numbers))
        return self._waiting[-1]

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        waiting, self._waiting = self._waiting, []
        return [(number, Reply()) for number in waiting]

    def abandon(self) -> None:
        self._waiting.clear()

    def close(self) -> None:
        """Nothing is open."""


class Silent:
    """A log, and a place for rejected records, of which there are none."""

    def outcome(self, outcome: Outcome) -> None:
        assert not outcome.error, outcome

    def note(self, code: str, reason: str) -> None:
        """Nobody reads it."""

    notice = note

    def store(self, name: str, content: BinaryIO) -> str:
        return name


def write_file(path: Path, size: int) -> int:
    """A CSV of about ``size`` bytes whose notes hold line breaks, quotes and commas; returns the number of records."""
    count = written = 0
    with path.open("wb", buffering=1 << 20) as file:
        written += file.write(b"id,amount,note\n")
        while written < size:
            rows = [RECORD % (n, n % 9973, n % 100, n) for n in range(count, count + 10_000)]
            written += file.write(b"".join(rows))
            count += len(rows)
    return count


def work(endpoint: str, credentials: dict[str, str], path: str, tasks: Any, results: Any) -> None:
    """One function process: take tasks until there is a None; tell what it wrote."""
    clock, table = SystemClock(), SummingTable()
    store = Aws(endpoint_url=endpoint, region="us-east-1", credentials=credentials).ledger(LEDGER, clock)
    log = Silent()
    ports = Ports(OneFile(Path(path)), lambda name: table, log, clock)
    loader = Loader(
        CONFIG,
        ports,
        Ledger(store),
        Spending(store),
        state=lambda key: ObjectState(ObjectRef("landing", key), is_readable=True),
        send=lambda many: [*map(tasks.put, many)],
        log=log,
    )
    started, busy_s, done = time.monotonic(), 0.0, 0
    while (task := tasks.get()) is not None:
        began = time.monotonic()
        turn = Turn("worker", began + TURN_S * 0.9, began + TURN_S)
        verdict = loader.task(task, turn) if isinstance(task, Task) else loader.arrived(task, turn)
        if isinstance(verdict, Again):
            tasks.put(task)
        assert not isinstance(verdict, GivenUp), verdict
        busy_s += time.monotonic() - began
        done += 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    results.put({"items": table.items, "sum": table.sum, "tasks": done, "busy_s": busy_s, "wall_s": time.monotonic() - started, "peak_mb": peak_mb})


def whole(path: str, results: Any) -> None:
    """The same in one read, in a process of its own."""
    table, clock = SummingTable(), SystemClock()
    started = time.monotonic()
    outcome = load_object(ObjectRef("landing", "in/huge.csv"), ROUTE, CONFIG, Ports(OneFile(Path(path)), lambda name: table, Silent(), clock))
    assert outcome.state == "LOADED", outcome
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    results.put({"items": table.items, "sum": table.sum, "busy_s": time.monotonic() - started, "peak_mb": peak_mb, "read": outcome.read})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, EmbeddedAws() as aws:
        path = Path(folder) / "huge.csv"
        records = write_file(path, int(asked.gigabytes * 1e9))
        print(f"{path.stat().st_size:,} bytes, {records:,} records of a dozen lines each")
        dynamodb = client_of(aws.endpoint_url, "dynamodb", aws.credentials)
        schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(KEYS, ("HASH", "RANGE") * 2, strict=True)]
        index = {"IndexName": LISTING, "KeySchema": schema[2:], "Projection": {"ProjectionType": "ALL"}}
        attributes = [{"AttributeName": name, "AttributeType": "S"} for name in KEYS]
        dynamodb.create_table(
            TableName=LEDGER, AttributeDefinitions=attributes, KeySchema=schema[:2], GlobalSecondaryIndexes=[index], BillingMode="PAY_PER_REQUEST"
        )
        results = spawn.Queue()
        alone = spawn.Process(target=whole, args=(str(path), results))
        alone.start()
        sequential = results.get()
        alone.join()
        print("read as one:", json.dumps({name: round(value, 1) for name, value in sequential.items() if name != "sum"}))
        tasks = spawn.Queue()
        tasks.put(ObjectRef("landing", "in/huge.csv", None, "e1", path.stat().st_size, "01"))
        workers = [spawn.Process(target=work, args=(aws.endpoint_url, aws.credentials, str(path), tasks, results)) for _ in range(asked.workers)]
        began = time.monotonic()
        for worker in workers:
            worker.start()
        store = Aws(endpoint_url=aws.endpoint_url, region="us-east-1", credentials=aws.credentials).ledger(LEDGER, SystemClock())
        while not [one for one in Ledger(store).of_object("landing", "in/huge.csv") if one.is_final]:
            time.sleep(0.5)
        wall_s = time.monotonic() - began
        for _ in workers:
            tasks.put(None)
        found = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
        for one in found:
            print("worker:", json.dumps({name: round(value, 1) for name, value in one.items() if name != "sum"}))
        (generation,) = Ledger(store).of_object("landing", "in/huge.csv")
        print(f"ledger: {generation.state}, {generation.chunks} chunks, {dict(generation.counts)}; {wall_s:.0f} s with {asked.workers} workers")
        same = sum(one["sum"] for one in found) == sequential["sum"] and sum(one["items"] for one in found) == sequential["items"] == records
        print("identical to the sequential load" if same and generation.state == "LOADED" else "DIFFERENT from the sequential load")
        sys.exit(0 if same and generation.state == "LOADED" else 1)


if __name__ == "__main__":
    main()
