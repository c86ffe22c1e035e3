"""replay on a ledger in memory: what is done again, by whom, and what is not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.ledger_world import LedgerWorld, open_in_commands
from cli.program import Run
from headrace.cli.render import stderr
from headrace.cli.replay_rejected import replay_rejected
from headrace.config.model import Column, Limits, OnError
from headrace.errors import Denied, ObjectError
from headrace.events.parse import parse
from headrace.ledger.entries import Generation, Span
from headrace.ledger.results import Claim, Ending, Job, Lease
from headrace.ports import Replay, Task
from headrace.split import plan

STRICT: dict[str, Any] = {"columns": {"id": Column("number"), "price": Column("number")}}
DIRTY = b"id,price\n1,5\n2,n/a\n3,6\n4,n/a\nx,7\n"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> LedgerWorld:
    world = LedgerWorld(**STRICT)
    open_in_commands(world, monkeypatch)
    return world


def current(world: LedgerWorld, key: str) -> Generation:
    """The load that counts."""
    found = world.ledger.current("landing", key)
    assert found
    return found


def places(run: Run, name: str) -> list[tuple[int, int, str | None]]:
    """Line, byte offset and replay of each rejected record."""
    return [(one["line"], one["byte_offset"], one["replayed_as"]) for one in run("errors", name, "--json").items]


def test_rejected_records_are_loaded_after_a_fix_and_keep_their_places(run: Run, world: LedgerWorld) -> None:
    """A load of its own, with its own counts; what it rejects again has the line that it has in the object."""
    original = world.load("in/dirty.csv", DIRTY)
    world.with_route(null_values=["n/a"])
    ran = run("replay", "in/dirty.csv", "--json")
    again = current(world, "in/dirty.csv")
    assert (ran.code, ran.document["state"], ran.document["replay_of"], ran.document["left"]) == (3, "LOADED", original.id, 0)
    assert (again.found_by, again.records) == ("replay", "rejected")
    assert [again.counts[name] for name in ("read", "written", "rejected")] == [3, 2, 1]
    assert sorted(world.items) == [1, 2, 3, 4]
    assert places(run, again.id) == [(6, 29, None), (3, 13, again.id), (5, 23, again.id), (6, 29, again.id)]
    assert world.ledger.generation(original.id) == original


def test_record_is_replayed_once(run: Run, world: LedgerWorld) -> None:
    """The key stands for the last replay, whose rejected records are those that are left."""
    original = world.load("in/dirty.csv", DIRTY)
    world.with_route(null_values=["n/a"])
    run("replay", "in/dirty.csv")
    first = current(world, "in/dirty.csv")
    ran = run("replay", original.id)
    assert (ran.code, "REPLAYED_ALREADY" in ran.err, f"`headrace replay {first.id}`" in ran.err) == (1, True, True)
    world.with_route(columns={"id": Column("number"), "price": Column("number")}, null_values=["n/a", "x"], empty="omit")
    assert run("replay", "in/dirty.csv").code == 3  # a key cannot be null
    assert current(world, "in/dirty.csv").counts["read"] == 1
    assert [line.split(" = ")[0] for line in run("errors", "in/dirty.csv").out.splitlines() if line.startswith("replayed as")] == [
        f"replayed as {current(world, 'in/dirty.csv').id}: LOADED, read 1",
        f"replayed as {first.id}: LOADED, read 3",
    ]


def test_line_that_was_replayed_is_told_with_what_came_of_it(run: Run, world: LedgerWorld) -> None:
    """Line 4,711: rejected, and then written."""
    world.load("in/dirty.csv", DIRTY)
    world.with_route(null_values=["n/a"])
    run("replay", "in/dirty.csv")
    stories = [run("errors", "in/dirty.csv", "--line", line, "--json").document for line in (3, 6)]
    assert [(story["answer"], story["replay"]["answer"]) for story in stories] == [("rejected", "written"), ("rejected", "rejected")]


def test_all_accepted_exits_0(run: Run, world: LedgerWorld) -> None:
    """As a load does."""
    world.load("in/dirty.csv", b"id,price\n1,n/a\n")
    world.with_route(null_values=["n/a"])
    assert run("replay", "in/dirty.csv").code == 0
    ran = run("replay", "in/dirty.csv")
    assert (ran.code, "(NOTHING_TO_REPLAY)" in ran.err, "--whole" in ran.err) == (1, True, True)


def test_limit_of_rejected_records_does_not_stop_a_replay(run: Run, world: LedgerWorld) -> None:
    """There are only so many; a replay that stops half-way would have to be repeated."""
    world.with_route(on_error=OnError("continue", 3))
    world.load("in/dirty.csv", DIRTY)
    world.with_route(on_error=OnError("abort"))
    assert run("replay", "in/dirty.csv").code == 3
    assert (current(world, "in/dirty.csv").state, current(world, "in/dirty.csv").counts["rejected"]) == ("LOADED", 3)


def test_records_without_certain_bounds_are_left_and_said(run: Run, world: LedgerWorld) -> None:
    """A line with an open quote would swallow the next record, a record that is too large is kept in part only."""
    world.config = replace(world.config, limits=Limits(record_bytes_max=40))
    world.load("in/a.csv", b'id,price\n1,n/a\n2,"3"4\n' + b"3," + b"9" * 60 + b"\n4,5\n")
    world.with_route(null_values=["n/a"])
    ran = run("replay", "in/a.csv")
    assert (ran.code, "2 more cannot be replayed" in ran.out) == (3, True)
    assert current(world, "in/a.csv").counts["read"] == 1
    assert [(line, replay is not None) for line, _, replay in places(run, "in/a.csv")] == [(2, True), (3, False), (4, False)]


def test_nothing_begins_where_all_records_are_left(run: Run, world: LedgerWorld) -> None:
    """The history shows no replay that was none."""
    world.load("in/a.csv", b'id,price\n2,"3"4\n')
    assert "(NOTHING_TO_REPLAY)" in run("replay", "in/a.csv").err
    assert len(list(world.ledger.of_object("landing", "in/a.csv"))) == 1


def test_replay_of_an_older_version_writes_nothing(run: Run, world: LedgerWorld) -> None:
    """The newest version wins: a record of the old one would overwrite it."""
    first = world.load("in/a.csv", DIRTY, 1)
    world.load("in/a.csv", b"id,price\n2,7\n", 2)
    before = dict(world.items)
    world.with_route(null_values=["n/a"])
    ran = run("replay", first.id, "--rejected")
    assert ran.code == 1
    assert world.items == before


def test_newer_version_that_arrives_meanwhile_ends_a_replay(run: Run, world: LedgerWorld) -> None:
    """It waits for the lease of the replay, which then commits nothing."""
    world.with_route(header=["id", "price"])
    world.load("in/a.csv", b"2,n/a\n4,n/a\n")
    world.with_route(header=["id", "price"], null_values=["n/a"])
    answer = world.table.answer

    def arriving(requests: Any, keys: Any) -> Any:
        world.table.answer = answer  # type: ignore[method-assign]
        world.loader().arrived(world.ref_of("in/a.csv", b"9,9\n", 2), world.turn())
        return answer(requests, keys)

    world.table.answer = arriving  # type: ignore[method-assign]
    ran = run("replay", "in/a.csv")
    assert (ran.code, "SUPERSEDED" in ran.out) == (1, True)
    assert current(world, "in/a.csv").state == "RECEIVED"


def test_replay_that_could_not_end_is_gone_on_with(run: Run, world: LedgerWorld) -> None:
    """The same load goes on after the cause is mended."""
    world.load("in/dirty.csv", DIRTY)
    world.with_route(null_values=["n/a"])
    answer = world.table.answer

    def denied(requests: Any, keys: Any) -> Any:
        raise Denied("ACCESS_DENIED", "no permission", hint="allow it")

    world.table.answer = denied  # type: ignore[method-assign]
    ran = run("replay", "in/dirty.csv")
    assert (ran.code, "next: allow it; then run the command again" in ran.err) == (1, True)
    blocked = current(world, "in/dirty.csv")
    assert blocked.state == "BLOCKED"
    assert "ACCESS_DENIED" in run("status").out
    world.table.answer = answer  # type: ignore[method-assign]
    assert run("replay", "in/dirty.csv").code == 3
    assert (current(world, "in/dirty.csv").id, current(world, "in/dirty.csv").counts["read"]) == (blocked.id, 3)


def test_replay_that_died_keeps_others_waiting_for_its_lease_only(run: Run, world: LedgerWorld) -> None:
    """Who tries meanwhile is told for how long."""
    original = world.load("in/dirty.csv", DIRTY)
    asked = Replay(original.id, 1, "rejected")
    world.ledger.begin(original.ref, Job("orders", "orders", "c0ffee", "replay", asked), lease=Lease("dead", 60))
    ran = run("replay", "in/dirty.csv")
    assert (ran.code, "(BUSY)" in ran.err, "try again in 65 s" in ran.err) == (1, True, True)
    assert "a replay on somebody's machine" in run("status").out
    world.clock.sleep(100)
    assert run("replay", "in/dirty.csv").code == 3


@pytest.mark.parametrize("compress", [False, True])
def test_header_is_read_from_the_object(run: Run, world: LedgerWorld, compress: bool) -> None:
    """The rejected records do not hold it; without the object there is none."""
    content = b"\xef\xbb\xbfprice,id\r\nn/a,7\r\n"
    world.load("in/a.csv", gzip.compress(content) if compress else content)
    world.with_route(null_values=["n/a"])
    assert run("replay", "in/a.csv").code == 0
    assert list(world.items) == [7]


def test_rejected_records_that_expired_cannot_be_replayed(run: Run, world: LedgerWorld) -> None:
    """Nothing begins; the whole object can be loaded again."""
    world.load("in/a.csv", DIRTY)
    world.kept_files.clear()
    ran = run("replay", "in/a.csv")
    assert (ran.code, "(REJECTS_GONE)" in ran.err, "--whole" in ran.err) == (1, True, True)


@pytest.mark.parametrize("state", ["FAILED", "PARTIAL", "MISSING"])
def test_what_did_not_load_is_sent_to_the_function_as_a_whole(run: Run, world: LedgerWorld, state: str) -> None:
    """One message, which names the generation alone; what the function makes of it is a load beside the first."""
    world.with_route(on_error=OnError("continue", 0))
    generation = world.load("in/a.csv", b'id,"' if state == "FAILED" else DIRTY)
    if state == "MISSING":
        begun = world.ledger.begin(world.ref_of("in/a.csv", DIRTY, 2), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
        assert isinstance(begun, Claim)
        world.ledger.end(begun, Ending("MISSING", "OBJECT_MISSING", "gone", "upload it"))
        generation = current(world, "in/a.csv")
    assert generation.state == state
    assert run("replay", "in/a.csv", "--rejected").code == 1
    assert run("replay", "in/a.csv", "--json").document == {"replayed": "whole", "key": "in/a.csv", "generation": generation.id, "messages": 1}
    assert world.sent == [("headrace-events", {"headrace": "replay", "generation": generation.id, "number": 1})]
    world.ref_of("in/a.csv", b"id,price\n5,6\n", 2 if state == "MISSING" else 1)
    (message,) = parse(world.sent[0][1], bucket="landing")
    world.loader().replay(message.replays[0], world.turn())
    again = current(world, "in/a.csv")
    assert (again.state, again.replay_of, again.records, 5 in world.items) == ("LOADED", generation.id, "all", True)
    assert "(REPLAYED_ALREADY)" in run("replay", generation.id).err


def test_whole_object_is_loaded_again_as_often_as_asked(run: Run, world: LedgerWorld) -> None:
    """Each time is another one; one that is under way is not begun twice."""
    original = world.load("in/a.csv", DIRTY)
    for number in (1, 2):
        assert run("replay", original.id, "--whole").code == 0
        assert world.sent[-1][1] == {"headrace": "replay", "generation": original.id, "number": number}
        world.loader().replay(Replay(original.id, number), world.turn())
        world.clock.sleep(1)
    begun = world.ledger.begin(original.ref, Job("orders", "orders", "c0ffee", "replay", Replay(original.id, 3)), lease=Lease("w", 60))
    assert isinstance(begun, Claim)
    world.clock.sleep(100)
    assert run("replay", original.id, "--whole", "--json").document["replayed"] == "open"
    assert world.sent[-1] == ("headrace-chunks", {"headrace": "chunk", "generation": begun.generation.id, "chunk": 0})


def cut(world: LedgerWorld, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Generation:
    """The load of an object in chunks of 300 bytes, as far as its tasks go."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    generation = world.load("in/large.csv", content)
    world.work()
    return current(world, generation.key)


def work_on_sent(world: LedgerWorld) -> None:
    """What the command sent to the queue of chunks."""
    sent, world.sent[:] = list(world.sent), []
    world.tasks += [Task(body["generation"], body["chunk"]) for _, body in sent]
    world.work()


def priced(count: int, bad: range) -> bytes:
    """Records whose price is no number where they are in ``bad``."""
    return b"id,price\n" + b"".join(b"%d,%s\n" % (number, b"n/a" if number in bad else b"7") for number in range(count))


def balance(generation: Generation) -> tuple[int, int, int]:
    read, written, rejected = (int(generation.counts[name]) for name in ("read", "written", "rejected"))
    return read, written, rejected


def test_chunks_that_failed_go_on_and_those_that_are_done_stay(run: Run, world: LedgerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same load: nothing that was done is written or counted once more."""
    first_open, read_again = world.open, list[int]()

    def broken(ref: Any, offset: int) -> Any:
        if ref.bucket == "landing" and offset > 600:
            raise ObjectError("OBJECT_BROKEN", "the disk is full")
        return first_open(ref, offset)

    monkeypatch.setattr(world, "open", broken)
    failed = cut(world, monkeypatch, priced(300, range(0)))
    assert (failed.state, failed.code, 0 < failed.chunks_done < failed.chunks - 1) == ("FAILED", "OBJECT_BROKEN", True)
    assert "at least: it ended" in run("history", "--object", "in/large.csv").out
    assert "at least so many" in run("history").out
    monkeypatch.setattr(world, "open", lambda ref, offset: read_again.append(offset) or first_open(ref, offset))
    ran = run("replay", "in/large.csv", "--json")
    left = failed.chunks - failed.chunks_done
    assert ran.document == {"replayed": "rest", "key": "in/large.csv", "generation": failed.id, "messages": left}
    work_on_sent(world)
    ended = current(world, "in/large.csv")
    assert (ended.id, ended.state, ended.reopened, balance(ended)) == (failed.id, "LOADED", 1, (300, 300, 0))
    assert len(world.items) == 300
    assert len(set(read_again) - {0}) == left  # and for each the header
    shown = run("history", "--object", "in/large.csv").out
    assert ("opened again: 1" in shown, "at least" in shown) == (True, False)
    assert "(NOTHING_TO_REPLAY)" in run("replay", "in/large.csv").err


def test_chunks_that_stopped_at_the_limit_go_on_once_it_is_raised(run: Run, world: LedgerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit decides nothing about items, so what was loaded under the lower one stays; every record is counted once."""
    world.with_route(on_error=OnError("continue", 2))
    content = priced(300, range(100, 120))
    stopped = cut(world, monkeypatch, content)
    assert (stopped.state, stopped.chunks_done, stopped.counts["read"] < 300) == ("PARTIAL", stopped.chunks, True)
    world.with_route(on_error=OnError("continue", 1000))
    ran = run("replay", "in/large.csv")
    assert (ran.code, "are done and stay" in ran.out) == (0, True)
    work_on_sent(world)
    ended = current(world, "in/large.csv")
    assert (ended.id, ended.state, balance(ended)) == (stopped.id, "LOADED", (300, 280, 20))
    lines = [line for line, _, _ in places(run, "in/large.csv")]
    assert lines == list(range(102, 122))


@pytest.mark.parametrize("change", ["route", "order", "whole", "version"])
def test_failed_load_of_chunks_is_done_as_a_whole_where_its_rest_would_not_do(
    run: Run, world: LedgerWorld, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """By another route half the object would have other items; a list of keys that is closed takes no more; and a newer version counts."""
    world.with_route(on_error=OnError("continue", 2), order="file" if change == "order" else "any")
    stopped = cut(world, monkeypatch, priced(300, range(100, 120)))
    if change == "order":  # the message of the last chunk comes again, and settles repeated keys
        world.loader().task(Task(stopped.id, stopped.chunks - 1), world.turn())
    assert current(world, "in/large.csv").state == "PARTIAL"
    if change == "route":
        world.with_route(null_values=["n/a"])
    if change == "version":
        world.ledger.begin(world.ref_of("in/large.csv", b"", 2), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    ran = run("replay", stopped.id, *(["--whole"] if change == "whole" else []), "--json")
    assert ran.document["replayed"] == "whole"
    assert current(world, "in/large.csv").reopened == 0


def test_open_load_goes_on_with_the_chunks_that_nobody_has(run: Run, world: LedgerWorld) -> None:
    """Not with those that are done, nor with those that are worked on."""
    begun = world.ledger.begin(world.ref_of("in/large.csv", b"x" * 1000), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    assert isinstance(begun, Claim)
    planned = world.ledger.plan(begun, [Span(0, 300, 1), Span(300, 600, 11), Span(600, None, 21)])
    assert isinstance(planned, Claim)
    world.ledger.give_back(planned)
    world.ledger.claim(planned.generation.id, 1, Lease("w", 60))
    assert "2 chunks sent" in run("replay", "in/large.csv").out
    assert [body["chunk"] for _, body in world.sent] == [0, 2]
    for number in (0, 2):
        world.ledger.claim(planned.generation.id, number, Lease("w", 60))
    assert "nothing was sent" in run("replay", "in/large.csv").out
    for option in ("--whole", "--rejected"):
        assert "(NOT_ENDED)" in run("replay", "in/large.csv", option).err


def test_superseded_load_is_not_replayed(run: Run, world: LedgerWorld) -> None:
    """What counts is the newer version."""
    first = world.ledger.begin(world.ref_of("in/a.csv", b"", 1), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    assert isinstance(first, Claim)
    world.ledger.begin(world.ref_of("in/a.csv", b"", 2), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    ran = run("replay", first.generation.id)
    assert (ran.code, "(REPLAY_SUPERSEDED)" in ran.err, "`headrace replay in/a.csv`" in ran.err) == (1, True, True)


ROWS = st.lists(st.tuples(st.sampled_from(["1", "n/a", "2.50", "-3"]), st.text("ab,\"\n\r\t'éN\x00", max_size=6)), max_size=20)


@given(rows=ROWS, name=st.sampled_from(["csv", "tsv", "jsonl"]), line_end=st.sampled_from(["\n", "\r\n"]))
def test_replay_gives_what_a_load_with_the_corrected_config_gives(rows: list[tuple[str, str]], name: Any, line_end: str) -> None:
    """Whatever the records hold: put together again they are the same records."""
    content = encoded(rows, name, line_end)
    strict, corrected = LedgerWorld(**STRICT), LedgerWorld(**STRICT)
    strict.with_route(format=name)
    corrected.with_route(format=name)
    strict.load("in/a", content)
    strict.with_route(null_values=["n/a"])
    corrected.with_route(null_values=["n/a"])
    corrected.load("in/a", content)
    generation = current(strict, "in/a")
    if generation.counts["rejected"]:
        done = replay_rejected(strict.access(), generation, 1, stderr())
        assert done.generation.counts["read"] + done.left == generation.counts["rejected"]
    assert strict.items == corrected.items


def encoded(rows: list[tuple[str, str]], name: str, line_end: str) -> bytes:
    """Records with the ids 0, 1, 2… in a format."""
    records = [(str(number), price, note) for number, (price, note) in enumerate(rows)]
    if name == "jsonl":
        return "".join(
            json.dumps({"id": int(id), "price": price if price == "n/a" else float(price), "note": note}) + line_end for id, price, note in records
        ).encode()
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t" if name == "tsv" else ",", lineterminator=line_end)
    writer.writerows([("id", "price", "note"), *records])
    return text.getvalue().encode()
