"""The function is killed in the middle of a load: the message comes again, and the table ends as after one undisturbed load."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from system.pipeline import Pipeline, wait_until

ROWS = 4_000


def values(pipeline: Pipeline, group: str) -> dict[str, str]:
    return {item["id"]["S"]: item["value"]["N"] for item in pipeline.items("bulk", group=group)}


def expected(group: str, count: int = ROWS) -> dict[str, str]:
    return {f"{group}-{number}": str(number) for number in range(count)}


def require_counted(pipeline: Pipeline, key: str, count: int) -> None:
    """The ledger has the one version of ``key`` as LOADED, each record counted once however often it was begun."""
    (generation,) = wait_until(lambda: [one for one in pipeline.history(key) if one.is_final], f"the end of {key} in the ledger")
    assert (generation.state, generation.counts["read"], generation.counts["written"]) == ("LOADED", count, count)
    assert (generation.leases, generation.chunks_done) == (0, 1)


def function_processes() -> list[int]:
    """The processes of this test process that run a function now (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == os.getpid() and b"headrace.handler.handler" in arguments:
            found.append(int(process.name))
    return found


def item_count(pipeline: Pipeline) -> int:
    table = pipeline.client("dynamodb").describe_table(TableName="bulk")["Table"]
    return int(table["ItemCount"])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the function's process in /proc")
def test_load_when_its_process_is_killed_is_repeated_and_ends_the_same(queued: Pipeline, tmp_path: Path) -> None:
    """SIGKILL before the last record: nothing says so to SQS, the visibility timeout does. The last attempt's counts are those of the file."""
    key, held_by, before = "slow/killed.csv", tmp_path / "held", item_count(queued)
    held_by.touch()
    lines = [f"killed-{number},killed,{number},{held_by if number == ROWS - 1 else ''}\n" for number in range(ROWS)]
    body = "".join(["id,group,value,held_by\n", *lines]).encode()
    with queued.visibility(5):
        queued.upload(key, body)
        wait_until(lambda: item_count(queued) > before, "the first items")
        for process in function_processes():
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: queued.lines("Runtime exited with error: signal: killed"), "the end of the process")
        held_by.unlink()
    assert 0 < len(values(queued, "killed")) < ROWS
    load = queued.load(key, "LOADED")
    assert (load["read"], load["written"], load["rejected"], load["unknown"]) == (ROWS, ROWS, 0, 0)
    assert [load["state"] for load in queued.loads(key)] == ["LOADED"], "the killed attempt reports nothing"
    assert values(queued, "killed") == expected("killed")
    require_counted(queued, key, ROWS)
    assert queued.given_up(key) == []


def test_load_when_memory_runs_out_is_killed_and_comes_again(queued: Pipeline, tmp_path: Path) -> None:
    """Lambda kills a function that holds too much; the log says so, and the message comes again."""
    key, held_by = "greedy/memory.csv", tmp_path / "held"
    held_by.touch()
    with queued.visibility(5):
        queued.upload(key, f"id,group,value,held_by\ngreedy-1,greedy,1,\ngreedy-2,greedy,2,{held_by}\n".encode())
        wait_until(lambda: queued.lines("Runtime.OutOfMemory"), "an end for want of memory")
        held_by.unlink()
        load = queued.load(key, "LOADED")
    assert (load["read"], load["written"]) == (2, 2)
    assert values(queued, "greedy") == {"greedy-1": "1", "greedy-2": "2"}
    require_counted(queued, key, 2)


def test_load_when_the_memory_is_least_takes_the_largest_items(queued: Pipeline) -> None:
    """What a load holds is bounded: 24 MB of items of nearly 400 KB go through a function of 128 MB."""
    key, width = "bulk/memory.csv", 399_000
    body = b"id,group,value\n" + b"".join(b"memory-%d,%s,%d\n" % (number, b"m" * width, number) for number in range(60))
    queued.update_function(MemorySize=128)
    try:
        load = queued.loaded(key, body)
    finally:
        queued.update_function(MemorySize=queued.config.function.memory_mb)
    assert (load["read"], load["written"]) == (60, 60)
    assert [len(queued.items("bulk", id=f"memory-{number}")[0]["group"]["S"]) for number in (0, 59)] == [width, width]


def test_load_when_time_runs_out_ends_before_it_is_killed_and_goes_on(queued: Pipeline) -> None:
    """The load stops while there is time to say so, and commits what is safe; the next one goes on there, and no record counts twice."""
    key, count = "steady/deadline.csv", 16_000
    body = b"".join(b"deadline-%d,deadline,%d\n" % (number, number) for number in range(count))
    queued.update_function(Timeout=12)
    try:
        queued.upload(key, b"id,group,value\n" + body)
        load = queued.load(key, "INTERRUPTED")
        queued.load(key, "LOADED")
    finally:
        queued.update_function(Timeout=queued.config.function.timeout_s)
    assert 0 < load["written"] == load["read"] < count
    assert (load["error"], load["go_on"][1]) == ("", load["read"] + 2)
    assert not queued.lines(f"{load['request_id']} Task timed out")
    assert len(values(queued, "deadline")) >= load["written"]
    assert sum(load["written"] for load in queued.loads(key)) == count
    assert values(queued, "deadline") == expected("deadline", count)
    require_counted(queued, key, count)


def test_load_when_the_transform_hangs_is_killed_and_comes_again(queued: Pipeline, tmp_path: Path) -> None:
    """Foreign code that does not come back: Lambda ends it at the timeout, and the message comes again after its own."""
    key, held_by = "slow/hanging.csv", tmp_path / "held"
    held_by.touch()
    queued.update_function(Timeout=2)
    try:
        with queued.visibility(6):
            queued.upload(key, f"id,group,value,held_by\nslow-1,slow,1,\nslow-2,slow,2,{held_by}\n".encode())
            wait_until(lambda: queued.lines("Task timed out after 2.00 seconds"), "the end by timeout")
            held_by.unlink()
    finally:
        queued.update_function(Timeout=queued.config.function.timeout_s)
    load = queued.load(key, "LOADED")
    assert (load["read"], load["written"]) == (2, 2)
    assert values(queued, "slow") == {"slow-1": "1", "slow-2": "2"}
    require_counted(queued, key, 2)


def test_load_when_the_transform_ends_the_process_is_given_up(queued: Pipeline) -> None:
    """A poison that takes the process with it is received a bounded number of times (here three) and kept in the failed queue."""
    key = "leaving/poison.csv"
    with queued.visibility(1), queued.receives(3):
        queued.upload(key, b"id,group,value\nleave,leave,1\n")
        wait_until(lambda: queued.given_up(key), f"{key} in the failed queue")
    assert queued.loads(key) == []
    assert queued.lines("Runtime.ExitError")
