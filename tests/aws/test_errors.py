"""AWS's errors in headrace's words."""

from __future__ import annotations

from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from headrace.aws.errors import translated
from headrace.errors import Denied, HeadraceError, ObjectError, ServiceError, Throttled, Unavailable


def answer(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("code", "status", "kind", "result"),
    [
        ("SlowDown", 503, Throttled, "THROTTLED"),
        ("503", 503, Throttled, "THROTTLED"),
        ("InternalError", 500, Unavailable, "SERVICE_UNAVAILABLE"),
        ("Whatever", 502, Unavailable, "SERVICE_UNAVAILABLE"),
        ("RequestTimeout", 400, Unavailable, "SERVICE_UNAVAILABLE"),
        ("NoSuchKey", 404, ObjectError, "OBJECT_MISSING"),
        ("NoSuchVersion", 404, ObjectError, "OBJECT_MISSING"),
        ("404", 404, ObjectError, "OBJECT_MISSING"),
        ("PreconditionFailed", 412, ObjectError, "OBJECT_CHANGED"),
        ("InvalidRange", 416, ObjectError, "OBJECT_CHANGED"),
        ("InvalidObjectState", 403, ObjectError, "OBJECT_ARCHIVED"),
        ("NoSuchBucket", 404, ServiceError, "BUCKET_MISSING"),
        ("AccessDenied", 403, Denied, "ACCESS_DENIED"),
        ("403", 403, Denied, "ACCESS_DENIED"),
        ("Unknown", 401, Denied, "ACCESS_DENIED"),
        ("PermanentRedirect", 301, ServiceError, "AWS_CALL_FAILED"),
        ("", 400, ServiceError, "AWS_CALL_FAILED"),
    ],
)
def test_answered_error_has_its_class_and_code(code: str, status: int, kind: type[HeadraceError], result: str) -> None:
    """The class decides what is done about it; the message names the call, the place and AWS's own words."""
    error = translated(answer(code, status), "s3:GetObject", "landing/a.csv")
    assert (type(error), error.code) == (kind, result)
    assert "s3:GetObject on landing/a.csv" in error.message
    assert error.message.endswith("words")
    assert error.retryable == (kind in (Throttled, Unavailable))


def test_denied_transaction_names_the_action_that_aws_asked_for() -> None:
    """There is no permission for TransactWriteItems itself: allowing it would change nothing."""
    words = "User: arn:aws:iam::1:user/x is not authorized to perform: dynamodb:ConditionCheckItem on resource: y"
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": words}}, "TransactWriteItems")
    assert translated(denied, "dynamodb:TransactWriteItems", "table a-ledger").hint == "allow dynamodb:ConditionCheckItem on table a-ledger"


@pytest.mark.parametrize(
    ("error", "code", "is_retryable"),
    [
        (botocore.exceptions.NoCredentialsError(), "CREDENTIALS_MISSING", False),
        (botocore.exceptions.NoRegionError(), "REGION_MISSING", False),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "ENDPOINT_UNREACHABLE", True),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), "CONNECTION_LOST", True),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="http://x"), "CONNECTION_LOST", True),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://x"), "CONNECTION_LOST", True),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://x"), "CONNECTION_LOST", True),
        (botocore.exceptions.SSLError(endpoint_url="https://x", error="EOF occurred in violation of protocol"), "CONNECTION_LOST", True),
        (botocore.exceptions.SSLError(endpoint_url="https://x", error="CERTIFICATE_VERIFY_FAILED"), "TLS_UNVERIFIED", False),
        (botocore.exceptions.CredentialRetrievalError(provider="x", error_msg="x"), "CONNECTION_LOST", True),
        (botocore.exceptions.ParamValidationError(report="x"), "AWS_CALL_FAILED", False),
    ],
)
def test_error_without_an_answer_has_a_code(error: Any, code: str, is_retryable: bool) -> None:
    """What botocore finds itself is told apart by whether a retry can help."""
    found = translated(error, "s3:GetObject", "landing/a.csv")
    assert (found.code, found.retryable) == (code, is_retryable)


def test_other_errors_are_not_hidden() -> None:
    """A defect stays what it is, and an error that was translated is not translated again."""
    with pytest.raises(ZeroDivisionError):
        translated(ZeroDivisionError(), "s3:GetObject", "x")
    denied = Denied("ACCESS_DENIED", "x")
    assert translated(denied, "s3:GetObject", "x") is denied
