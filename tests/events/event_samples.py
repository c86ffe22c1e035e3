"""Events with the members that AWS documents, one function for each shape.

Sources: S3 user guide (notification-content-structure, ev-events, notification-how-to-event-types-and-destinations), Lambda
developer guide (with-sqs, with-sns), SNS developer guide (sns-message-and-json-formats), all read 2026-11.
"""

from __future__ import annotations

import json
from typing import Any

BUCKET = "landing"
KEY = "orders/2026/11/part-0001.csv.gz"
ETAG = "d41d8cd98f00b204e9800998ecf8427e"
SEQUENCER = "0066DA1CBF104C0D51"


def s3_record(key: str = KEY, *, name: str = "ObjectCreated:Put", bucket: str = BUCKET, version: str = "2.1", **object_members: Any) -> dict[str, Any]:
    """One record of a classic notification; ``key`` stands in it as given, so it must be encoded already."""
    return {
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-20T21:03:59.123Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AROAEXAMPLE:uploader"},
        "requestParameters": {"sourceIPAddress": "192.0.2.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "headrace-orders",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A3NL1KOZZKExample"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 1024, "eTag": ETAG, "sequencer": SEQUENCER} | object_members,
        },
    }


def s3_event(*records: dict[str, Any]) -> dict[str, Any]:
    """A classic notification, as S3 sends it to Lambda, SQS and SNS."""
    return {"Records": list(records or [s3_record()])}


def configured_event(bucket: str = BUCKET) -> dict[str, Any]:
    """What S3 sends when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-20T21:03:59.123Z",
        "Bucket": bucket,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }


def eventbridge_event(
    key: str = KEY, *, kind: str = "Object Created", bucket: str = BUCKET, event_version: str | None = "1.0", **object_members: Any
) -> dict[str, Any]:
    """An event of S3 from EventBridge, its key as it is."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-20T21:03:59Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            **({"event-version": event_version} if event_version else {}),
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 1024, "etag": ETAG, "sequencer": "617f08299329d189"} | object_members,
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "111122223333",
            "source-ip-address": "192.0.2.7",
            "reason": "PutObject",
        },
    }


def sns_envelope(message: object) -> dict[str, Any]:
    """The body of an SQS message that came through SNS without raw message delivery."""
    return {
        "Type": "Notification",
        "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162",
        "TopicArn": "arn:aws:sns:eu-central-1:111122223333:landing",
        "Subject": "Amazon S3 Notification",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-20T21:04:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0000.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
    }


def sns_event(message: object) -> dict[str, Any]:
    """What SNS sends to Lambda itself."""
    envelope = sns_envelope(message)
    envelope["SigningCertUrl"], envelope["UnsubscribeUrl"] = envelope.pop("SigningCertURL"), envelope.pop("UnsubscribeURL")
    subscription = f"{envelope['TopicArn']}:be0ac0ac-0000-0000-0000-000000000000"
    return {"Records": [{"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns", "Sns": envelope | {"MessageAttributes": {}}}]}


def sqs_event(*bodies: object) -> dict[str, Any]:
    """What SQS sends to Lambda: one record for each body, with the ids ``message-0``, ``message-1``…"""
    return {"Records": [_sqs_record(number, body) for number, body in enumerate(bodies)]}


def _sqs_record(number: int, body: object) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": str(number + 1),
            "SentTimestamp": "1795208640000",
            "SenderId": "AIDAJXNJGGKNS7OSV23OI",
            "ApproximateFirstReceiveTimestamp": "1795208640020",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:headrace-events",
        "awsRegion": "eu-central-1",
    }
