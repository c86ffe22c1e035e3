"""The function is killed in the middle of a load: the message comes again, and the table ends as after one undisturbed load."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from system.pipeline import Pipeline, wait_until

ROWS = 12_000


def rows(group: str, count: int = ROWS) -> bytes:
    return b"id,group,value\n" + b"".join(b"%s-%d,%s,%d\n" % (group.encode(), number, group.encode(), number) for number in range(count))


def values(pipeline: Pipeline, group: str) -> dict[str, str]:
    return {item["id"]["S"]: item["value"]["N"] for item in pipeline.items("bulk", group=group)}


def expected(group: str, count: int = ROWS) -> dict[str, str]:
    return {f"{group}-{number}": str(number) for number in range(count)}


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
def test_load_when_its_process_is_killed_is_repeated_and_ends_the_same(queued: Pipeline) -> None:
    """SIGKILL after the first items: nothing says so to SQS, the visibility timeout does. The last attempt's counts are those of the file."""
    key, body = "bulk/killed.csv", rows("killed")
    before = item_count(queued)
    with queued.visibility(5):
        queued.upload(key, body)
        wait_until(lambda: item_count(queued) > before, "the first items")
        for process in function_processes():
            os.kill(process, signal.SIGKILL)
    assert 0 < len(values(queued, "killed")) < ROWS
    load = queued.load(key, "LOADED")
    assert (load["read"], load["written"], load["rejected"], load["unknown"]) == (ROWS, ROWS, 0, 0)
    assert [load["state"] for load in queued.loads(key)] == ["LOADED"], "the killed attempt reports nothing"
    assert queued.lines("Runtime exited with error: signal: killed")
    assert values(queued, "killed") == expected("killed")
    assert queued.given_up(key) == []


def test_load_when_memory_runs_out_is_killed_and_comes_again(queued: Pipeline) -> None:
    """Lambda kills a function that holds too much; the log says so, and the message comes again."""
    key = "greedy/memory.csv"
    until = time.time() + 4
    with queued.visibility(5):
        queued.upload(key, f"id,group,value,until\ngreedy-1,greedy,1,0\ngreedy-2,greedy,2,{until}\n".encode())
        wait_until(lambda: queued.lines("Runtime.OutOfMemory"), "an end for want of memory")
        load = queued.load(key, "LOADED")
    assert (load["read"], load["written"]) == (2, 2)
    assert values(queued, "greedy") == {"greedy-1": "1", "greedy-2": "2"}


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


def test_load_when_time_runs_out_ends_before_it_is_killed_and_comes_again(queued: Pipeline) -> None:
    """The load stops while there is time to say so: DEADLINE, retryable, with honest counts; the message waits for its next attempt."""
    key, count, until = "steady/deadline.csv", 8000, time.time() + 20
    body = b"".join(b"deadline-%d,deadline,%d,%d\n" % (number, number, until) for number in range(count))
    queued.update_function(Timeout=6)
    try:
        queued.upload(key, b"id,group,value,until\n" + body)
        load = queued.load(key, "FAILED")
    finally:
        queued.update_function(Timeout=queued.config.function.timeout_s)
    assert (load["error"], load["retryable"]) == ("DEADLINE", True)
    assert 0 < load["written"] < count
    assert load["unknown"] > 0
    assert not queued.lines(f"{load['request_id']} Task timed out")
    assert len(values(queued, "deadline")) >= load["written"]
    assert queued.load(key, "LOADED")["written"] == count
    assert values(queued, "deadline") == expected("deadline", count)


def test_load_when_the_transform_hangs_is_killed_and_comes_again(queued: Pipeline) -> None:
    """Foreign code that does not come back: Lambda ends it at the timeout, and the message comes again after its own."""
    key = "slow/hanging.csv"
    until = time.time() + 6
    queued.update_function(Timeout=2)
    try:
        with queued.visibility(6):
            queued.upload(key, f"id,group,value,until\nslow-1,slow,1,0\nslow-2,slow,2,{until}\n".encode())
            wait_until(lambda: queued.lines("Task timed out after 2.00 seconds"), "the end by timeout")
            load = queued.load(key, "LOADED")
    finally:
        queued.update_function(Timeout=queued.config.function.timeout_s)
    assert (load["read"], load["written"]) == (2, 2)
    assert values(queued, "slow") == {"slow-1": "1", "slow-2": "2"}


def test_load_when_the_transform_ends_the_process_is_given_up(queued: Pipeline) -> None:
    """A poison that takes the process with it is received a bounded number of times (here three) and kept in the failed queue."""
    key = "leaving/poison.csv"
    with queued.visibility(1), queued.receives(3):
        queued.upload(key, b"id,group,value\nleave,leave,1\n")
        wait_until(lambda: queued.given_up(key), f"{key} in the failed queue")
    assert queued.loads(key) == []
    assert queued.lines("Runtime.ExitError")
