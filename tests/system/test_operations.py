"""status, history, errors and replay on a deployed stack: they tell what happened to each object, and what is done again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import Ran, run_process
from headrace.config.parse import load as load_config
from system.event_bodies import s3_notification
from system.pipeline import Json, Pipeline, pipeline, wait_until

CONFIG = """\
name: operations
source: {bucket: operations-incoming}
function: {timeout_s: 20, memory_mb: 512, maximum_concurrency: 2}
tables:
  orders: {name: operations-orders, key: {id: number}}
  absent: {name: operations-absent, key: {id: number}, existing: true}
routes:
  - {name: orders, match: "in/**", format: csv, table: orders, columns: {id: number, price: number}, on_error: {max_rejects: 3}}
  - {name: blocked, match: "blocked/**", format: csv, table: absent, columns: {id: number}}
"""
FIXED = CONFIG.replace("columns: {id: number, price: number}", 'columns: {id: number, price: number}, null_values: ["n/a"]')
DIRTY = b"id,price\r\n10,1\r\n11,n/a\r\n12,2\r\n13,n/a\r\nx,1\r\n"


class Operator:
    """Somebody with the program, the config and the credentials of an account."""

    def __init__(self, stack: Pipeline, folder: Path) -> None:
        self.stack = stack
        self.folder = folder

    def run(self, *arguments: object, config: str = "headrace.yaml") -> Ran:
        return run_process(*arguments, "--config", self.folder / config, "--endpoint-url", self.stack.stack.endpoint_url)

    def history(self, key: str) -> list[Json]:
        """The loads of an object, the last first."""
        loads: list[Json] = self.run("history", "--object", key, "--json").document["loads"]
        return loads


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("operations")
    (folder / "headrace.yaml").write_text(CONFIG)
    (folder / "fixed.yaml").write_text(FIXED)
    with pipeline(load_config(folder / "headrace.yaml"), folder) as started:
        started.upload("in/good.csv", b"id,price\n1,2.5\n2,3\n")
        started.upload("in/dirty.csv", DIRTY)
        started.upload("in/many.csv", b"id,price\n" + b"".join(b"%d,bad\n" % number for number in range(20, 30)))
        started.upload("in/damaged.csv.gz", gzip.compress(b"id,price\n1,1\n")[:-12])
        started.upload("blocked/a.csv", b"id\n1\n")
        started.send(s3_notification(started.bucket, "in/missing.csv", version="deleted-before-it-was-read"))
        yield Operator(started, folder)


@pytest.fixture
def operator(stack: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    for name, value in stack.stack.stack.emulator.credentials.items():
        monkeypatch.setenv(name, value)
    states = {"LOADED", "PARTIAL", "FAILED", "MISSING"}
    wait_until(lambda: states <= {load["state"] for load in stack.run("history", "--json").document["loads"]}, "all have ended")
    return stack


def test_status_and_history_tell_the_state_of_each_object(operator: Operator) -> None:
    """One line for each, with the counts that the table shows."""
    status = operator.run("status")
    assert status.code == 0
    assert "operations: 1 BLOCKED; the oldest" in status.out
    assert "TABLE_MISSING: " in status.out
    assert "operations-failed\t1\t0" in status.out  # what was damaged; what is missing is no message for anybody
    (blocked,) = operator.run("status", "--json").document["open"]
    assert (blocked["key"], blocked["state"], blocked["code"], blocked["counts"].get("written", 0)) == (
        "blocked/a.csv",
        "BLOCKED",
        "TABLE_MISSING",
        0,
    )
    found = {load["key"]: load for load in reversed(operator.run("history", "--json").document["loads"])}
    states = {key: load["state"] for key, load in found.items()}
    assert states == {
        "in/good.csv": "LOADED",
        "in/dirty.csv": "LOADED",
        "in/many.csv": "PARTIAL",
        "in/damaged.csv.gz": "FAILED",
        "in/missing.csv": "MISSING",
    }
    assert [found["in/dirty.csv"]["counts"][name] for name in ("read", "written", "rejected", "filtered", "superseded")] == [5, 2, 3, 0, 0]
    assert found["in/damaged.csv.gz"]["code"] == "GZIP_CUT"


def test_errors_tell_which_records_and_what_became_of_a_line(operator: Operator) -> None:
    """With the place that an editor shows, and the bytes as they are in the object."""
    rejected = [one for one in operator.run("errors", "in/dirty.csv", "--json").items if one["replayed_as"] is None or one["line"] != 6]
    first = next(one for one in rejected if one["line"] == 3)
    assert (first["code"], first["column"], first["raw"]) == ("NUMBER_INVALID", "price", "11,n/a\r\n")
    assert DIRTY[first["byte_offset"] :].startswith(b"11,n/a")
    answers = [operator.run("errors", "in/dirty.csv", "--line", line, "--json").document["answer"] for line in (2, 3)]
    assert answers == ["written", "rejected"]
    assert "4\tNUMBER_INVALID\t2\t" in operator.run("errors", "in/many.csv").out
    assert operator.run("errors", "in/good.csv").out == "no rejected records\n"


def test_replay_of_rejected_records_writes_them_from_here(operator: Operator) -> None:
    """With the corrected config that is not deployed; the history shows it beside the first load."""
    ran = operator.run("replay", "in/dirty.csv", config="fixed.yaml")
    assert (ran.code, "read 3 = written 2 + rejected 1 + filtered 0 + superseded 0" in ran.out) == (3, True)
    again, first = operator.history("in/dirty.csv")
    assert (again["replay_of"], again["found_by"], again["state"], first["counts"]["rejected"]) == (first["id"], "replay", "LOADED", 3)
    ids = {int(item["id"]["N"]) for item in operator.stack.items("orders")}
    assert ids == {1, 2, 10, 11, 12, 13}
    left = [one for one in operator.run("errors", "in/dirty.csv", "--json").items if one["replayed_as"] is None]
    assert [(one["line"], one["raw"]) for one in left] == [(6, "x,1\r\n")]
    assert operator.run("replay", first["id"], config="fixed.yaml").code == 1


def test_replay_of_a_failed_object_is_done_by_the_function(operator: Operator) -> None:
    """Sent as a message; it fails again, as a load of its own."""
    (failed,) = operator.history("in/damaged.csv.gz")
    assert operator.run("replay", "in/damaged.csv.gz").code == 0
    wait_until(lambda: [load["state"] for load in operator.history("in/damaged.csv.gz")] == ["FAILED", "FAILED"], "the replay")
    again = operator.history("in/damaged.csv.gz")[0]
    assert {again["replay_of"], again["id"]} & {failed["id"]} == {failed["id"]}
    assert operator.run("replay", "blocked/a.csv", "--json").document["messages"] in (0, 1)  # 0 while the function looks at it once more


def test_whoever_lacks_a_permission_is_told_which(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read the ledger alone sees status and history, without the queues."""
    iam, table = operator.stack.client("iam"), "arn:aws:dynamodb:us-east-1:111122223333:table/operations-ledger"
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    read = {"Effect": "Allow", "Action": ["dynamodb:BatchGetItem", "dynamodb:Query"], "Resource": [table, f"{table}/index/listing"]}
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [read]}))
    session = operator.stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
    assert operator.run("history").code == 0
    assert operator.run("status", "--json").document["queues"] == []
    errors, replay = operator.run("errors", "in/many.csv"), operator.run("replay", "in/many.csv")
    assert [(ran.code, "(ACCESS_DENIED)" in ran.err) for ran in (errors, replay)] == [(1, True), (1, True)]
    assert "next: allow s3:GetObject on operations-incoming-rejects/" in errors.err
    assert "next: allow sqs:" in replay.err


def test_stack_that_is_not_there_is_told_as_that(operator: Operator) -> None:
    """Another name, another region: no ledger, and how to get one."""
    (operator.folder / "other.yaml").write_text(CONFIG.replace("name: operations\n", "name: elsewhere\n"))
    for command in (("status",), ("history",), ("errors",), ("replay", "in/a.csv")):
        ran = operator.run(*command, config="other.yaml")
        assert (ran.code, "(LEDGER_MISSING)" in ran.err, "`headrace deploy`" in ran.err) == (1, True, True)
    ran = operator.run("status", "--region", "eu-west-1", "--json")
    assert (ran.code, ran.document["error"]) == (1, "LEDGER_MISSING")
