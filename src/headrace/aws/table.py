"""DynamoDB's BatchWriteItem over lean connections: the ItemStore of headrace.ports."""

from __future__ import annotations

import json
import ssl
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from headrace.aws.signing import Credentials, Signer
from headrace.aws.wire import Connection, Response
from headrace.errors import Denied, Invalid, ServiceError, Throttled, Unavailable
from headrace.ports import BatchReply, Clock

THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "ReplicatedWriteConflictException",  # of a global table with strong consistency: another Region writes the item
    )
)
DENIALS = frozenset(("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException"))
TRANSIENT = frozenset(("InternalServerError", "ServiceUnavailable", "ServiceUnavailableException", "ExpiredTokenException", "ExpiredToken"))
INVALID = frozenset(("ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"))


class Table:
    """One table as an ItemStore: one attempt for each call, one connection for each call under way, kept for the calls after it."""

    def __init__(
        self, name: str, endpoint: str, *, region: str, credentials: Callable[[], Credentials], clock: Clock, tls: ssl.SSLContext | None = None
    ) -> None:
        """``endpoint`` is a URL; ``tls`` is needed for https. ``credentials`` is asked before each call and must be quick."""
        self.name = name
        parts = urlsplit(endpoint)
        self._is_tls = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or (443 if self._is_tls else 80))
        self._signer = Signer(_host_header(endpoint), region, "BatchWriteItem")
        self._credentials = credentials
        self._clock = clock
        self._tls = tls if self._is_tls else None
        self._idle: list[Connection] = []  # append and pop are atomic; the last used is the first to be used again

    def batch_write(self, body: bytes) -> BatchReply:
        """See ItemStore. HTTP 500 may come after the items were written (Developer Guide, "Error handling", 2026-11): Unavailable."""
        request = self._signer.request(body, self._credentials(), self._clock.now())
        connection = self._connection()
        try:
            response = connection.exchange(request)
        finally:
            self._idle.append(connection)
        _require_checksum(response)
        if response.status == 200:
            return _reply(response.body)
        raise _error(response, self.name)

    def close(self) -> None:
        """See ItemStore."""
        for connection in self._idle:
            connection.close()

    def _connection(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return Connection(*self._address, self._tls)


def _host_header(endpoint: str) -> str:
    """Host and port of a URL as HTTP clients send them: in lower case, without the scheme's own port."""
    parts = urlsplit(endpoint)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f"{host}:{parts.port}"


def _require_checksum(response: Response) -> None:
    """DynamoDB sends the CRC-32 of each answer's body; a mismatch means that the answer says nothing reliable."""
    expected = response.header(b"x-amz-crc32")
    if expected is not None and expected != str(zlib.crc32(response.body)).encode():
        raise Unavailable("ANSWER_DAMAGED", "the checksum of the table's answer does not match its content")


def _reply(body: bytes) -> BatchReply:
    try:
        answer = json.loads(body)
        unprocessed = [request for requests in (answer.get("UnprocessedItems") or {}).values() for request in requests]
        units = sum(float(entry.get("CapacityUnits") or 0) for entry in answer.get("ConsumedCapacity") or [])
    except (ValueError, AttributeError, TypeError):
        raise Unavailable("ANSWER_DAMAGED", "the table's answer is not the JSON that was expected") from None
    return BatchReply(unprocessed, units)


def _error(response: Response, table: str) -> ServiceError:
    """The answered error in headrace's words, by DynamoDB's name of it (API Reference, "Common errors" and BatchWriteItem, 2026-11)."""
    try:
        answer: Any = json.loads(response.body)
        name = str(answer.get("__type", "")).rpartition("#")[2]
        text = str(answer.get("message") or answer.get("Message") or "")
    except (ValueError, AttributeError):
        name, text = "", ""
    message = f"dynamodb:BatchWriteItem on table {table}: {name or f'HTTP {response.status}'}{': ' if text else ''}{text}"
    if name in THROTTLES or response.status == 429:
        return Throttled("TABLE_THROTTLED", message, service_code=name, hint="raise the table's capacity or lower maximum_concurrency")
    if name in DENIALS:
        return Denied("TABLE_DENIED", message, service_code=name, hint=f"allow dynamodb:BatchWriteItem on the ARN of table {table}")
    if name == "ResourceNotFoundException":
        return ServiceError("TABLE_MISSING", message, service_code=name, hint=f"create table {table}, or correct its name and region")
    if name in TRANSIENT or response.status >= 500:
        return Unavailable("TABLE_UNAVAILABLE", message, service_code=name)
    if name in INVALID or response.status == 413:
        return Invalid("CALL_REFUSED", text or message, service_code=name)
    return ServiceError("TABLE_ERROR", message, service_code=name)
