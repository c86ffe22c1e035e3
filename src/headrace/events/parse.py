"""From a Lambda event to the objects it names, whatever brought it: S3, SQS, SNS or EventBridge.

An event only says "look at this key". The bucket comes from the config, the table and the transform from the route; nothing
in a message can choose them. Every part of a message ends visibly: as a created object, as ignored, or as refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headrace.errors import HeadraceError, shortened
from headrace.events.own import Found, read_own
from headrace.events.version import object_version, shown, url_decoded
from headrace.ports import ObjectRef, Replay, Task


@dataclass(frozen=True)
class Ignored:
    """Part of a message that rightly names nothing to load. ``code``: TEST_EVENT, DELETE_EVENT, OTHER_EVENT."""

    code: str
    reason: str


@dataclass(frozen=True)
class Refused:
    """Part of a message that is not acted on, now or when it comes again.

    ``code``: FOREIGN_BUCKET, EVENT_VERSION, EVENT_MALFORMED, EVENT_UNKNOWN.
    """

    code: str
    reason: str


@dataclass(frozen=True)
class Message:
    """What one SQS message, or one event that did not come through SQS, says. At least one of its tuples is filled.

    ``id`` and ``receipt_handle`` are None outside SQS; ``receive_count`` is 1-based. A redriven message gets a new ``id``: it
    names a delivery, not an object (SQS developer guide, sqs-configure-dead-letter-queue-redrive, 2026-11).
    """

    id: str | None = None
    receipt_handle: str | None = None
    receive_count: int = 1
    created: tuple[ObjectRef, ...] = ()
    tasks: tuple[Task, ...] = ()
    replays: tuple[Replay, ...] = ()
    found_by: Literal["event", "sweep"] = "event"
    ignored: tuple[Ignored, ...] = ()
    refused: tuple[Refused, ...] = ()


_Finding = ObjectRef | Task | Replay | Found | Ignored | Refused
_Json = Mapping[str, Any]  # what json.loads makes of an object: any value under any name

_NOT_CONTENT = frozenset(f"ObjectCreated:{change}" for change in ("PutTagging", "DeleteTagging", "PutRetention", "PutLegalHold"))
"""What MinIO files under ObjectCreated although the content is the old one. Any other name means new content, also one that AWS adds."""

_DELETED = ("ObjectRemoved:", "LifecycleExpiration:", "Object Deleted")
_RESTORED = frozenset(("ObjectRestore:Completed", "Object Restore Completed"))
"""The content can be read again: whatever waited for it goes on."""

_CLASSIC_MAJOR = "2"
"""Of ``eventVersion``: equal major, any minor, unknown members ignored (S3 user guide, notification-content-structure, 2026-11)."""

_EVENTBRIDGE_MAJOR = "1"
"""Of ``detail.event-version``, which older events lack (S3 user guide, ev-events, 2026-11)."""


def parse(event: object, *, bucket: str) -> list[Message]:
    """The messages of a Lambda event in its order: one for each SQS message, exactly one for any other event.

    ``bucket`` is the only one whose objects are created. What is wrong inside a message becomes a Refused and the rest goes
    on; an event of no known shape raises HeadraceError EVENT_UNKNOWN. Nothing else is raised, whatever the event holds.
    """
    match event:
        case {"Records": [*records]} if any(_comes_from(record, "sqs") for record in records):
            return [_sqs_message(record, bucket) for record in records]
    return [_message(Message(), _findings(event, bucket))]


def _sqs_message(record: Any, bucket: str) -> Message:
    """The message in one record of an SQS event (Lambda developer guide, with-sqs, 2026-11)."""
    match record:
        case {"messageId": str(id), "receiptHandle": str(receipt_handle), "body": str(body)}:
            return _message(Message(id, receipt_handle, _receive_count(record)), _findings_in(body, bucket))
        case {"messageId": str(id)}:
            return Message(id, refused=(Refused("EVENT_MALFORMED", "an SQS record without receiptHandle or body"),))
    return Message(refused=(Refused("EVENT_MALFORMED", "an SQS record without messageId"),))


def _receive_count(record: _Json) -> int:
    match record.get("attributes"):
        case {"ApproximateReceiveCount": str(count)} if count.isdecimal() and len(count) < 10:
            return int(count)
    return 1


def _message(envelope: Message, findings: list[_Finding]) -> Message:
    found = tuple(finding.ref for finding in findings if isinstance(finding, Found))
    return Message(
        envelope.id,
        envelope.receipt_handle,
        envelope.receive_count,
        created=(*(finding for finding in findings if isinstance(finding, ObjectRef)), *found),
        tasks=tuple(finding for finding in findings if isinstance(finding, Task)),
        replays=tuple(finding for finding in findings if isinstance(finding, Replay)),
        found_by="sweep" if found else "event",
        ignored=tuple(finding for finding in findings if isinstance(finding, Ignored)),
        refused=tuple(finding for finding in findings if isinstance(finding, Refused)),
    )


def _findings_in(text: str, bucket: str) -> list[_Finding]:
    """The findings in the body of an SQS message or the Message of an SNS notification; never empty, never raises.

    Envelopes in envelopes end by themselves: each level doubles the backslashes, and a message has at most 1 MiB.
    """
    try:
        document = json.loads(text)
        match document:
            case {"Type": "Notification", "Message": str(inner)}:  # from SNS without raw message delivery
                document = json.loads(inner)
        return _findings(document, bucket)
    except HeadraceError as error:
        return [Refused(error.code, error.message)]
    except (ValueError, RecursionError):  # RecursionError: nested deeper than json can follow
        return [Refused("EVENT_MALFORMED", f"a message of {len(text)} characters that is not JSON")]


def _findings(document: Any, bucket: str) -> list[_Finding]:
    """What ``document`` names, never empty; raises EVENT_UNKNOWN unless it is from S3, SNS or EventBridge."""
    match document:
        case {"Event": "s3:TestEvent"}:  # sent whenever a notification is configured; has no Records
            return [_finding(_test_event, document, bucket)]
        case {"Records": [*records]} if any(_comes_from(record, "s3") or _comes_from(record, "sns") for record in records):
            return [finding for record in records for finding in _findings_of(record, bucket)]
        case {"requestContext": Mapping(), "requestPayload": Mapping() as payload}:  # what Lambda sent to a failure destination, given again
            return _findings(payload, bucket)
        case {"source": "aws.s3", "detail-type": str()}:
            return [_finding(_eventbridge_event, document, bucket)]
        case {"headrace": "chunk" | "replay" | "sweep"}:
            return [_finding(read_own, document, bucket)]
        case Mapping():
            found = f"an event with {shown(', '.join(map(str, document)), 200)} at its top"
        case _:
            found = f"an event of type {type(document).__name__}"
    hint = "see what else invokes the function or sends to its queue: only events of the source bucket belong there"
    raise HeadraceError("EVENT_UNKNOWN", f"found {found}, expected an event of S3, SQS, SNS or EventBridge", hint=hint)


def _comes_from(record: object, service: str) -> bool:
    """Whether ``record`` names ``service``: ``aws:s3``, also ``minio:s3`` and ``ceph:s3``; SNS writes its member with a capital."""
    source = isinstance(record, Mapping) and (record.get("eventSource") or record.get("EventSource"))
    return isinstance(source, str) and source.rpartition(":")[2] == service


def _findings_of(record: Any, bucket: str) -> list[_Finding]:
    match record:
        case {"Sns": {"Message": str(text)}} if _comes_from(record, "sns"):
            return _findings_in(text, bucket)
        case {"eventName": str()} if _comes_from(record, "s3"):
            return [_finding(_classic_event, record, bucket)]
    return [Refused("EVENT_MALFORMED", "a record that is neither a whole S3 record nor a whole SNS record")]


def _finding(read: Callable[[_Json, str], _Finding], document: _Json, bucket: str) -> _Finding:
    """What ``read`` finds, or the reason why it raised."""
    try:
        return read(document, bucket)
    except HeadraceError as error:
        return Refused(error.code, error.message)


def _test_event(event: _Json, bucket: str) -> _Finding:
    _require_bucket(event.get("Bucket"), bucket)
    return Ignored("TEST_EVENT", "s3:TestEvent: the notification of the bucket was configured")


def _classic_event(record: _Json, bucket: str) -> _Finding:
    """One record of an S3 notification; its key is form-URL-encoded (S3 user guide, notification-content-structure, 2026-11)."""
    _require_major(record.get("eventVersion"), _CLASSIC_MAJOR)
    match record.get("s3"):
        case {"bucket": {"name": name}, "object": {"key": str(key), **fields}}:
            _require_bucket(name, bucket)
            ref = object_version(bucket, url_decoded(key), fields, version_id="versionId", etag="eTag")
            return _meaning(record["eventName"].removeprefix("s3:"), ref)  # MinIO keeps the prefix
    raise HeadraceError("EVENT_MALFORMED", "an S3 record without s3.bucket.name or s3.object.key")


def _eventbridge_event(event: _Json, bucket: str) -> _Finding:
    """An event of S3 from EventBridge; its key is not encoded (S3 user guide, ev-events, 2026-11; seen in aws-samples)."""
    match event.get("detail"):
        case {"bucket": {"name": name}, "object": {"key": str(key), **fields}, **rest}:
            _require_major(rest.get("event-version", _EVENTBRIDGE_MAJOR), _EVENTBRIDGE_MAJOR)
            _require_bucket(name, bucket)
            return _meaning(event["detail-type"], object_version(bucket, key, fields, version_id="version-id", etag="etag"))
    raise HeadraceError("EVENT_MALFORMED", "an EventBridge event without detail.bucket.name or detail.object.key")


def _meaning(kind: str, ref: ObjectRef) -> _Finding:
    """What an event of ``kind`` about ``ref`` asks for."""
    if kind == "Object Created" or kind in _RESTORED or (kind.startswith("ObjectCreated:") and kind not in _NOT_CONTENT):
        return ref
    about = f"{shown(kind)} of {shortened(str(ref), 200)}"
    if kind.startswith(_DELETED):
        return Ignored("DELETE_EVENT", f"{about}: its items stay in the table")
    return Ignored("OTHER_EVENT", f"{about}: not new content")


def _require_major(version: object, major: str) -> None:
    if not isinstance(version, str) or version.partition(".")[0] != major:
        raise HeadraceError("EVENT_VERSION", f"found event version {shown(version)}, expected {major}.x")


def _require_bucket(found: object, bucket: str) -> None:
    if found != bucket:
        raise HeadraceError("FOREIGN_BUCKET", f"found bucket {shown(found)}, expected {shortened(bucket)}")
