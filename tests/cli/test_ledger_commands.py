"""status, history and errors on a ledger in memory: what they say about every state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from cli.ledger_world import LedgerWorld, open_in_commands
from cli.program import Run
from headrace.cli.line_story import Answer
from headrace.config.model import Column, OnError
from headrace.ledger.entries import Span
from headrace.ledger.results import Claim, Ending, Job, Lease, Progress
from headrace.ledger.states import STATES
from headrace.rejected import NOT_WHOLE

STRICT: dict[str, Any] = {"columns": {"id": Column("number"), "price": Column("number")}}
DIRTY = b"id,price\n1,5\n2,n/a\n3,6\n4,n/a\nx,7\n"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> LedgerWorld:
    world = LedgerWorld(**STRICT)
    open_in_commands(world, monkeypatch)
    return world


def begin(world: LedgerWorld, key: str, number: int = 1) -> Claim:
    """An object whose load has begun, with a lease of 60 s."""
    claim = world.ledger.begin(world.ref_of(key, b"x" * 1000, number), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    assert isinstance(claim, Claim)
    return claim


def rows(text: str) -> list[list[str]]:
    """The fields of the lines that have several."""
    return [line.split("\t") for line in text.splitlines() if "\t" in line]


def test_status_of_an_idle_stack_says_so(run: Run, world: LedgerWorld) -> None:
    """With the queues, whose messages the ledger may not know yet, and what ended last."""
    world.load("in/a.csv", b"id,price\n1,2\n")
    ran = run("status")
    assert ran.code == 0
    assert ran.out.startswith("headrace: nothing is loading and nothing waits\n")
    assert ["headrace-events", "3", "0"] in rows(ran.out)
    assert "last ended: LOADED in/a.csv, 2023-11-14 22:13:20" in ran.out
    assert run("status", "--json").document["last_ended"]["counts"]["written"] == 1


def test_status_says_how_far_each_is_and_why_it_waits(run: Run, world: LedgerWorld) -> None:
    """The oldest first, with the sums; code, message and hint are those of the ledger."""
    world.ledger.end(begin(world, "in/blocked.csv"), Ending("BLOCKED", "TABLE_MISSING", "no table", "create it"))
    world.clock.sleep(600)
    claim = world.ledger.plan(begin(world, "in/large.csv"), [Span(0, 500, 1), Span(500, None, 11)])
    assert isinstance(claim, Claim)
    world.clock.sleep(10)
    world.ledger.commit(claim, Progress({"read": 50, "written": 40, "rejected": 10}, bytes=410))
    world.ledger.claim(claim.generation.id, 1, Lease("w", 60))
    ran = run("status")
    assert "headrace: 1 BLOCKED, 1 LOADING; the oldest has been there for 10 min" in ran.out
    heading, blocked, loading = rows(ran.out)[:3]
    assert heading == ["state", "object", "route", "chunks", "bytes", "read", "written", "rejected", "items/s", "for", "why"]
    assert blocked == ["BLOCKED", "in/blocked.csv", "orders", "0/1", "0 %", "0", "0", "0", "", "10 min", "TABLE_MISSING: no table; next: create it"]
    assert loading[:-1] == ["LOADING", "in/large.csv", "orders", "1/2", "41 %", "50", "40", "10", "4", "10 s"]
    assert loading[-1].startswith("1 at work, at most until 2023-11-14 22:2")
    document = run("status", "--json").document
    assert document["states"] == {"BLOCKED": 1, "LOADING": 1}
    assert [(each["state"], each["chunks_done"], each["items_per_s"]) for each in document["open"]] == [("BLOCKED", 0, None), ("LOADING", 1, 4.0)]


def test_status_of_a_version_that_waits_for_an_older_one_says_so(run: Run, world: LedgerWorld) -> None:
    """And of one whose worker died, that nobody is at work."""
    begin(world, "in/a.csv", 1)
    world.ledger.begin(world.ref_of("in/a.csv", b"y", 2), Job("orders", "orders", "c0ffee"), lease=Lease("w", 60))
    begin(world, "in/dead.csv")
    world.clock.sleep(100)
    found = {row[0]: row[-1] for row in rows(run("status").out)[1:3]}
    assert found == {"RECEIVED": "waits for the workers of an older version", "LOADING": "nobody is at work: its messages wait, or come again"}


def test_status_of_a_backlog_is_bounded_and_says_how_many_more(run: Run, world: LedgerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums are of all, up to a limit that is told as such."""
    for number in range(7):
        begin(world, f"in/{number}.csv")
    assert "and 5 more: --limit N lists more" in run("status", "--limit", 2).out
    monkeypatch.setattr("headrace.cli.status.OPEN_COUNTED_MAX", 4)
    ran = run("status", "--limit", 2)
    assert "headrace: 4 LOADING and more;" in ran.out
    assert "and at least 2 more" in ran.out
    assert run("status", "--limit", 2, "--json").document["is_all_counted"] is False


def test_history_lists_what_ended_with_its_counts(run: Run, world: LedgerWorld) -> None:
    """The last first; a row balances."""
    world.load("in/good.csv", b"id,price\n1,2\n1,3\n")
    world.load("in/dirty.csv", DIRTY)
    world.load("in/cut.csv", b'id,"price\n1,2\n')
    heading, *found = rows(run("history").out)
    assert heading == ["ended", "state", "object", "route", "read", "written", "rejected", "filtered", "superseded", "took", "found by", "why"]
    assert [row[1:11] for row in found] == [
        ["FAILED", "in/cut.csv", "orders", "0", "0", "0", "0", "0", "0 s", "event"],
        ["LOADED", "in/dirty.csv", "orders", "5", "2", "3", "0", "0", "0 s", "event"],
        ["LOADED", "in/good.csv", "orders", "2", "1", "0", "0", "1", "0 s", "event"],
    ]
    assert found[0][11].startswith("HEADER_INVALID: ")


def test_history_is_chosen_by_state_route_and_time_and_bounded(run: Run, world: LedgerWorld) -> None:
    """Open states are listed where they are asked for; a note says that there is more."""
    world.load("in/old.csv", DIRTY)
    world.clock.sleep(3 * 86_400)
    world.load("in/new.csv", DIRTY)
    world.load("in/cut.csv", b'id,"price\n')
    begin(world, "in/open.csv")

    def keys(*arguments: object) -> list[str]:
        return [each["key"] for each in run("history", "--json", *arguments).document["loads"]]

    assert keys() == ["in/cut.csv", "in/new.csv", "in/old.csv"]
    assert keys("--since", "2d") == keys("--since", "2023-11-15") == ["in/cut.csv", "in/new.csv"]
    assert keys("--state", "loaded", "--route", "orders") == ["in/new.csv", "in/old.csv"]
    assert keys("--state", "LOADING") == ["in/open.csv"]
    assert keys("--since", "1970-01-01") == keys("--since", "999999d") == keys()
    assert keys("--limit", 1) == ["in/cut.csv"]
    assert "and more: --limit N lists more than 1" in run("history", "--limit", 1).out
    assert "no load of this kind since 1m" in run("history", "--state", "MISSING", "--since", "1m").out


def test_history_of_an_object_shows_each_version(run: Run, world: LedgerWorld) -> None:
    """By key or by address, in detail."""
    world.load("in/a.csv", b"id,price\n1,2\n", 1)
    world.load("in/a.csv", DIRTY, 2)
    world.loader().arrived(world.ref_of("in/a.csv", DIRTY, 2), world.turn())
    for name in ("in/a.csv", "s3://landing/in/a.csv"):
        ran = run("history", "--object", name)
        assert [line.split()[0] for line in ran.out.splitlines() if "s3://landing/in/a.csv" in line] == ["LOADED", "LOADED"]
        assert ran.out.index("version version-2") < ran.out.index("version version-1")
        assert "read 5 = written 2 + rejected 3 + filtered 0 + superseded 0" in ran.out
        assert "repeated events: 1" in ran.out


def test_errors_groups_by_reason_and_shows_each_record_when_asked(run: Run, world: LedgerWorld) -> None:
    """With the first line of each kind; every record whole, with its place."""
    generation = world.load("in/dirty.csv", DIRTY)
    ran = run("errors")
    assert f"in/dirty.csv  LOADED 2023-11-14 22:13:20, 3 rejected, generation {generation.id}" in ran.out
    assert [row[:3] for row in rows(ran.out)] == [["rejected", "code", "first at line"], ["2", "NUMBER_INVALID", "3"], ["1", "NUMBER_INVALID", "6"]]
    assert run("errors", "in/dirty.csv").out == run("errors", generation.id).out == ran.out
    whole = run("errors", "in/dirty.csv", "--all").out
    assert "line 5, byte 23, column price: NUMBER_INVALID: " in whole
    assert "\n  4,n/a\n" in whole
    records = run("errors", "--json").items
    assert [(one["line"], one["byte_offset"], one["column"], one["raw"]) for one in records] == [
        (3, 13, "price", "2,n/a\n"),
        (5, 23, "price", "4,n/a\n"),
        (6, 29, "id", "x,7\n"),
    ]
    assert {(one["key"], one["generation"], one["replayed_as"]) for one in records} == {("in/dirty.csv", generation.id, None)}


def test_errors_is_bounded_and_says_where_there_is_nothing(run: Run, world: LedgerWorld) -> None:
    """No rejected records are good news; records that expired are told as that."""
    assert run("errors").out == "no rejected records since 7d\n"
    world.load("in/good.csv", b"id,price\n1,2\n")
    assert run("errors", "in/good.csv").out == "no rejected records\n"
    for number in range(3):
        world.load(f"in/{number}.csv", DIRTY)
    assert "and more loads with rejected records: --limit N looks at more than 2" in run("errors", "--limit", 2).out
    ran = run("errors", "--limit", 2, "--json")
    assert (len(ran.items), "--limit N looks at more than 2" in ran.err) == (6, True)
    world.kept_files.clear()
    ran = run("errors")
    assert ran.code == 1
    assert "rejects.retention_days" in ran.err


@pytest.mark.parametrize(
    ("line", "answer", "reason"),
    [
        (2, "written", "read 5, written 2, rejected 3, filtered 0, superseded 0"),
        (3, "rejected", "found 'n/a'"),
        (4, "written", "if a record stands there, it is in table orders"),
        (6, "rejected", "NUMBER_INVALID: column id"),
        (4711, "not rejected", "it lies behind the records"),
    ],
)
def test_line_of_a_loaded_object_is_written_or_rejected(run: Run, world: LedgerWorld, line: int, answer: str, reason: str) -> None:
    """Nothing was filtered or superseded, so what was read and not rejected is in the table; no line is called written that the file may not have."""
    world.load("in/dirty.csv", DIRTY)
    ran = run("errors", "in/dirty.csv", "--line", line)
    assert ran.out.splitlines()[0] == f"line {line} of in/dirty.csv: {answer}"
    assert reason in ran.out
    assert run("errors", "in/dirty.csv", "--line", line, "--json").document["answer"] == answer


def test_line_within_a_rejected_record_is_that_record(run: Run, world: LedgerWorld) -> None:
    """A record may stand on several lines."""
    world.with_route(other_columns="keep")
    world.load("in/a.csv", b'id,price,note\n1,n/a,"a\nb\nc"\n2,5,d\n')
    answers = [run("errors", "in/a.csv", "--line", line, "--json").document["answer"] for line in (2, 3, 4, 5)]
    assert answers == ["rejected", "rejected", "rejected", "written"]


def test_line_where_records_were_superseded_is_only_known_not_to_be_rejected(run: Run, world: LedgerWorld) -> None:
    """The ledger keeps counts, not a line for each record."""
    world.load("in/a.csv", b"id,price\n1,2\n1,3\n")
    ran = run("errors", "in/a.csv", "--line", 2)
    assert "not rejected" in ran.out
    assert "superseded 1" in ran.out


def test_line_of_a_load_that_stopped_at_its_limit_is_known(run: Run, world: LedgerWorld) -> None:
    """Where it stopped is kept."""
    world.with_route(on_error=OnError("continue", 1))
    generation = world.load("in/a.csv", DIRTY + b"8,8\n")
    assert generation.state == "PARTIAL"
    answers = [run("errors", "in/a.csv", "--line", line, "--json").document["answer"] for line in (2, 3, 4, 7)]
    assert answers == ["written", "rejected", "written", "not read"]
    assert "TOO_MANY_REJECTS: it stopped at the route's limit" in run("history").out


def test_line_of_an_object_in_chunks_is_answered_by_its_chunk(run: Run, world: LedgerWorld) -> None:
    """What one chunk has done says nothing about another."""
    claim = world.ledger.plan(begin(world, "in/large.csv"), [Span(0, 500, 1), Span(500, 900, 11), Span(900, None, 21)])
    assert isinstance(claim, Claim)
    world.ledger.commit(claim, Progress({"read": 10, "written": 10}))
    second = world.ledger.claim(claim.generation.id, 1, Lease("w", 60))
    assert isinstance(second, Claim)
    world.ledger.commit(second, Progress({"read": 4, "written": 4}, offset=600, line=15))
    documents = [run("errors", "in/large.csv", "--line", line, "--json").document for line in (5, 14, 15, 25)]
    assert [(each["answer"], each["chunk"]) for each in documents] == [("written", 0), ("written", 1), ("not known", 1), ("not read", 2)]


def test_unknown_key_is_told_with_what_may_be_meant(run: Run, world: LedgerWorld) -> None:
    """A near one, a route that is missing, or how to look whether it is there."""
    world.load("in/orders-2024.csv", DIRTY)
    for arguments in (("errors", "in/orders-2023.csv"), ("history", "--object", "in/orders-2023.csv"), ("replay", "in/orders-2023.csv")):
        ran = run(*arguments)
        assert (ran.code, "did you mean in/orders-2024.csv?" in ran.err) == (1, True)
    assert "no route takes this key" in run("errors", "elsewhere").err
    assert "aws s3 ls s3://landing/in/zzzzzzzzzzz;" in run("errors", "in/zzzzzzzzzzz").err
    assert "aws s3 ls 's3://landing/in/$(zzzzzz)';" in run("errors", "in/$(zzzzzz)").err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("errors", "--line", 3), "--line without an object"),
        (("errors", "--line", 0, "in/a.csv"), "invalid value for '--line'"),
        (("errors", "s3://other/in/a.csv"), "expected an object of the bucket landing"),
        (("errors", "s3://landing/"), "found no key"),
        (("errors", "--route", "order"), "expected `orders`"),
        (("history", "--route", "order"), "expected `orders`"),
        (("history", "--state", "DONE"), "'DONE' is not one of"),
        (("history", "--since", "yesterday"), "found 'yesterday', expected such as 12h, 7d"),
        (("replay", "in/a.csv", "--whole", "--rejected"), "--rejected and --whole"),
        (("status", "extra"), "unexpected extra argument"),
    ],
)
def test_wrong_use_exits_2_and_says_what_was_expected(run: Run, world: LedgerWorld, arguments: tuple[object, ...], reason: str) -> None:
    """Before anything is asked of the ledger, or right after."""
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err


def test_text_of_a_file_cannot_steer_the_terminal(run: Run, world: LedgerWorld) -> None:
    """Keys and records come from strangers."""
    world.load("in/\x1b[31m.csv", b"id,price\n1,\x1b[2Jx\n")
    for ran in (run("history"), run("errors", "--all"), run("errors")):
        assert "\x1b" not in ran.out
        assert "\\x1b" in ran.out


def test_generation_of_a_replay_has_its_origin_in_the_history(run: Run, world: LedgerWorld) -> None:
    """Beside the load that it replays."""
    original = world.load("in/dirty.csv", DIRTY)
    world.with_route(null_values=["n/a"])
    assert run("replay", "in/dirty.csv").code == 3
    ran = run("history", "--object", "in/dirty.csv")
    assert f"found by replay of rejected records of {original.id}" in ran.out
    assert "its rejected records were replayed as" in ran.out
    assert replace(original, duplicates=0) == world.ledger.generation(original.id)


def test_page_names_every_state_and_every_answer() -> None:
    """What is not explained in docs/operations.md has to be guessed."""
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    assert [state for state in STATES if f"| `{state}` |" not in page] == []
    assert [answer for answer in get_args(Answer) if f"| `{answer}` |" not in page] == []
    assert [code for code in NOT_WHOLE if f"`{code}`" not in page] == []
