"""How often a call is sent is headrace's own decision, whatever botocore is told about retries (row 26 of the list of faults)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from contracts.engines import Engine, aws_of
from faults.loading import WRITE, faulted, rows, values
from headrace.aws.objects import S3Objects
from headrace.local.fault_actions import answered, cut, failing
from headrace.local.fault_proxy import Action, Rule
from headrace.ports import ObjectRef

MODES = ("legacy", "standard", "adaptive")
ATTEMPTS = ("1", "10")


@pytest.fixture(params=[(mode, attempts) for mode in MODES for attempts in ATTEMPTS], ids=lambda pair: f"{pair[0]}, {pair[1]}")
def retries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment asks botocore for these retries."""
    mode, attempts = request.param
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", attempts)


FAULTS: dict[str, tuple[Action, Action]] = {
    "throttled": (failing("ProvisionedThroughputExceededException"), failing("SlowDown")),
    "answered with a 500": (answered(500), answered(500)),
    "cut": (cut(), cut()),
}
"""For writes and for reads."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("retries")
def test_calls_are_sent_once_and_repeated_by_headrace_alone(ministack: Engine, fault: str) -> None:
    """Three writes and two reads fail: four writes and three reads are on the wire, never one more or less."""
    bucket = ministack.bucket()
    ministack.s3.put_object(Bucket=bucket, Key="in/a.csv", Body=rows(20))
    write, read = FAULTS[fault]
    with faulted(ministack, Rule(WRITE, write, calls=range(1, 4)), Rule("s3:GetObject", read, calls=range(1, 3))) as world:
        fresh = aws_of(world.proxy.url)  # made under these settings
        world.engine = replace(ministack, proxied=fresh)
        with closing(fresh.client("s3", attempts=1)) as s3:
            outcome = world.load(b"", objects=S3Objects(s3), ref=ObjectRef(bucket, "in/a.csv"))
        assert (outcome.state, outcome.written) == ("LOADED", 20)
        assert values(world.items()) == {number: f"x{number}" for number in range(20)}
        operations = world.proxy.operations()
        assert (operations.count(WRITE), operations.count("s3:GetObject")) == (4, 3)
        reads = [dict(call.headers)["amz-sdk-request"] for call in world.proxy.calls if call.operation == "s3:GetObject"]
        assert [read.partition(";")[0] for read in reads] == ["attempt=1"] * 3  # so says botocore of each
