"""AWS's errors in headrace's words: the one place that knows botocore's exceptions."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError  # connect time-outs, TLS and proxy failures: no HTTPClientError
from botocore.exceptions import HTTPClientError as BotocoreHttpError

from headrace.errors import Denied, HeadraceError, ObjectError, ServiceError, Throttled, Unavailable

THROTTLES = frozenset(("SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "503"))
TRANSIENT = frozenset(("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "RequestTimeout", "500", "502", "504"))
DENIALS = frozenset(("AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"))
STRANGERS = frozenset(
    (
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "ExpiredToken",
        "ExpiredTokenException",
    )
)
"""AWS does not know who is asking: no permission would help."""
MISSING = frozenset(("NoSuchKey", "NoSuchVersion", "404", "NotFound"))
CHANGED = frozenset(("PreconditionFailed", "412", "InvalidRange", "416"))


_ASKED_FOR = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
"""What AWS says is missing (IAM user guide, troubleshoot_access-denied, 2026-11)."""

AGAIN = "load it again later; the deployed function does so by itself"


def translated(error: Exception, action: str, resource: str) -> HeadraceError:
    """``error`` of a botocore call as a HeadraceError. ``action`` is the IAM action, such as s3:GetObject; ``resource`` what it was on."""
    match error:
        case HeadraceError():
            return error
        case ClientError():
            return _answered(error, action, resource)
        case NoCredentialsError() | PartialCredentialsError():
            return ServiceError("CREDENTIALS_MISSING", f"{action}: no AWS credentials found", hint="set AWS_PROFILE or the AWS_… variables")
        case ProfileNotFound():
            return ServiceError("PROFILE_MISSING", str(error), hint="name a profile of ~/.aws/config with --profile or AWS_PROFILE")
        case NoRegionError():
            return ServiceError("REGION_MISSING", f"{action}: no AWS region found", hint="set AWS_REGION or --region")
        case EndpointConnectionError():
            return Unavailable("ENDPOINT_UNREACHABLE", f"{action}: {error}", hint="check --endpoint-url, the region and the network")
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ServiceError("TLS_UNVERIFIED", f"{action}: {error}", hint="set AWS_CA_BUNDLE to the certificates to trust")
        case BotocoreHttpError() | BotocoreConnectionError() | CredentialRetrievalError() | MetadataRetrievalError():
            return Unavailable("CONNECTION_LOST", f"{action} on {resource}: {error}", hint="check the network; it is tried again")
        case BotoCoreError():
            return ServiceError("AWS_CALL_FAILED", f"{action} on {resource}: {error}", hint="correct the argument that the message names")
        case _:
            raise error


def unknown_answer(action: str, resource: str, lacks: str) -> Unavailable:
    """For a good answer that is none of AWS's, as of a proxy: botocore takes what a web page lacks for left out."""
    return Unavailable("ANSWER_DAMAGED", f"{action} on {resource}: the answer has no {lacks}", hint="check what is between here and AWS; it is tried again")


def _answered(error: ClientError, action: str, resource: str) -> HeadraceError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"{action} on {resource}: {code}{': ' if text else ''}{text}"
    if code in THROTTLES:
        return Throttled("THROTTLED", message, service_code=code, hint=AGAIN)
    if code in MISSING:
        return ObjectError("OBJECT_MISSING", message, object=resource, hint="the object or its version was deleted; upload it again if it is still wanted")
    if code in CHANGED:
        return ObjectError("OBJECT_CHANGED", message, object=resource, hint="the object was replaced; the event of the new version loads it")
    if code == "InvalidObjectState":
        return ObjectError("OBJECT_ARCHIVED", message, object=resource, hint="restore the object from its archive tier, then load it")
    if code == "NoSuchBucket":
        return ServiceError("BUCKET_MISSING", message, service_code=code, hint="create the bucket, or correct its name and region")
    if code in STRANGERS:
        return Denied("CREDENTIALS_REFUSED", message, service_code=code, hint="sign in again, or check AWS_PROFILE, the AWS_… variables and the clock")
    if code in DENIALS or status in (401, 403):
        return Denied("ACCESS_DENIED", message, service_code=code, hint=f"allow {_missing(action, text)} on {resource}{_also(action)}")
    if code in TRANSIENT or (status >= 500 and status != 501):  # 501: a server that does not know the call, such as rclone with versions
        return Unavailable("SERVICE_UNAVAILABLE", message, service_code=code, hint=AGAIN)
    return ServiceError("AWS_CALL_FAILED", message, service_code=code, hint="see the message; it is AWS's own")


def _missing(action: str, text: str) -> str:
    """The IAM action to be allowed. A transaction has none of its own: AWS asks for that of each write in it, and names the one that is missing."""
    asked = _ASKED_FOR.search(text) if action == "dynamodb:TransactWriteItems" else None
    return asked[1] if asked else action


def _also(action: str) -> str:
    if action.startswith("s3:GetObject"):
        return "; without s3:ListBucket on the bucket a missing object is answered in the same way; for SSE-KMS also kms:Decrypt"
    return ""
