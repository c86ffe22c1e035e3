"""What is left of a cut object that FAILED or is PARTIAL is replayed by an operator and a function that have no permission too many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import Ran, run_process
from headrace.config.parse import load as load_config
from system.pipeline import Json, Pipeline, pipeline, wait_until

CONFIG = """\
name: rest
source: {bucket: rest-incoming}
function: {timeout_s: 20, memory_mb: 512, maximum_concurrency: 2}
tables:
  orders: {name: rest-orders, key: {id: number}, max_write_units_per_s: 1000}
routes:
  - {name: limited, match: "limited/**", format: csv, table: orders, columns: {id: number, pad: drop}, on_error: {max_rejects: 2}}
  - {name: aborted, match: "aborted/**", format: csv, table: orders, columns: {id: number, pad: drop}, on_error: {action: abort}}
"""
MENDED = CONFIG.replace("{max_rejects: 2}", "{max_rejects: null}").replace("{action: abort}", "{max_rejects: null}")
SMALL, LARGE, LARGE_BYTES = 3_000, 115, 200_000
BAD = (60, 65, 70, 72)
"""Of the large records, which stand between bytes 8 and 16 million: in the second of the three chunks."""

ACCOUNT, REGION = "111122223333", "us-east-1"
LEDGER = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/rest-ledger"
CHUNKS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:rest-chunks"
NEEDED = {
    "dynamodb:BatchGetItem": LEDGER,
    "dynamodb:Query": LEDGER,
    "dynamodb:ConditionCheckItem": LEDGER,
    "dynamodb:PutItem": LEDGER,
    "dynamodb:UpdateItem": LEDGER,
    "sqs:GetQueueUrl": CHUNKS,
    "sqs:SendMessage": CHUNKS,
}
"""What docs/operations.md names for ``replay`` of failed chunks, in the order in which the command asks for it."""


def body(first: int) -> bytes:
    """Small records first, so that the chunks are as short as can be; then large ones, of which some have no number for a key."""
    small = b"".join(b"%d,%s\n" % (first + number, b"s" * 90) for number in range(SMALL))
    keys = (b"bad" if number in BAD else b"%d" % (first + SMALL + number) for number in range(LARGE))
    return b"id,pad\n" + small + b"".join(b"%s,%s\n" % (key, b"l" * LARGE_BYTES) for key in keys)


def accepted(first: int) -> set[int]:
    return set(range(first, first + SMALL)) | {first + SMALL + number for number in range(LARGE) if number not in BAD}


class Operator:
    """A role with one inline policy, who runs the program."""

    def __init__(self, stack: Pipeline, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._iam, self._config, self._url = stack.client("iam"), config, stack.stack.endpoint_url
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        role = self._iam.create_role(RoleName="operator", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
        session = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
        monkeypatch.setenv("AWS_REGION", REGION)
        for variable, name in names.items():
            monkeypatch.setenv(variable, session[name])

    def replay(self, key: str, *, without: str = "") -> Ran:
        """Run ``headrace replay`` with what it needs, but for the action ``without``."""
        actions = {action: resource for action, resource in NEEDED.items() if action != without}
        if "sqs:SendMessage" in actions:
            actions["sqs:SendMessageBatch"] = CHUNKS  # which the emulator alone asks for
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in actions.items()]
        self._iam.put_role_policy(RoleName="operator", PolicyName="replay", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
        return run_process("replay", key, "--json", "--config", self._config, "--endpoint-url", self._url)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "headrace.yaml").write_text(CONFIG)
    (tmp_path / "mended.yaml").write_text(MENDED)
    return tmp_path


@pytest.fixture
def stack(project: Path) -> Iterator[Pipeline]:
    with pipeline(load_config(project / "headrace.yaml"), project) as started:
        yield started


def ended(stack: Pipeline, key: str, state: str) -> Json:
    """The one generation of ``key``, as the history has it once it is in ``state``."""

    def found() -> list[Json]:
        return [vars(one) for one in stack.history(key) if one.state == state and not one.leases]

    (generation,) = wait_until(found, f"{key} {state}; so far {stack.history(key)}")
    return generation


def test_replay_of_what_is_left_needs_what_is_documented_and_ends_with_the_whole_table(stack: Pipeline, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one permission it is named, and the replay can be repeated; in the end each accepted record is there, and each counted once."""
    loads = {"limited/a.csv": ("PARTIAL", 0), "aborted/b.csv": ("FAILED", 100_000)}
    for key, (state, first) in loads.items():
        stack.upload(key, body(first))
        before = ended(stack, key, state)
        assert (before["chunks"], before["code"] in (None, "TOO_MANY_REJECTS")) == (3, True)
        assert before["counts"]["read"] < SMALL + LARGE
    stack.stack.deploy(load_config(project / "mended.yaml"))
    operator = Operator(stack, project / "mended.yaml", monkeypatch)
    for action in NEEDED:
        ran = operator.replay("limited/a.csv", without=action)
        assert (ran.code, ran.document["error"]) == (1, "ACCESS_DENIED"), ran
        assert f"allow {action} on " in ran.document["hint"], (action, ran)
        opened = ended(stack, "limited/a.csv", "PLANNED" if action.startswith("sqs:") else "PARTIAL")
        assert opened["reopened"] == action.startswith("sqs:")
    assert operator.replay("limited/a.csv").document["replayed"] == "open"
    assert operator.replay("aborted/b.csv").document["replayed"] == "rest"
    for key in loads:
        after = ended(stack, key, "LOADED")
        assert (after["counts"]["read"], after["counts"]["rejected"], after["reopened"]) == (SMALL + LARGE, len(BAD), 1)
        assert after["counts"]["written"] == SMALL + LARGE - len(BAD)
    assert {int(item["id"]["N"]) for item in stack.items("orders")} == accepted(0) | accepted(100_000)
