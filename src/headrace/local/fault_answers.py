"""Errors and answers as AWS's services write them."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any
from xml.sax.saxutils import escape

from headrace.local.fault_exchange import Call, Reply

THROTTLES = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException")
"""The exceptions that say "slow down"; the first three carry reasons (botocore's model of DynamoDB, 2026-11)."""

REASONS = tuple(
    f"{resource}{kind}{limit}"
    for limit in ("KeyRangeThroughputExceeded", "ProvisionedThroughputExceeded", "MaxOnDemandThroughputExceeded", "AccountLimitExceeded")
    for resource in ("Table", "Index")
    for kind in ("Write", "Read")
)
"""Of a ThrottlingReason (DynamoDB API reference, 2026-11)."""

ERRORS: dict[str, dict[str, int]] = {
    "dynamodb": {
        **dict.fromkeys((*THROTTLES, "ReplicatedWriteConflictException"), 400),
        "InternalServerError": 500,
        "ServiceUnavailable": 503,
        "ValidationException": 400,
        "ItemCollectionSizeLimitExceededException": 400,
        "ResourceNotFoundException": 400,
        "AccessDeniedException": 400,
        "UnrecognizedClientException": 400,
        "ExpiredTokenException": 400,
    },
    "s3": {
        "SlowDown": 503,
        "InternalError": 500,
        "ServiceUnavailable": 503,
        "RequestTimeout": 400,
        "AccessDenied": 403,
        "NoSuchKey": 404,
        "NoSuchVersion": 404,
        "NoSuchBucket": 404,
        "InvalidObjectState": 403,
        "PreconditionFailed": 412,
    },
    "sqs": {
        "RequestThrottled": 400,
        "OverLimit": 400,
        "InternalFailure": 500,
        "ServiceUnavailable": 503,
        "QueueDoesNotExist": 400,
        "AccessDeniedException": 400,
    },
}
"""Error codes of each service, with their HTTP status (the services' API references, "Common errors" and "Error responses", 2026-11)."""

_SPACES = {"dynamodb": "com.amazonaws.dynamodb.v20120810", "sqs": "com.amazonaws.sqs"}
_SHARED_SPACES = {
    "ThrottlingException": "com.amazon.coral.availability",
    "ValidationException": "com.amazon.coral.validate",
    **dict.fromkeys(("AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"), "com.amazon.coral.service"),
}


def error_reply(call: Call, code: str, reason: str = "") -> Reply:
    """The error ``code`` in the form of the service that ``call`` is for; a code that is not in ERRORS has status 400."""
    service = call.operation.partition(":")[0]
    status = ERRORS.get(service, {}).get(code, 400)
    if service == "s3":
        storage = "<StorageClass>GLACIER</StorageClass>" if code == "InvalidObjectState" else ""
        text = f"<Error><Code>{escape(code)}</Code><Message>{escape(code)} by rule</Message>{storage}<RequestId>fault</RequestId></Error>"
        return Reply(status, [("Content-Type", "application/xml")], f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())
    space = _SHARED_SPACES.get(code) or _SPACES.get(service, "com.amazonaws")
    body: dict[str, Any] = {"__type": f"{space}#{code}", "message": f"{code} by rule"}
    if reason:  # botocore's model spells it so
        body["throttlingReasons" if code == "ThrottlingException" else "ThrottlingReasons"] = [{"reason": reason, "resource": _resource(call)}]
    return json_reply(status, body)


def json_reply(status: int, body: object) -> Reply:
    """With the checksum that DynamoDB's clients verify."""
    content = json.dumps(body).encode()
    return Reply(status, [("Content-Type", "application/x-amz-json-1.0"), ("x-amz-crc32", str(zlib.crc32(content)))], content)


def by_table(requests: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """``requests``, each with the name of its table, as a BatchWriteItem has them."""
    tables: dict[str, list[Any]] = {}
    for table, request in requests:
        tables.setdefault(table, []).append(request)
    return tables


def _resource(call: Call) -> str:
    """The ARN of the table that ``call`` names, in the region that it is signed for."""
    region = re.search(r"/([^/]+)/dynamodb/aws4_request", {name.lower(): value for name, value in call.headers}.get("authorization", ""))
    content = json.loads(call.body or b"{}")
    table = content.get("TableName") or next(iter(content.get("RequestItems") or ["unknown"]))
    return f"arn:aws:dynamodb:{region[1] if region else 'us-east-1'}:111122223333:table/{table}"
