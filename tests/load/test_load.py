"""Whole loads: every record has one end, whatever the object, the table and the sinks do."""

from __future__ import annotations

import gzip
import json
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engines import Engine
from contracts.memory_table import Item, MemoryTable
from headrace.account.outcome import Counts
from headrace.config.model import Column, Limits, OnError
from headrace.errors import Denied, Invalid, ObjectError, ServiceError, Throttled, Unavailable
from headrace.load import Ports, load_object
from headrace.local.fault_actions import cut, cut_body, failing, unprocessed
from headrace.local.fault_exchange import Exchange
from headrace.local.fault_proxy import Rule
from headrace.ports import ObjectRef, Operation, Reply, SystemClock
from headrace.write import pace
from headrace.write.batch import BLOCK, FIRST, LAST, REQUEST, Entry
from load.samples import REF, KeptRejects, World, config_of
from read.memory_objects import MemoryObjects, Version

ROWS = b"id,v\n" + b"".join(b"%d,x\n" % number for number in range(100))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("content", [b"", b"id,v\n", b"id,v", b"\n\r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\nid,v\r\n\r\n"])
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("is_gzip", [False, True])
def test_object_without_a_record_is_loaded(content: bytes, form: str, is_gzip: bool) -> None:
    """Empty, a header alone, blank lines alone: nothing is written, nothing is wrong."""
    if form == "jsonl":
        content = content.replace(b"id,v", b"")
    world = World(gzip.compress(content) if is_gzip else content, format=form, delimiter="," if form == "tsv" else "")
    outcome = world.load()
    assert (outcome.state, outcome.read, outcome.calls, world.rejects.lines) == ("LOADED", 0, 0, [])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"nr,v\n1,x\n", "HEADER_MISSING_COLUMN"),
        (b"id;v\n1;x\n", "HEADER_MISSING_COLUMN"),
        (b"id,id\n1,x\n", "HEADER_DUPLICATE"),
        (b'id,"v\n1,x\n', "HEADER_INVALID"),
        (b'id,"v"w\n1,x\n', "HEADER_INVALID"),
        (b"id,\xff\n1,x\n", "HEADER_INVALID"),
        (b"id,\n1,x\n", "HEADER_INVALID"),
        (b"id," + b"w" * 2000 + b"\n1,x\n", "HEADER_INVALID"),
        ("id,v\n1,x\n".encode("utf-16"), "ENCODING_UNSUPPORTED"),
        (b"PK\x03\x04\x14\x00\x08\x00", "ZIP_CUT"),
        (b"PAR1\x15\x04\x15\x00", "FORMAT_UNEXPECTED"),
        (gzip.compress(ROWS, mtime=0)[:5], "GZIP_CUT"),
        (gzip.compress(ROWS, mtime=0)[:-3], "GZIP_CUT"),
    ],
)
def test_object_that_is_wrong_as_a_whole_fails_before_the_first_write(content: bytes, code: str) -> None:
    """Header, encoding, container: with a reason, for good, and the table is as it was."""
    world = World(content, limits=Limits(record_bytes_max=1000))
    outcome = world.load()
    assert (outcome.state, outcome.error, outcome.written, world.items()) == ("FAILED", code, 0, [])
    assert outcome.message
    assert not outcome.retryable
    json.dumps(outcome.as_json()).encode("ascii")


@pytest.mark.parametrize(("allowed", "state"), [(None, "LOADED"), (10, "LOADED"), (9, "PARTIAL"), (0, "PARTIAL")])
def test_rejects_beyond_the_limit_stop_the_load_and_are_kept(allowed: int | None, state: str) -> None:
    """Up to the limit the object is loaded; the first above it ends the load. No value of a record is in the message."""
    content = b"id,v\n" + b"".join(b"%s,x\n" % (b"secret" if number % 5 == 0 else b"%d" % number) for number in range(50))
    world = World(content).with_route(on_error=OnError(max_rejects=allowed))
    outcome = world.load()
    assert outcome.state == state
    assert outcome.rejects == "memory:orders/in/a.csv/e1.jsonl"
    assert len(world.rejects.lines) == outcome.rejected == (10 if allowed is None else min(10, allowed + 1))
    if state == "PARTIAL":
        assert (outcome.error, outcome.retryable) == ("TOO_MANY_REJECTS", False)
        assert "secret" not in outcome.message
        assert "column id" in outcome.message
    else:
        assert (outcome.written, len(world.items())) == (40, 40)


class Refusing(MemoryTable):
    """Refuses items as an index with another key type would: nothing in the record tells."""

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        if any(content.get("v") == {"S": "bad"} for _, content in requests):
            raise Invalid("CALL_REFUSED", "Type mismatch for Index Key v Expected: N Actual: S IndexName: by_v")
        return super().answer(requests, keys)


def test_record_that_only_the_table_refuses_is_rejected_and_its_24_neighbours_are_written() -> None:
    """With the table's own words, its line and its bytes."""
    world = World(b"id,v\n" + b"".join(b"%d,%s\n" % (number, b"bad" if number == 13 else b"x") for number in range(25)))
    world.table = Refusing("orders", {"id": "number"})
    outcome = world.load()
    assert (outcome.state, outcome.written, outcome.rejected) == ("LOADED", 24, 1)
    (line,) = world.rejects.lines
    assert (line["code"], line["line"], line["raw"], line["object"]) == ("ITEM_REFUSED", 15, "13,bad\n", "landing/in/a.csv")
    assert "IndexName: by_v" in line["message"]


cells = st.sampled_from(["x", "bad", '"a\nb"', "é", '"'])
keys = st.integers(0, 30).map(str) | st.sampled_from(["1.0", "1e0", "x", ""])


class Faulty(Refusing):
    """Takes some, throttles, loses answers, as ``chance`` has it."""

    chance = random.Random(0)

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        dice = self.chance.random() if len(self.calls) < 12 else 1.0
        if dice < 0.15:
            raise Throttled("TABLE_THROTTLED", "slow down")
        if dice < 0.3:
            self.apply(requests, keys) if dice < 0.22 and not any(content.get("v") == {"S": "bad"} for _, content in requests) else None
            raise Unavailable("CONNECTION_LOST", "reset")
        return super().answer(requests, keys)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(keys, cells), max_size=120), st.randoms(use_true_random=False), st.integers(1, 50))
def test_table_is_that_of_the_accepted_records_one_by_one(rows: list[tuple[str, str]], chance: random.Random, largest: int) -> None:
    """Rejected here or by the table, superseded or written: read is their sum, and the last accepted record of each key is the item."""
    world = World(b"id,v\n" + "".join(f"{key},{cell}\n" for key, cell in rows).encode()).with_route(on_error=OnError(max_rejects=None))
    world.objects.largest = largest
    world.table = Faulty("orders", {"id": "number"})
    world.table.chance = chance
    outcome = world.load()
    assert outcome.state == "LOADED"
    assert outcome.read == outcome.written + outcome.rejected + outcome.superseded
    assert len(world.rejects.lines) == outcome.rejected
    twin = World(world.objects.version.content).with_route(on_error=OnError(max_rejects=None))
    expected: dict[str, Item] = {}
    for request in encoded(twin):
        item = json.loads(request)["PutRequest"]["Item"]
        if item.get("v") != {"S": "bad"}:
            expected[item["id"]["N"]] = item
    assert {item["id"]["N"]: item for item in world.items()} == expected


def encoded(world: World) -> list[str]:
    """The requests of a load, without a table."""

    class Requests:
        def __init__(self, counts: Counts) -> None:
            self.counts = counts

        def write(self, entries: Sequence[Entry]) -> None:
            self.counts.written += len(entries)
            requests.extend(entry[REQUEST] for entry in entries)

        def finish(self) -> None:
            """Nothing is left."""

        def close(self) -> None:
            """Nothing is open."""

    requests: list[str] = []
    assert world.load(open_sink=lambda counts, refused: Requests(counts)).state == "LOADED"
    return requests


def test_preview_needs_no_table_and_ends_at_its_limit() -> None:
    """The sink can be anything, and nothing after the limit is read as a record."""
    world = World(ROWS)
    world.table = None
    ports = Ports(world.objects, lambda name: pytest.fail("the table was opened"), world.rejects, world.clock)
    seen: list[tuple[int, int, int]] = []

    class Sink:
        def write(self, entries: Sequence[Entry]) -> None:
            seen.extend((entry[FIRST], entry[LAST], entry[BLOCK].offset) for entry in entries)
            counts[0].written += len(entries)

        def finish(self) -> None:
            """Nothing is left."""

        def close(self) -> None:
            seen.append((0, 0, 0))

    counts: list[Counts] = []

    def open_sink(mine: Counts, refused: Any) -> Sink:
        counts.append(mine)
        return Sink()

    outcome = load_object(REF, world.config.routes[0], world.config, ports, open_sink=open_sink, limit=3)
    assert (outcome.state, outcome.read, outcome.written, [first for first, _, _ in seen]) == ("LOADED", 3, 3, [2, 3, 4, 0])


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [(Denied("TABLE_DENIED", "no"), False), (ServiceError("TABLE_MISSING", "no"), False), (Throttled("TABLE_THROTTLED", "slow"), True)],
)
def test_table_that_cannot_be_written_fails_the_load(error: ServiceError, is_retryable: bool) -> None:
    """At once, or after repeats, with what is known: nothing was written, all that was read has no end."""
    world = World(ROWS)

    class Failing(MemoryTable):
        def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
            raise error

    world.table = Failing("orders", {"id": "number"})
    outcome = world.load(deadline=world.clock.monotonic() + 60)
    assert (outcome.state, outcome.retryable, outcome.written) == ("FAILED", True, 0), "the failure lies with AWS: the event comes again"
    assert outcome.unknown == outcome.read
    assert outcome.error == ("DEADLINE" if is_retryable else error.code)
    assert world.clock.monotonic() <= 1060


def test_reject_sink_that_fails_fails_the_load() -> None:
    """A rejected record is never dropped: the load is repeated, which is safe."""
    world = World(b"id,v\nx,1\n2,2\n")
    world.rejects = KeptRejects(Unavailable("SERVICE_UNAVAILABLE", "S3 is down"))
    outcome = world.load()
    assert (outcome.state, outcome.error, outcome.retryable, outcome.written, outcome.rejected) == ("FAILED", "SERVICE_UNAVAILABLE", True, 1, 1)


@pytest.mark.parametrize("at", [0, 5, 200, len(ROWS) - 1])
def test_object_that_changes_while_it_is_read_fails_and_mixes_nothing(at: int) -> None:
    """What came before is written; the new version has its own event."""
    world = World(ROWS)
    world.objects.cuts = [(at, True)]
    world.objects.replaced_by = {1: Version(ROWS.replace(b"x", b"y"), "e2")}
    outcome = world.load()
    assert (outcome.state, outcome.error) == ("FAILED", "OBJECT_CHANGED")
    assert all(item["v"] == {"S": "x"} for item in world.items())


def test_object_that_is_cut_while_it_is_read_is_loaded_whole() -> None:
    """Breaks and early ends at many places, each record once."""
    world = World(ROWS)
    world.objects.cuts = [(7, True), (31, False), (1, True), (100, False), (50, True)]
    outcome = world.load()
    assert (outcome.state, outcome.read, outcome.written, outcome.bytes) == ("LOADED", 100, 100, len(ROWS))


def test_object_whose_end_is_damaged_fails_after_what_was_good() -> None:
    """The records before are written; the outcome says that the object is not loaded."""
    chance = random.Random(1)
    rows = b"id,v\n" + b"".join(b"%d,%030x\n" % (number, chance.getrandbits(120)) for number in range(30_000))
    world = World(gzip.compress(rows)[:-200_000])
    outcome = world.load()
    assert (outcome.state, outcome.error) == ("FAILED", "GZIP_CUT")
    assert 0 < outcome.written <= outcome.read < 30_000


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An empty module that a route's transform can name."""
    made = ModuleType("load_test_transforms")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def transformed(module: ModuleType, function: Any, content: bytes = b"id,v\n1,a\n2,b\n", **settings_: Any) -> tuple[Any, World]:
    vars(module)["f"] = function
    world = World(content, transform=f"{module.__name__}:f", **settings_)
    return world.load(), world


def test_transform_changes_filters_and_refuses_records(module: ModuleType) -> None:
    """A dict is encoded by the route, None is filtered, anything else is rejected; what it raises is a rejection with its words."""

    def change(record: dict[str, Any]) -> Any:
        match record["id"]:
            case "1":
                return record | {"v": None, "new": [1, True, {"a": b"x"}]}
            case "2":
                return None
            case "3":
                raise KeyError("price")
            case "4":
                return "x"
            case "5":
                return record | {"float": 0.1}
            case _:
                return {"id": int(record["id"]) * 10}

    outcome, world = transformed(module, change, b"id,v\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n7\n")
    assert (outcome.read, outcome.written, outcome.filtered, outcome.rejected) == (7, 2, 1, 4)
    assert world.items() == [
        {"id": {"N": "1"}, "new": {"L": [{"N": "1"}, {"BOOL": True}, {"M": {"a": {"B": "eA=="}}}]}},
        {"id": {"N": "60"}},
    ]
    assert [(line["code"], line["line"], line["column"]) for line in world.rejects.lines] == [
        ("TRANSFORM_FAILED", 4, ""),
        ("TRANSFORM_FAILED", 5, ""),
        ("TYPE_MISMATCH", 6, "float"),
        ("FIELD_COUNT", 8, ""),
    ]
    assert "KeyError: ''price''" in world.rejects.lines[0]["message"]


@pytest.mark.parametrize(
    "value",
    [object(), {1: "x"}, {"a": {1: 2}}, 10**5000, "\ud800", set(), float("nan")],
    ids=["object", "name", "deep name", "huge", "surrogate", "empty set", "float"],
)
def test_transform_that_returns_what_no_item_can_hold_rejects_the_record(module: ModuleType, value: Any) -> None:
    """Whatever Python's values are, the load goes on."""
    outcome, _ = transformed(module, lambda record: record | {"v": value})
    assert (outcome.state, outcome.rejected) == ("LOADED", 2)


def test_transform_that_cannot_be_used_is_an_error_of_the_config(module: ModuleType) -> None:
    """A module or a function that is missing, or that is no function, fails the load before it begins."""
    vars(module)["number"] = 5
    for spec in ("no_such_module:f", f"{module.__name__}:missing", f"{module.__name__}:number"):
        outcome = World(ROWS, transform=spec).load()
        assert (outcome.state, outcome.error, outcome.written) == ("FAILED", "CONFIG_INVALID", 0)


def test_transform_of_a_file_with_a_double_column_fails(module: ModuleType) -> None:
    """As a dict one of the two would be lost."""
    outcome, _ = transformed(module, lambda record: record, b"id,v,v\n1,a,b\n")
    assert (outcome.state, outcome.error) == ("FAILED", "HEADER_DUPLICATE")


def test_progress_is_told_as_records_go_by() -> None:
    """Every 100 records, with bytes that do not exceed the size."""
    world = World(b"id,v\n" + b"".join(b"%d,x\n" % number for number in range(2500)))
    seen: list[tuple[int, int, int]] = []
    world.load(progress=lambda counts, done, total: seen.append((counts.read, done, total)))
    assert [read for read, _, _ in seen] == list(range(100, 2501, 100))
    assert all(done <= total == len(world.objects.version.content) for _, done, total in seen)


def test_deadline_ends_a_load_that_writes_nothing() -> None:
    """Also where every record is filtered or refused, so that the writer never sends: reading looks at the time."""
    world = World(b"id,v\n" + b"x,y\n" * 50_000).with_route(on_error=OnError(max_rejects=None))

    def pass_time(*_: Any) -> None:
        world.clock.sleep(1.0)

    outcome = world.load(deadline=world.clock.monotonic() + 10, progress=pass_time)
    assert (outcome.state, outcome.error, outcome.retryable) == ("FAILED", "DEADLINE", True)
    assert outcome.read < 50_000
    assert outcome.rejected == outcome.read


def test_defect_is_raised_as_what_it_is_and_leaves_nothing_open() -> None:
    """Not hidden in an outcome: whoever runs headrace must see it."""
    world = World(ROWS)

    class Broken(MemoryTable):
        def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
            raise ZeroDivisionError("a defect")

    world.table = Broken("orders", {"id": "number"})
    with pytest.raises(ZeroDivisionError):
        world.load()
    assert all(body.is_closed for body in world.objects.bodies)


@pytest.mark.parametrize("seed", range(2))
def test_load_through_all_faults_of_a_real_table_is_as_without_them(dynalite_engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Unprocessed items, throttles, failures before and after the write, lost connections, over HTTP: the same table, balanced counts."""
    monkeypatch.setattr(pace, "PAUSE_FIRST_S", 0.001)
    chance = random.Random(seed)
    actions = [
        unprocessed(chance),
        failing("ThrottlingException"),
        failing("InternalServerError", after=True),
        failing("InternalServerError"),
        cut(after=True),
        cut_body(3),
    ]

    def act(exchange: Exchange) -> None:
        if chance.random() < 0.6:
            chance.choice(actions)(exchange)
        else:
            exchange.answer(exchange.forward())

    content = b"id,v\n" + b"".join(b"%d,%s%d\n" % (number % 450, b"x" if number % 90 else b"", number) for number in range(500)) + b"oops,x\n"
    config = config_of({"v": Column("string")})
    name = dynalite_engine.table(id="number")
    rejects = KeptRejects()
    with dynalite_engine.behind(Rule("dynamodb:BatchWriteItem", act)):
        store = dynalite_engine.proxied.table(name, SystemClock())
        objects = MemoryObjects(Version(content), cuts=[(100, True), (999, False)])
        ports = Ports(objects, lambda _: Renamed(store, name), rejects, SystemClock())
        outcome = load_object(ObjectRef("landing", "in/a.csv"), config.routes[0], config, ports)
        store.close()
    assert (outcome.state, outcome.read, outcome.rejected) == ("LOADED", 501, 1)
    assert outcome.written + outcome.superseded == 500
    found = dynalite_engine.dynamodb.scan(TableName=name)["Items"]
    values = {int(item["id"]["N"]): item["v"]["S"] for item in found}
    assert values == {number % 450: f"{'x' if number % 90 else ''}{number}" for number in range(500)}


class Renamed:
    """A store whose table has a name of its own: the config's is ``orders`` in every test."""

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name.encode()

    def start(self, operation: Operation, body: bytes) -> int:
        number: int = self._store.start(operation, body.replace(b'"orders"', b'"' + self._name + b'"', 1))
        return number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def close(self) -> None:
        """The store is closed by the test."""


def test_load_when_the_counts_do_not_balance_fails_loudly() -> None:
    """Invariant I1 is part of the product: a sink that forgets a record is found out."""

    class Forgetful:
        def write(self, entries: Sequence[object]) -> None:
            pass

        def finish(self) -> None:
            pass

        def close(self) -> None:
            pass

    outcome = World(ROWS).load(open_sink=lambda counts, refused: Forgetful())
    assert (outcome.state, outcome.error, outcome.written) == ("FAILED", "COUNTS_UNBALANCED", 0)
    assert outcome.unknown == outcome.read > 0


def test_object_error_raised_by_the_store_is_the_outcome() -> None:
    """Missing, archived, denied: with the store's code and its hint."""
    for error in (ObjectError("OBJECT_ARCHIVED", "in Glacier", hint="restore it"), Denied("ACCESS_DENIED", "no", hint="allow it")):
        world = World(ROWS)
        world.objects.refusals = [error]  # type: ignore[list-item]
        outcome = world.load()
        assert (outcome.error, outcome.hint, outcome.calls, outcome.retryable) == (error.code, error.hint, 0, isinstance(error, Denied))
