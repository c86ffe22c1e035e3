"""S3 invokes the function itself: retried twice by Lambda, then sent to the failure destination."""

from __future__ import annotations

import json

from system.event_bodies import s3_notification
from system.pipeline import Pipeline, wait_until


def test_upload_when_the_trigger_is_direct_fills_the_table(direct: Pipeline) -> None:
    """No queue, the same items."""
    load = direct.loaded("records/direct.csv", b"id,group,value\nd1,direct,1\nd2,direct,2.50\n")
    assert (load["read"], load["written"]) == (2, 2)
    assert {item["id"]["S"]: item["value"]["N"] for item in direct.items("records", group="direct")} == {"d1": "1", "d2": "2.5"}


def test_upload_when_its_load_fails_is_kept_in_the_failed_queue_once(direct: Pipeline) -> None:
    """Hopeless at once: the function keeps the event in the failed queue itself, once, and the ledger says why; no retry reads the object again."""
    key = "records/direct-cut.csv.gz"
    version = direct.upload(key, b"\x1f\x8b\x08\x00 cut short")
    wait_until(lambda: direct.given_up(key), "the event in the failed queue")
    assert [load["error"] for load in direct.loads(key)] == ["GZIP_CUT"]
    (kept,) = map(json.loads, direct.given_up(key))
    assert kept["Records"][0]["s3"]["object"]["versionId"] == version
    (generation,) = direct.history(key)
    assert (generation.state, generation.code) == ("FAILED", "GZIP_CUT")
    assert "in the middle of a member" in str(generation.message)


def test_event_when_of_a_foreign_bucket_is_counted_and_not_repeated(direct: Pipeline) -> None:
    """What is refused for good is no failure of the function."""
    event = json.dumps(s3_notification("somebody-elses-bucket", "records/theirs.csv"))
    answer = direct.client("lambda").invoke(FunctionName=direct.function, Payload=event)
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"]) == {"batchItemFailures": []}
    assert wait_until(lambda: direct.notices("somebody-elses-bucket"), "a notice")[0]["error"] == "FOREIGN_BUCKET"


def test_event_when_not_understood_fails_the_invocation(direct: Pipeline) -> None:
    """An event that nobody understands must not count as done."""
    answer = direct.client("lambda").invoke(FunctionName=direct.function, Payload=json.dumps({"hello": "from another program"}))
    assert answer["FunctionError"] == "Unhandled"
    assert "expected an event of S3, SQS, SNS or EventBridge" in json.load(answer["Payload"])["errorMessage"]
