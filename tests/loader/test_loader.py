"""What becomes of an event: each end, each interruption, and what the ledger says of it."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Iterator
from itertools import pairwise

import pytest

from contracts.memory_table import HANGS
from headrace.account.outcome import Counts
from headrace.config.model import Limits, OnError, Table
from headrace.errors import Denied, ObjectError, ServiceError, Throttled, Unavailable
from headrace.ports import ObjectRef, OpenedObject, Task
from headrace.split import plan
from headrace.verdicts import Again, GivenUp
from headrace.worker import ATTEMPTS_MAX
from loader.world import World, code_of
from read.memory_objects import Version

THROTTLED = Throttled("TABLE_THROTTLED", "slow down")


def rows(count: int, bad: range = range(0)) -> bytes:
    """A CSV of ``count`` records with the lines 2, 3, …; those of the records in ``bad`` have no number as their key."""
    return b"id,v\n" + b"".join(b"%s,%d\n" % (b"x" if number in bad else b"%d" % number, number) for number in range(count))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Objects of more than 300 bytes are cut."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    return


def balanced(world: World) -> dict[str, int]:
    """The counts of the generation, which balance."""
    counts = {name: int(value) for name, value in world.generation.counts.items()}
    assert counts["read"] == sum(counts.get(name, 0) for name in ("written", "rejected", "filtered", "superseded"))
    return counts


def test_object_that_is_small_is_loaded_with_two_ledger_writes() -> None:
    """Begin and commit, and one look before."""
    world = World(rows(100))
    assert world.arrive() is None
    assert world.ledger_store.calls == ["get", "transact", "transact"]
    assert (world.generation.state, len(world.items), balanced(world)["read"]) == ("LOADED", 100, 100)


def test_event_that_comes_again_writes_nothing_and_is_counted() -> None:
    """Events are delivered at least once."""
    world = World(rows(10))
    assert [world.arrive() for _ in range(4)] == [None] * 4
    assert (len(world.table.calls), world.generation.duplicates) == (1, 3)
    assert [code for code, _ in world.said] == ["DUPLICATE"] * 3


def test_version_that_is_older_is_not_loaded() -> None:
    """Its event came late; the table keeps the newer one."""
    world = World(rows(10))
    assert world.arrive(dataclasses.replace(world.ref, sequencer="0055AED6DCD90281E6")) is None
    older = dataclasses.replace(world.ref, version_id="v0", sequencer="0055AED6DCD90281E4")
    assert world.arrive(older) is None
    assert len(world.table.calls) == 1
    states = [one.state for one in world.ledger.of_object("landing", "in/a.csv")]
    assert sorted(states) == ["LOADED", "SUPERSEDED"]


def test_object_that_is_large_is_cut_and_its_chunks_give_the_same(small_chunks: None) -> None:
    """Lines, items, counts and rejected records are those of one read from the beginning."""
    world = World(rows(400, range(0, 400, 50)))
    assert world.arrive() is None
    assert world.generation.state == "PLANNED"
    assert len(world.tasks) == world.generation.chunks - 1 > 5
    assert set(world.work()) == {None}
    assert world.generation.state == "LOADED"
    counts = balanced(world)
    assert (counts["read"], counts["written"], counts["rejected"]) == (400, 392, 8)
    assert world.kept() == [number + 2 for number in range(0, 400, 50)]
    assert {key: item["v"]["S"] for key, item in world.items.items()} == {number: str(number) for number in range(400) if number % 50}


def test_chunk_whose_message_comes_twice_is_loaded_once(small_chunks: None) -> None:
    """Also when the second comes while the first is at work: then it waits."""
    world = World(rows(200))
    world.arrive()
    world.tasks += world.tasks
    assert set(world.work()) == {None}
    assert balanced(world)["read"] == 200


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_load_whose_time_is_over_goes_on_where_it_was(compress: object) -> None:
    """However often: the counts are those of one load, nothing is read into the table twice but what was under way."""
    content = rows(3000, range(0, 3000, 100))
    world = World(compress(content))  # type: ignore[operator]
    answer = world.table.answer

    def slow(*arguments: object) -> object:
        world.clock.sleep(0.5)
        return answer(*arguments)  # type: ignore[arg-type]

    world.table.answer = slow  # type: ignore[method-assign, assignment]
    verdicts = []
    for _ in range(50):
        verdicts.append(world.arrive(seconds=20))
        if verdicts[-1] is None:
            break
        assert verdicts[-1] == Again(verdicts[-1].failure, 0)
        assert code_of(verdicts[-1]) == "INTERRUPTED"
    assert 3 < len(verdicts) < 20
    counts = balanced(world)
    assert (counts["read"], counts["rejected"], len(world.items)) == (3000, 30, 2970)
    assert world.kept() == [number + 2 for number in range(0, 3000, 100)]
    assert world.generation.state == "LOADED"


@pytest.mark.parametrize(("units_per_s", "seconds"), [(2.0, 20), (10.0, 10), (1.0, 60)])
def test_invocation_with_time_for_one_batch_commits_it(units_per_s: float, seconds: int) -> None:
    """Far less than a group of records, or than what is in flight at once: each invocation gets further."""
    world = World(rows(200))
    world.config = dataclasses.replace(world.config, tables={"orders": Table({"id": "number"}, max_write_units_per_s=units_per_s)})
    read = [0]
    while len(read) < 40 and world.arrive(seconds=seconds) is not None:
        read.append(balanced(world)["read"])
    assert (world.generation.state, len(world.items)) == ("LOADED", 200)
    assert all(one < other for one, other in pairwise(read))


def test_object_that_is_read_slowly_is_gone_on_with_after_the_last_record_that_came() -> None:
    """Also where the time of an invocation is over within the first group of records."""
    world = World(b"id,v\n" + b"".join(b"%d,%s\n" % (number, b"x" * 1000) for number in range(60)))
    opened = world.objects.open

    def slow(ref: ObjectRef, offset: int) -> OpenedObject:
        found = opened(ref, offset)
        read = found.body.read

        def late(amount: int) -> bytes:
            world.clock.sleep(1)
            return read(min(amount, 1500))

        found.body.read = late  # type: ignore[method-assign]
        return found

    world.objects.open = slow  # type: ignore[method-assign]
    read = [0]
    while len(read) < 40 and world.arrive(seconds=20) is not None:
        read.append(balanced(world)["read"])
    assert (world.generation.state, len(world.items), len(read) > 2) == ("LOADED", 60, True)
    assert all(one < other for one, other in pairwise(read))


def test_table_that_takes_nothing_keeps_what_was_safe_and_gives_the_lease_back() -> None:
    """A sustained throttle ends the attempt cleanly; the message comes again after a pause, and goes on."""
    world = World(rows(2000))
    world.table.is_slow = True
    answer = world.table.answer
    taken = 0

    def throttle(*arguments: object) -> object:
        nonlocal taken
        taken += 1
        world.clock.sleep(0.3)
        if taken > 30:
            raise THROTTLED
        return answer(*arguments)  # type: ignore[arg-type]

    world.table.answer = throttle  # type: ignore[method-assign, assignment]
    verdict = world.arrive(seconds=60)
    assert isinstance(verdict, Again)
    assert (code_of(verdict), verdict.seconds) == ("DEADLINE", None)
    assert 0 < balanced(world)["read"] < 2000
    world.table.answer = answer  # type: ignore[method-assign]
    assert world.arrive() is None
    assert (balanced(world)["read"], len(world.items)) == (2000, 2000)


@pytest.mark.parametrize(
    ("error", "state", "verdict"),
    [
        (ObjectError("OBJECT_MISSING", "gone"), "MISSING", type(None)),
        (ObjectError("OBJECT_CHANGED", "replaced"), "SUPERSEDED", type(None)),
        (ObjectError("OBJECT_ARCHIVED", "in Glacier"), "WAITING_RESTORE", type(None)),
        (ObjectError("FORMAT_UNEXPECTED", "zip"), "FAILED", GivenUp),
        (Denied("ACCESS_DENIED", "s3:GetObject"), "BLOCKED", Again),
        (ServiceError("TABLE_MISSING", "no table"), "BLOCKED", Again),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_object_that_cannot_be_read_has_a_state_that_says_why(error: Exception, state: str, verdict: type) -> None:
    """With code and message; what somebody has to mend comes again, what is hopeless is kept where people look."""
    world = World(rows(10))
    world.objects.refusals = [error]  # type: ignore[list-item]
    assert isinstance(world.arrive(), verdict)
    assert (world.generation.state, world.generation.code) == (state, getattr(error, "code", ""))
    if state in ("BLOCKED", "WAITING_RESTORE"):  # mended, restored
        assert world.arrive(dataclasses.replace(world.ref, sequencer=None)) is None
        assert (world.generation.state, len(world.items), world.generation.code) == ("LOADED", 10, None)


@pytest.mark.parametrize(("policy", "state", "written"), [("continue", "PARTIAL", 9), ("skip_file", "FAILED", 0), ("abort", "FAILED", 3)])
def test_too_many_rejected_records_end_a_load_as_the_route_says(policy: str, state: str, written: int) -> None:
    """Rejected records are kept and counted in any case."""
    limit = OnError(action=policy, max_rejects=2)  # type: ignore[arg-type]
    world = World(rows(50, range(3, 50, 4)), on_error=limit)
    verdict = world.arrive()
    assert (world.generation.state, len(world.items)) == (state, written)
    assert isinstance(verdict, GivenUp) == (state == "FAILED")
    assert {code_of(verdict)} == {"TOO_MANY_REJECTS"} if verdict else True
    if policy != "skip_file":
        counts = balanced(world)
        assert counts["rejected"] == (3 if policy == "continue" else 1) == len(world.kept())


def test_limit_of_rejected_records_is_that_of_the_whole_object(small_chunks: None) -> None:
    """Chunks that come after it was passed stop at their first one."""
    world = World(rows(400, range(0, 400, 5)), on_error=OnError(max_rejects=3))
    world.arrive()
    world.work()
    assert world.generation.state == "PARTIAL"
    assert balanced(world)["rejected"] <= 4 + world.generation.chunks


def test_chunk_that_dies_again_and_again_is_given_up() -> None:
    """Out of memory, killed: nobody reports that. The lease ends, the message comes again, but not for ever."""
    world = World(rows(10))
    world.table.answer = lambda *_: HANGS  # type: ignore[method-assign]

    class Killed(BaseException):
        pass

    def kill(*_: object) -> object:
        raise Killed

    world.table.start = kill  # type: ignore[method-assign, assignment]
    for attempt in range(ATTEMPTS_MAX):
        with pytest.raises(Killed):
            world.arrive()
        busy = world.arrive()
        assert isinstance(busy, Again), attempt
        assert code_of(busy) == "BUSY"
        world.clock.sleep(400)
    verdict = world.arrive()
    assert isinstance(verdict, GivenUp)
    assert (code_of(verdict), world.generation.state) == ("GIVEN_UP", "FAILED")


def test_defect_fails_the_generation_and_keeps_the_message() -> None:
    """A mistake of headrace would show again with every receive."""
    world = World(rows(10))
    world.objects.open = None  # type: ignore[method-assign, assignment]
    verdict = world.arrive()
    assert isinstance(verdict, GivenUp)
    assert (code_of(verdict), world.generation.state) == ("DEFECT", "FAILED")


def test_counts_that_do_not_balance_fail_the_generation_and_are_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where everything was read: an object whose counts are wrong is not LOADED."""
    world = World(rows(10))
    monkeypatch.setattr(Counts, "accounted", 9)
    verdict = world.arrive()
    assert isinstance(verdict, GivenUp)
    assert (code_of(verdict), world.generation.state, world.generation.counts) == ("COUNTS_UNBALANCED", "FAILED", {})


def test_config_that_changes_before_anything_was_begun_counts_for_all_of_the_object(small_chunks: None) -> None:
    """Somebody mends what the object was BLOCKED for, and the route with it."""
    world = World(rows(200))
    world.objects.refusals = [Denied("ACCESS_DENIED", "s3:GetObject")]
    world.arrive()
    assert world.generation.state == "BLOCKED"
    world.config = dataclasses.replace(world.config, tables={"orders": Table({"id": "number"}, ttl="expires")})
    world.arrive()
    world.work()
    assert (world.generation.state, world.generation.code, len(world.items)) == ("LOADED", None, 200)


@pytest.mark.parametrize(("error", "state"), [(Denied("ACCESS_DENIED", "sqs:SendMessage"), "BLOCKED"), (Unavailable("MESSAGES_UNSENT", "3 of 9"), "PLANNED")])
def test_object_whose_chunks_cannot_be_sent_keeps_nobody_waiting(small_chunks: None, error: ServiceError, state: str) -> None:
    """The lease that was changed by the cut is the one that is given back, and what needs somebody says so."""
    world = World(rows(200))
    world.refusals = [error]
    assert code_of(world.arrive()) == error.code
    assert (world.generation.state, world.generation.leases) == (state, 0)
    world.arrive()
    world.work()
    assert (world.generation.state, len(world.items)) == ("LOADED", 200)


def test_object_that_cannot_be_scanned_in_time_is_read_as_one(small_chunks: None) -> None:
    """A small function, or a slow S3: the next scan would get no further, a load commits what it has."""
    world = World(rows(1000))
    world.read_slowly(250.0)
    verdicts = [world.arrive(seconds=200.0)]
    while isinstance(verdicts[-1], Again) and len(verdicts) < 100:
        verdicts.append(world.arrive(seconds=200.0))
    assert (world.generation.state, world.generation.chunks, len(world.items)) == ("LOADED", 1, 1000)


def test_config_that_changes_while_chunks_wait_fails_them(small_chunks: None) -> None:
    """Half an object by one config and half by another would be neither."""
    world = World(rows(200))
    world.arrive()
    world.config = dataclasses.replace(world.config, tables={"orders": Table({"id": "number"}, ttl="expires")})
    assert code_of(world.work()[0]) == "CONFIG_CHANGED"
    assert world.generation.state == "FAILED"


def test_task_that_the_ledger_does_not_know_is_refused(small_chunks: None) -> None:
    """Nothing in a message chooses what is loaded."""
    world = World(rows(200))
    world.arrive()
    for task in (Task("0" * 32, 0), Task(world.generation.id, 1000)):
        assert world.loader().task(task, world.turn()) is None
        assert world.said[-1][0] == "TASK_UNKNOWN"


def test_event_without_version_and_etag_is_of_what_is_there_now() -> None:
    """S3 is asked first; an object that is gone leaves a line in the log."""
    world = World(rows(10))
    assert world.arrive(ObjectRef("landing", "in/a.csv")) is None
    assert (world.generation.etag, world.generation.state) == ("e1", "LOADED")
    world.objects.refusals = [None] * len(world.objects.asked) + [ObjectError("OBJECT_MISSING", "gone")]
    assert world.arrive(ObjectRef("landing", "in/b.csv")) is None
    assert world.said[-1][0] == "OBJECT_MISSING"


def test_versions_that_cannot_be_compared_are_ordered_by_what_s3_has_now() -> None:
    """One was found without its event, so without a sequencer."""
    world = World(rows(10))
    assert world.arrive(dataclasses.replace(world.ref, sequencer=None)) is None
    world.objects.version = Version(rows(20), "e2", "v2")
    assert world.arrive(dataclasses.replace(world.ref, version_id="v2", etag="e2")) is None
    assert len(world.items) == 20
    assert world.arrive(dataclasses.replace(world.ref, version_id="v0", etag="e0", sequencer="0055")) is None
    assert sorted(one.state for one in world.ledger.of_object("landing", "in/a.csv")) == ["LOADED", "LOADED", "SUPERSEDED"]


def test_limit_of_a_day_pauses_loads_until_the_next_and_loses_nothing() -> None:
    """The object that passed it ends; others wait with their messages."""
    world = World(rows(50))
    world.config = dataclasses.replace(world.config, limits=Limits(records_per_day=50))
    assert world.arrive() is None
    world.objects.version = Version(rows(80), "e2", "v2")
    newer = dataclasses.replace(world.ref, version_id="v2", etag="e2", sequencer="0055AED6DCD90281E7")
    verdict = world.arrive(newer)
    assert isinstance(verdict, Again)
    assert code_of(verdict) == "DAY_LIMIT"
    assert "PAUSED" in {one.state for one in world.ledger.of_object("landing", "in/a.csv")}
    world.clock.sleep(24 * 3600)
    assert world.arrive(newer) is None
    assert len(world.items) == 80


@pytest.mark.parametrize(("percent", "state"), [(10.0, "LOADED"), (9.9, "PARTIAL"), (None, "LOADED")])
def test_share_of_rejected_records_is_a_limit_too(percent: float | None, state: str) -> None:
    """Of a small object at its end."""
    world = World(rows(50, range(0, 50, 10)), on_error=OnError(max_rejects=None, max_reject_percent=percent))
    assert world.arrive() is None
    assert (world.generation.state, balanced(world)["rejected"]) == (state, 5)


@pytest.mark.parametrize("count", [500, 1500])
@pytest.mark.parametrize(("percent", "state"), [(60.0, "LOADED"), (59.0, "PARTIAL")])
@pytest.mark.parametrize("bad", ["first", "last"])
def test_share_of_rejected_records_is_looked_at_at_the_end_however_many_slices_it_took(count: int, percent: float, state: str, bad: str) -> None:
    """It is of the object, not of its last slice, in which no record may be rejected at all."""
    share = count * 6 // 10
    begin = 0 if bad == "first" else count - share
    content = rows(count, range(begin, begin + share)).replace(b",", b"," + b"0" * 500)
    world = World(content, on_error=OnError(max_rejects=None, max_reject_percent=percent))
    world.read_slowly(150.0)
    while isinstance(world.arrive(), Again) and len(world.outcomes) < 20:
        pass
    assert len(world.outcomes) >= 2
    read = balanced(world)["read"]
    assert (world.generation.state, read == count or count > 1000) == (state, True)


@pytest.mark.parametrize("order", ["any", "file"])
@pytest.mark.parametrize(("percent", "state"), [(25.0, "LOADED"), (24.0, "PARTIAL")])
def test_share_of_rejected_records_of_chunks_is_looked_at_by_the_last(small_chunks: None, order: str, percent: float, state: str) -> None:
    """What the first of them has rejected is not the share of the object."""
    world = World(rows(200, range(50)), on_error=OnError(max_rejects=None, max_reject_percent=percent), order=order)
    assert world.arrive() is None
    while world.tasks:
        world.work()
    assert world.generation.chunks > 3
    assert (world.generation.state, balanced(world)["rejected"], balanced(world)["read"]) == (state, 50, 200)


def test_share_of_rejected_records_stops_a_large_object_soon() -> None:
    """Nobody wants a million rejected records first."""
    world = World(rows(30_000, range(0, 30_000, 2)), on_error=OnError(max_rejects=None, max_reject_percent=1))
    assert world.arrive() is None
    assert (world.generation.state, balanced(world)["read"] < 1200) == ("PARTIAL", True)


def test_manifest_of_an_export_is_ignored_and_nobody_has_to_look() -> None:
    """It arrives beside the data files, below the same pattern: no generation, no failure."""
    world = World(b"{}", format="dynamodb_json")
    key = "in/AWSDynamoDB/01680109764000-a1b2c3d4/manifest-summary.json"
    assert world.arrive(dataclasses.replace(world.ref, key=key)) is None
    assert [code for code, _ in world.said] == ["IGNORED"]
    assert list(world.ledger.of_object(world.ref.bucket, key)) == []


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "unpinned"])
def test_version_that_is_archived_counts_and_is_loaded_once_it_is_restored(is_versioned: bool, is_pinned: bool) -> None:
    """Which version is the current one is known without its content. It was found without its event, so without a sequencer."""
    world = World(rows(10))
    assert world.arrive() is None
    world.objects.version, world.objects.is_archived = Version(rows(20), "e2", "v2" if is_versioned else None), True
    now = world.state(world.ref.key).ref
    found = now if is_pinned else ObjectRef(now.bucket, now.key)
    assert world.arrive(found) is None
    newest, *_ = world.ledger.of_object("landing", "in/a.csv")
    assert (newest.state, newest.etag, len(world.items)) == ("WAITING_RESTORE", "e2", 10)
    world.objects.is_archived = False
    assert world.arrive(now) is None
    newest, *_ = world.ledger.of_object("landing", "in/a.csv")
    assert (newest.state, newest.etag, len(world.items)) == ("LOADED", "e2", 20)
