"""DynamoDB's writes over lean connections: the ItemStore of headrace.ports."""

from __future__ import annotations

import functools
import itertools
import json
import math
import selectors
import ssl
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from headrace.aws.signing import Credentials, Signer
from headrace.aws.wire import Connection, Response
from headrace.errors import Denied, HeadraceError, Invalid, ServiceError, Throttled, ThrottlingReason, Unavailable
from headrace.ports import Clock, Operation, Reply

KNOWN_ANSWER_BYTES_MAX = 1_024
"""Answers up to this size are remembered: nearly all say that everything was taken, for the same write units."""
READ_TIMEOUT_S = 20.0
"""After so long without an answer a call is given up: less than the margin that the function keeps for itself."""
BURST = 16
BURST_S = 0.002
"""Calls that come faster than one in so many seconds are sent 16 at a time: sending wakes others (a host, on one machine the server), which costs more
than the bytes do."""
THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "ReplicatedWriteConflictException",  # of a global table with strong consistency: another Region writes the item
        "TransactionConflictException",  # of a single write: a transaction writes the item (API Reference, PutItem, 2026-11)
    )
)
DENIALS = frozenset(("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException"))
TRANSIENT = frozenset(("InternalServerError", "ServiceUnavailable", "ServiceUnavailableException", "ExpiredTokenException", "ExpiredToken"))
REASONS: tuple[tuple[str, ThrottlingReason], ...] = (
    ("KeyRange", "hot_key"),
    ("AccountLimit", "account"),
    ("MaxOnDemand", "own_cap"),
    ("Index", "index"),
)
"""What DynamoDB's names of reasons contain (Developer Guide, "Diagnosing throttling", 2026-11), the most telling first: a hot key of an
index is a hot key. ``…ProvisionedThroughputExceeded`` of the table itself is what remains: its capacity."""
HINTS: dict[ThrottlingReason, str] = {
    "hot_key": "too many writes go to one partition key: more capacity does not help; spread the key, or sort the file by another column",
    "account": "the account's quota for this table is reached: ask for a higher one (Service Quotas), or lower maximum_concurrency",
    "own_cap": "the table's own MaxWriteRequestUnits is reached: raise it, or set max_write_units_per_s to it",
    "index": "an index has less capacity than the writes need: raise the index's capacity",
    "table": "raise the table's capacity, set max_write_units_per_s, or lower maximum_concurrency",
}
INVALID = frozenset(("ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"))


class _Call(NamedTuple):
    number: int
    operation: Operation
    expires_at: float


class Table:
    """One table as an ItemStore: a connection for each call under way, kept for the calls after it."""

    def __init__(
        self,
        name: str,
        endpoint: str,
        *,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        burst: int = BURST,
    ) -> None:
        """``endpoint`` is a URL; ``tls`` is needed for https. ``credentials`` is asked before each call and must be quick.

        ``burst`` is how many calls are sent together where they come fast enough.
        """
        self.name = name
        parts = urlsplit(endpoint)
        is_tls = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or (443 if is_tls else 80))
        self._signer = Signer(_host_header(endpoint), region)
        self._credentials = credentials
        self._clock = clock
        self._burst = burst
        self._tls = tls if is_tls else None
        self._numbers = itertools.count(1)
        self._selector = selectors.DefaultSelector()
        self._idle: list[Connection] = []  # the last used is the first to be used again
        self._busy: dict[Connection, _Call] = {}  # in the order in which they were sent
        self._unsent: list[tuple[Connection, int, Operation, bytes]] = []  # what waits for the rest of its burst
        self._started_at = -math.inf
        self._failed: list[tuple[int, Reply | Exception]] = []  # what could not even be sent

    def start(self, operation: Operation, body: bytes) -> int:
        """See ItemStore."""
        number, now = next(self._numbers), self._clock.monotonic()
        try:
            request = self._signer.request(operation, body, self._credentials(), self._clock.now())
            connection = self._idle.pop() if self._idle else self._connect()
        except HeadraceError as error:
            self._failed.append((number, error))
            return number
        self._unsent.append((connection, number, operation, request))
        if len(self._unsent) >= self._burst or now - self._started_at > BURST_S:
            self._send()
        self._started_at = now
        return number

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        """See ItemStore. HTTP 500 may come after the items were written (Developer Guide, "Error handling", 2026-11): Unavailable."""
        self._send()
        now = self._clock.monotonic()
        oldest = next(iter(self._busy.values())).expires_at if self._busy else now
        found, self._failed = self._failed, []
        for key, _ in self._selector.select(0 if found else max(min(timeout_s, oldest - now), 0)):
            connection: Connection = key.fileobj  # type: ignore[assignment]  # only connections are registered
            call = self._busy.get(connection)
            if call is None:  # an idle one that the server closed
                self._idle.remove(connection)
                self._close(connection)
            elif answer := self._answer(connection, call):
                found.append((call.number, answer))
        return found or self._expired()

    def abandon(self) -> None:
        """See ItemStore."""
        for connection in list(self._busy):
            del self._busy[connection]
            self._close(connection)
        self._idle += [connection for connection, *_ in self._unsent]
        self._unsent.clear()
        self._failed.clear()

    def close(self) -> None:
        """See ItemStore."""
        self.abandon()
        while self._idle:
            self._close(self._idle.pop())
        self._selector.close()

    def _send(self) -> None:
        if not self._unsent:
            return
        unsent, self._unsent = self._unsent, []
        expires_at = self._clock.monotonic() + READ_TIMEOUT_S
        self._busy |= {connection: _Call(number, operation, expires_at) for connection, number, operation, _ in unsent}
        for connection, number, _, request in unsent:
            try:
                connection.begin(request)
            except HeadraceError as error:
                self._failed.append((number, error))
                self._drop(number)
                continue
            if connection.is_sending:
                self._selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _connect(self) -> Connection:
        connection = Connection(*self._address, self._tls)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def _answer(self, connection: Connection, call: _Call) -> Reply | Exception | None:
        """What came for ``call``; None if it is not whole yet."""
        try:
            response = connection.advance()
            if response is None:
                if not connection.is_sending:
                    self._selector.modify(connection, selectors.EVENT_READ)  # it may have been, until now
                return None
            del self._busy[connection]
            self._keep(connection)
            return _reply(response, call.operation, self.name)
        except HeadraceError as error:
            self._drop(call.number)
            return error

    def _keep(self, connection: Connection) -> None:
        if connection.stays_open:
            self._idle.append(connection)
        else:
            self._close(connection)

    def _drop(self, number: int) -> None:
        """Close the connection of a call that came to nothing, if it has one."""
        for connection in [connection for connection, call in self._busy.items() if call.number == number]:
            del self._busy[connection]
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _expired(self) -> list[tuple[int, Reply | Exception]]:
        """The calls that waited too long."""
        now = self._clock.monotonic()
        late = list(itertools.takewhile(lambda call: call.expires_at <= now, self._busy.values()))
        for call in late:
            self._drop(call.number)
        message = f"no answer from {self._address[0]}:{self._address[1]} within {READ_TIMEOUT_S:.0f} s"
        return [(call.number, Unavailable("CONNECTION_TIMEOUT", message)) for call in late]


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


def _reply(response: Response, operation: Operation, table: str) -> Reply:
    """The answer as a Reply; raises what DynamoDB says went wrong.

    That of a BatchWriteItem has UnprocessedItems, also where all were processed (API Reference, BatchWriteItem, 2026-11): without it something
    else answered, and nothing is known to be written.
    """
    _require_checksum(response)
    if response.status != 200:
        return _refused(response, operation, table)
    return (_answer if len(response.body) > KNOWN_ANSWER_BYTES_MAX else _known_answer)(response.body, operation)


def _answer(body: bytes, operation: Operation) -> Reply:
    """The body of a call that was accepted."""
    try:
        answer = json.loads(body.decode())
        handed_back = (answer["UnprocessedItems"] or {}) if operation == "BatchWriteItem" else {}
        unprocessed = [request for requests in handed_back.values() for request in requests]
        consumed = answer.get("ConsumedCapacity") or []
        units = sum(float(entry.get("CapacityUnits") or 0) for entry in (consumed if isinstance(consumed, list) else [consumed]))
        if not 0 <= units < math.inf:
            raise ValueError(units)
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError):
        raise Unavailable("ANSWER_DAMAGED", "the table's answer is not the JSON that was expected") from None
    return Reply(unprocessed, units)


_known_answer = functools.lru_cache(16)(_answer)


def _refused(response: Response, operation: Operation, table: str) -> Reply:
    """A condition that did not hold; every other refusal is raised."""
    try:
        answer: Any = json.loads(response.body)
        name = str(answer.get("__type", "")).rpartition("#")[2]
    except (ValueError, AttributeError, RecursionError):
        answer, name = {}, ""
    if name == "ConditionalCheckFailedException":
        return Reply(is_applied=False, existing=answer.get("Item"))
    raise _error(name, answer, response.status, f"dynamodb:{operation} on table {table}")


def _error(name: str, answer: Any, status: int, action: str) -> ServiceError:
    """An answered error in headrace's words, by DynamoDB's name of it (API Reference, "Common errors" and BatchWriteItem, 2026-11)."""
    text = str(answer.get("message") or answer.get("Message") or "")
    message = f"{action}: {name or f'HTTP {status}'}{': ' if text else ''}{text}"
    if name in THROTTLES or status == 429:
        reason = throttling_reason(answer.get("ThrottlingReasons") or answer.get("throttlingReasons"), name)
        return Throttled("TABLE_THROTTLED", message, service_code=name, hint=HINTS[reason], reason=reason)
    if name in DENIALS:
        return Denied("TABLE_DENIED", message, service_code=name, hint=f"allow {action.replace(' on table ', ' on the ARN of table ')}")
    if name == "ResourceNotFoundException":
        return ServiceError("TABLE_MISSING", message, service_code=name, hint="create the table, or correct its name and region")
    if name in TRANSIENT or status >= 500 or status == 408:
        return Unavailable("TABLE_UNAVAILABLE", message, service_code=name)
    if name in INVALID or status == 413:
        return Invalid("CALL_REFUSED", text or message, service_code=name)
    return ServiceError("TABLE_ERROR", message, service_code=name)


def throttling_reason(reasons: object, name: str) -> ThrottlingReason:
    """Why the table throttled: by the reasons that DynamoDB lists, such as ``TableWriteKeyRangeThroughputExceeded``, else by the error's name."""
    listed = " ".join(str(entry.get("reason", "")) for entry in reasons if isinstance(entry, dict)) if isinstance(reasons, list) else ""
    for part, reason in REASONS:
        if part in listed:
            return reason
    return "account" if name == "RequestLimitExceeded" and not listed else "table"
