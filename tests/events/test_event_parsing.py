"""Rules of ``headrace.events.parse``: which objects an event names, and how the rest of it ends visibly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.event_samples import BUCKET, ETAG, KEY, SEQUENCER, configured_event, eventbridge_event, s3_event, s3_record, sns_envelope, sns_event, sqs_event
from headrace.errors import HeadraceError
from headrace.events.own import found_body, replay_body
from headrace.events.parse import Message, parse
from headrace.ports import ObjectRef, Replay

CLASSIC = ObjectRef(BUCKET, KEY, None, ETAG, 1024, SEQUENCER)
EVENTBRIDGE = ObjectRef(BUCKET, KEY, None, ETAG, 1024, "617f08299329d189")

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=20,
)


def parsed(event: object) -> Message:
    (message,) = parse(event, bucket=BUCKET)
    return message


def refused(event: object) -> tuple[str, str]:
    message = parsed(event)
    assert (message.created, message.ignored) == ((), ())
    (found,) = message.refused
    return found.code, found.reason


def ignored(event: object) -> tuple[str, str]:
    message = parsed(event)
    assert (message.created, message.refused) == ((), ())
    (found,) = message.ignored
    return found.code, found.reason


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(s3_event(), CLASSIC, id="s3"),
        pytest.param(sqs_event(s3_event()), CLASSIC, id="s3-in-sqs"),
        pytest.param(sqs_event(sns_envelope(s3_event())), CLASSIC, id="s3-in-sns-in-sqs"),
        pytest.param(sns_event(s3_event()), CLASSIC, id="s3-in-sns"),
        pytest.param(eventbridge_event(), EVENTBRIDGE, id="eventbridge"),
        pytest.param(eventbridge_event(event_version=None), EVENTBRIDGE, id="eventbridge-before-event-version"),
        pytest.param(sqs_event(eventbridge_event()), EVENTBRIDGE, id="eventbridge-in-sqs"),
        pytest.param(sqs_event(sns_envelope(eventbridge_event())), EVENTBRIDGE, id="eventbridge-in-sns-in-sqs"),
        pytest.param(s3_event(s3_record() | {"eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put"}), CLASSIC, id="minio"),
    ],
)
def test_parse_when_an_object_was_created_names_it_in_every_wrapping(event: object, expected: ObjectRef) -> None:
    """Whatever brings the event, the same object comes out; with raw message delivery, SNS looks like S3 in SQS."""
    message = parsed(event)
    assert message.created == (expected,)
    assert (message.ignored, message.refused) == ((), ())


def test_parse_when_a_failure_destination_kept_the_event_names_the_object_again() -> None:
    """The body of a message in the failed queue of a directly invoked function can be given to the function as it is."""
    kept = {"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": s3_event(), "responsePayload": {"errorType": "X"}}
    assert parsed(kept).created == parsed(s3_event()).created != ()
    assert parse(sqs_event(json.dumps(kept)), bucket=BUCKET)[0].created == parsed(s3_event()).created


def test_parse_when_sqs_delivers_several_messages_keeps_them_apart() -> None:
    """One Message for each SQS message, in order, with what is needed to acknowledge or postpone it."""
    bodies = [s3_event(), "{", sns_envelope(configured_event()), eventbridge_event(), s3_event(s3_record(bucket="foreign"), s3_record())]
    messages = parse(sqs_event(*bodies), bucket=BUCKET)
    assert [(message.id, message.receipt_handle, message.receive_count) for message in messages] == [(f"message-{n}", f"handle-{n}", n + 1) for n in range(5)]
    assert [message.created for message in messages] == [(CLASSIC,), (), (), (EVENTBRIDGE,), (CLASSIC,)]
    assert [[found.code for found in message.ignored] for message in messages] == [[], [], ["TEST_EVENT"], [], []]
    assert [[found.code for found in message.refused] for message in messages] == [[], ["EVENT_MALFORMED"], [], [], ["FOREIGN_BUCKET"]]


def test_parse_when_a_notification_has_several_records_names_each() -> None:
    """The envelope is an array: every record counts, one bad record does not hide its neighbours."""
    event = s3_event(s3_record("a"), s3_record("b", name="ObjectRemoved:Delete"), s3_record("%"), s3_record("c"), {"eventSource": "aws:s3"})
    message = parsed(event)
    assert [ref.key for ref in message.created] == ["a", "c"]
    assert [found.code for found in message.ignored] == ["DELETE_EVENT"]
    assert [found.code for found in message.refused] == ["EVENT_MALFORMED", "EVENT_MALFORMED"]


@pytest.mark.parametrize("wrap", [lambda event: event, sqs_event, lambda event: sqs_event(sns_envelope(event)), sns_event])
def test_parse_when_the_notification_was_configured_ignores_the_test_event(wrap: Any) -> None:
    """``s3:TestEvent`` has no records and is acknowledged."""
    assert ignored(wrap(configured_event()))[0] == "TEST_EVENT"


@pytest.mark.parametrize("api", ["Put", "Post", "Copy", "CompleteMultipartUpload", "OneThatAwsAdds"])
@pytest.mark.parametrize("prefix", ["", "s3:"])
def test_parse_when_content_appeared_by_any_api_names_the_object(api: str, prefix: str) -> None:
    """Every name under ObjectCreated means new content, also one not known yet, with or without the prefix that MinIO keeps."""
    assert parsed(s3_event(s3_record(name=f"{prefix}ObjectCreated:{api}"))).created == (CLASSIC,)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ObjectRemoved:Delete", "DELETE_EVENT"),
        ("ObjectRemoved:DeleteMarkerCreated", "DELETE_EVENT"),
        ("LifecycleExpiration:Delete", "DELETE_EVENT"),
        ("LifecycleExpiration:DeleteMarkerCreated", "DELETE_EVENT"),
        ("ObjectRestore:Post", "OTHER_EVENT"),
        ("ObjectTagging:Put", "OTHER_EVENT"),
        ("ObjectAcl:Put", "OTHER_EVENT"),
        ("s3:ObjectCreated:PutTagging", "OTHER_EVENT"),
        ("s3:ObjectCreated:PutRetention", "OTHER_EVENT"),
        ("ReducedRedundancyLostObject", "OTHER_EVENT"),
    ],
)
def test_parse_when_no_content_appeared_ignores_the_event_by_name(name: str, code: str) -> None:
    """An event that is not about new content is acknowledged, and its reason names it and the object."""
    found, reason = ignored(s3_event(s3_record(name=name)))
    assert found == code
    assert name.removeprefix("s3:") in reason
    assert KEY in reason


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("Object Deleted", "DELETE_EVENT"),
        ("Object Restore Initiated", "OTHER_EVENT"),
        ("Object Tags Added", "OTHER_EVENT"),
        ("Object Storage Class Changed", "OTHER_EVENT"),
    ],
)
def test_parse_when_eventbridge_tells_of_no_content_ignores_the_event_by_name(kind: str, code: str) -> None:
    """The same rule for the detail types of EventBridge."""
    found, reason = ignored(eventbridge_event(kind=kind))
    assert (found, kind in reason) == (code, True)


@pytest.mark.parametrize(
    "event",
    [
        s3_event(s3_record(bucket="foreign")),
        s3_event(s3_record(bucket="foreign", name="ObjectRemoved:Delete")),
        s3_event(s3_record(bucket=BUCKET.upper())),
        eventbridge_event(bucket="foreign"),
        configured_event("foreign"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda event: event, sqs_event, lambda event: sqs_event(sns_envelope(event))])
def test_parse_when_the_bucket_is_foreign_refuses(event: object, wrap: Any) -> None:
    """A forged message cannot make the function read another bucket."""
    code, reason = refused(wrap(event))
    assert code == "FOREIGN_BUCKET"
    assert f"expected '{BUCKET}'" in reason


def test_parse_when_arn_or_region_disagree_takes_the_bucket_of_the_config() -> None:
    """Only the bucket's name counts, and the reference carries the configured one."""
    record = s3_record() | {"awsRegion": "elsewhere"}
    record["s3"]["bucket"]["arn"] = "arn:aws:s3:::foreign"
    assert parsed(s3_event(record)).created == (CLASSIC,)


@pytest.mark.parametrize(("version", "expected"), [("2.0", 1), ("2.1", 1), ("2.6", 1), ("2.99", 1), ("3.0", 0), ("1.0", 0), ("20.1", 0), ("", 0)])
def test_parse_when_the_event_version_differs_accepts_the_same_major_only(version: str, expected: int) -> None:
    """Equal major, any minor: a new major may mean other members."""
    message = parsed(s3_event(s3_record(version=version)))
    assert len(message.created) == expected
    assert [found.code for found in message.refused] == ["EVENT_VERSION"] * (1 - expected)


def test_parse_when_the_eventbridge_version_has_another_major_refuses() -> None:
    """The same rule for ``detail.event-version``."""
    assert refused(eventbridge_event(event_version="2.0"))[0] == "EVENT_VERSION"
    assert parsed(eventbridge_event(event_version="1.7")).created == (EVENTBRIDGE,)


@pytest.mark.parametrize(
    ("version_id", "expected"),
    [("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"), (None, None), ("", None), ("null", None), (7, None)],
)
def test_parse_when_the_version_is_missing_or_null_pins_by_etag(version_id: object, expected: str | None) -> None:
    """Only a real version id pins the content; the version "null" is overwritten in place."""
    classic = parsed(s3_event(s3_record(versionId=version_id))).created[0]
    eventbridge = parsed(eventbridge_event(**{"version-id": version_id})).created[0]
    assert (classic.version_id, classic.etag) == (eventbridge.version_id, eventbridge.etag) == (expected, ETAG)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"size": 0}, (ETAG, 0, SEQUENCER)),
        ({"size": None, "eTag": None, "sequencer": None}, (None, None, None)),
        ({"size": -1, "eTag": "", "sequencer": ""}, (None, None, None)),
        ({"size": True, "eTag": 5, "sequencer": 5}, (None, None, None)),
        ({"size": "12", "eTag": f'"{ETAG}"'}, (ETAG, None, SEQUENCER)),
        ({"size": 50 * 2**40, "sequencer": "ff"}, (ETAG, 50 * 2**40, "ff")),
    ],
)
def test_parse_when_optional_members_are_odd_leaves_them_out(members: dict[str, Any], expected: tuple[object, ...]) -> None:
    """Size, eTag and sequencer are hints: what is not usable is None, and the object is named all the same."""
    ref = parsed(s3_event(s3_record(**members))).created[0]
    assert (ref.etag, ref.size, ref.sequencer) == expected


@pytest.mark.parametrize(
    "body", ["", "{", "null", "[]", '"text"', "NaN", "1" * 5000, "[" * 100_000, '{"a":' * 100_000, '{"hello": "world"}', '{"Records": []}', "\ud800"]
)
def test_parse_when_a_body_is_no_event_refuses_it(body: str) -> None:
    """A body that is malformed or of no known shape becomes visible and never raises; it cannot hold up its batch."""
    message, neighbour = parse(sqs_event(body, s3_event()), bucket=BUCKET)
    assert [found.code for found in message.refused] in (["EVENT_MALFORMED"], ["EVENT_UNKNOWN"])
    assert (message.id, neighbour.created) == ("message-0", (CLASSIC,))


def test_parse_when_an_sqs_record_is_incomplete_refuses_it() -> None:
    """Without a body there is nothing to read, without an id nothing to acknowledge; the rest goes on."""
    event = sqs_event(s3_event(), s3_event(), s3_event())
    del event["Records"][0]["body"], event["Records"][1]["messageId"]
    messages = parse(event, bucket=BUCKET)
    assert [(message.id, len(message.refused), len(message.created)) for message in messages] == [("message-0", 1, 0), (None, 1, 0), ("message-2", 0, 1)]


@pytest.mark.parametrize("attributes", [None, {}, {"ApproximateReceiveCount": "x"}, {"ApproximateReceiveCount": "9" * 5000}, {"ApproximateReceiveCount": 7}])
def test_parse_when_the_receive_count_is_odd_counts_one(attributes: object) -> None:
    """The receive count is a hint; SQS sends it as text."""
    event = sqs_event(s3_event())
    event["Records"][0]["attributes"] = attributes
    assert parsed(event).receive_count == 1


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ({"foo": 1, "bar": 2}, "foo, bar"),
        ({}, "''"),
        ({"Records": []}, "Records"),
        ({"Records": [{"eventSource": "aws:kinesis", "kinesis": {}}]}, "Records"),
        ({"source": "aws.ec2", "detail-type": "x", "detail": {}}, "source, detail-type, detail"),
        ([], "list"),
        (None, "NoneType"),
        ("text", "str"),
    ],
)
def test_parse_when_the_event_has_no_known_shape_raises_event_unknown(event: object, seen: str) -> None:
    """An event from elsewhere is an error that names what it looks like and what to look at."""
    with pytest.raises(HeadraceError) as caught:
        parse(event, bucket=BUCKET)
    assert caught.value.code == "EVENT_UNKNOWN"
    assert seen in caught.value.message
    assert caught.value.hint


def test_message_of_a_replay_names_a_generation_and_nothing_else() -> None:
    """Where the object is and what becomes of it stands in the ledger, so a forged one can only have loaded again what was loaded."""
    asked = Replay("ab" * 16, 2)
    assert parsed(sqs_event(replay_body(asked))).replays == (asked,)
    assert parsed(json.loads(replay_body(asked))).replays == (asked,)
    for damaged in ({"generation": "../x", "number": 1}, {"generation": "ab" * 16, "number": 0}, {"generation": "ab" * 16}):
        (refused,) = parsed(sqs_event(json.dumps({"headrace": "replay", **damaged}))).refused
        assert refused.code == "EVENT_MALFORMED"


@pytest.mark.parametrize("space", [None, 2])
def test_message_of_the_sweeper_says_who_found_the_object(space: int | None) -> None:
    """However it is written, in a queue or not."""
    said = json.dumps(json.loads(found_body(CLASSIC, "sweep")), indent=space)
    for event in (sqs_event(said), json.loads(said)):
        message = parsed(event)
        assert (message.found_by, message.created) == ("sweep", (CLASSIC,))


def paths(document: object) -> list[tuple[Any, ...]]:
    """Every place in ``document``."""
    inner: list[tuple[Any, Any]] = list(document.items()) if isinstance(document, dict) else list(enumerate(document)) if isinstance(document, list) else []
    return [()] + [(step, *rest) for step, value in inner for rest in paths(value)]


@given(st.data())
def test_parse_when_any_part_of_an_event_is_any_json_raises_nothing_unexpected(data: st.DataObject) -> None:
    """However an event is damaged, the answer is messages that say something, or a HeadraceError."""
    event = data.draw(st.sampled_from([s3_event(), sqs_event(s3_event(), eventbridge_event()), sns_event(s3_event()), eventbridge_event(), configured_event()]))
    event = json.loads(json.dumps(event))
    path = data.draw(st.sampled_from(paths(event)))
    junk = data.draw(JSON)
    if path:
        target = event
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = junk
    else:
        event = junk
    for body in (event, sqs_event(json.dumps(event))):
        try:
            messages = parse(body, bucket=BUCKET)
        except HeadraceError as error:
            assert error.code == "EVENT_UNKNOWN"
        else:
            assert all(message.created or message.ignored or message.refused for message in messages)
            assert {ref.bucket for message in messages for ref in message.created} <= {BUCKET}
