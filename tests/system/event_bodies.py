"""Messages as S3, SNS and EventBridge send them, written by hand."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

Json = dict[str, Any]


def s3_notification(bucket: str, key: str, *, version: str = "", etag: str = "", name: str = "ObjectCreated:Put") -> Json:
    """S3 user guide, notification-content-structure (2026-11)."""
    pinned = {name: value for name, value in (("versionId", version), ("eTag", etag)) if value}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.000Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "by-hand",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A3"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 1, "sequencer": "0055AED6DCD90281E5", **pinned},
        },
    }
    return {"Records": [record]}


def configuration_test(bucket: str) -> Json:
    """What S3 sends when a notification is configured (S3 user guide, notification-content-structure, 2026-11)."""
    return {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T10:00:00.000Z", "Bucket": bucket, "RequestId": "R", "HostId": "H"}


def in_sns(body: Json) -> Json:
    """Delivered to a queue through a topic (SNS developer guide, sns-sqs-as-subscriber, 2026-11)."""
    topic = "arn:aws:sns:us-east-1:111122223333:uploads"
    return {"Type": "Notification", "MessageId": "m", "TopicArn": topic, "Subject": "Amazon S3 Notification", "Message": json.dumps(body), "Timestamp": "t"}


def eventbridge_event(bucket: str, key: str, *, version: str = "") -> Json:
    """S3 user guide, ev-events (2026-11); the key is not encoded."""
    described = {"key": key, "size": 1, "etag": "", "sequencer": "617f08299329d189"} | ({"version-id": version} if version else {})
    detail = {"version": "0", "bucket": {"name": bucket}, "object": described, "request-id": "R", "requester": "111122223333", "reason": "PutObject"}
    return {"version": "0", "id": "17793124", "detail-type": "Object Created", "source": "aws.s3", "account": "111122223333", "detail": detail}
