"""The ledger's table in DynamoDB: the LedgerStore of headrace.ledger.store.

The role needs, on the table: BatchGetItem (get), PutItem, UpdateItem and ConditionCheckItem (the parts of TransactWriteItems, which
has no permission of its own), Query; and Query on the index (Service Authorization Reference, DynamoDB, 2026-11).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from headrace.aws.errors import translated
from headrace.aws.table import THROTTLES
from headrace.errors import ServiceError, Throttled, Unavailable, shortened
from headrace.ledger.store import LISTING, Check, Condition, ConditionFailed, In, Is, Item, Key, Put, Update, Write
from headrace.ports import Clock

PATIENCE_S = 30.0
"""For how long one call is repeated. Far below the 10 minutes for which DynamoDB knows a request token, so a transaction is applied once
(API reference, TransactWriteItems, ClientRequestToken, 2026-11), and above the 5 s after which it settles one that hangs
(TransactionInProgressException, 2026-11)."""
PAUSE_FIRST_S = 0.05
PAUSE_MAX_S = 2.0
PAGE_ITEMS = 100
ANSWER_S_MAX = 3.0
"""Slower answers do not set the clock: their date may be as old as they were slow. With the whole seconds of dates this makes LAG_S_MAX."""

BUSY = frozenset(("TransactionInProgressException", "TransactionConflictException"))
BUSY_REASONS = frozenset(("TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"))


class DynamoLedgerStore:
    """One table through one botocore client, which must make one attempt for each call. ``clock`` only measures and pauses."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._ahead_s: float | None = None  # of the table's clock, before the monotonic one
        self._is_rough = True  # learned from a slow answer, or not at all

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """See LedgerStore."""
        wanted = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        found: list[Item] = []

        def call() -> Any:
            nonlocal wanted
            answer = _of_a_table(self._client.batch_get_item(RequestItems=wanted))
            found.extend(_item(item) for item in answer["Responses"].get(self._table, ()))
            wanted = answer.get("UnprocessedKeys") or {}
            return answer

        self._repeated("dynamodb:BatchGetItem", call, is_whole=lambda: not wanted)
        return {(item["pk"], item["sk"]): item for item in found}

    def transact(self, writes: Sequence[Write]) -> None:
        """See LedgerStore. All repeats of a call carry one request token."""
        request = {"TransactItems": [self._write(write) for write in writes], "ClientRequestToken": str(uuid.uuid4())}
        try:
            self._repeated("dynamodb:TransactWriteItems", lambda: _of_a_table(self._client.transact_write_items(**request)))
        except _Cancelled as cancelled:
            index, item = cancelled.index, cancelled.item
            raise ConditionFailed(index, writes[index].key, _item(item) if item else None) from None

    def query(self, pk: str, prefix: str, *, is_descending: bool = False) -> Iterator[Item]:
        """See LedgerStore."""
        condition = {"KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)", "ExpressionAttributeValues": {":pk": {"S": pk}, ":sk": {"S": prefix}}}
        return self._pages(condition | {"ConsistentRead": True}, is_descending)

    def listing(self, name: str, *, is_descending: bool = False) -> Iterator[Item]:
        """See LedgerStore."""
        values = {":listing": {"S": name}}
        return self._pages({"IndexName": LISTING, "KeyConditionExpression": "listing = :listing", "ExpressionAttributeValues": values}, is_descending)

    def now(self) -> float:
        """See LedgerStore. From the Date of the latest answer that was not slow, and the monotonic time since; asks again while there is none."""
        if self._is_rough:
            self.get([("clock", "clock")])
        if self._ahead_s is None:
            raise ServiceError(
                "LEDGER_DATELESS", f"the answers of table {self._table} carry no date", hint="leases need it: check what is between here and AWS"
            )
        return self._clock.monotonic() + self._ahead_s

    def _pages(self, request: Mapping[str, Any], is_descending: bool) -> Iterator[Item]:
        start: Mapping[str, Any] = {}
        while True:
            arguments = {"TableName": self._table, "ScanIndexForward": not is_descending, "Limit": PAGE_ITEMS, **request, **start}
            answer = self._repeated("dynamodb:Query", partial(self._queried, arguments))
            yield from map(_item, answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _queried(self, arguments: Mapping[str, Any]) -> Any:
        return _of_a_table(self._client.query(**arguments))

    def _repeated(self, action: str, call: Callable[[], Any], *, is_whole: Callable[[], bool] = lambda: True) -> Any:
        """The answer of ``call``, repeated after pauses with full jitter while it is refused for now, or not whole."""
        give_up_at = self._clock.monotonic() + PATIENCE_S
        bound_s = PAUSE_FIRST_S
        while True:
            sent_at = self._clock.monotonic()
            reason: Exception = Throttled("LEDGER_THROTTLED", f"{action} on {self._table}: keys are left unread", hint="raise the table's capacity")
            try:
                answer = call()
                self._learn(answer, sent_at)
                if is_whole():
                    return answer
            except (ClientError, BotoCoreError, Unavailable) as error:
                self._learn(_answer_of(error), sent_at)
                reason = self._passing(error, action)
            pause_s = random.uniform(0, bound_s)
            if self._clock.monotonic() + pause_s >= give_up_at:
                raise reason
            self._clock.sleep(pause_s)
            bound_s = min(2 * bound_s, PAUSE_MAX_S)

    def _passing(self, error: Exception, action: str) -> Exception:
        """The error of a call that may be sent again; others are raised."""
        answer = _answer_of(error)
        code = str(answer.get("Error", {}).get("Code", ""))
        text = f"{action} on {self._table}: {error}"
        if code == "TransactionCanceledException":
            reasons = answer.get("CancellationReasons") or []
            for index, reason in enumerate(reasons):
                if reason.get("Code") == "ConditionalCheckFailed":
                    raise _Cancelled(index, reason.get("Item"))
            if not {reason.get("Code") for reason in reasons} & BUSY_REASONS:
                raise ServiceError("LEDGER_REFUSED", text, service_code=code, hint="this is a defect of headrace: report it") from None
        if code in THROTTLES | BUSY or code == "TransactionCanceledException":
            return Throttled("LEDGER_THROTTLED", text, service_code=code, hint="raise the table's capacity or lower maximum_concurrency")
        if code == "ResourceNotFoundException":
            raise ServiceError("LEDGER_MISSING", text, service_code=code, hint="deploy again: the ledger table is part of the stack") from None
        known = translated(error, action, f"table {self._table}")
        if not known.retryable:
            raise known from None
        return known

    def _learn(self, answer: Mapping[str, Any], sent_at: float) -> None:
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        now = self._clock.monotonic()
        is_slow = now - sent_at > ANSWER_S_MAX
        if date and (self._is_rough or not is_slow):
            self._ahead_s, self._is_rough = parsedate_to_datetime(date).timestamp() - now, is_slow

    def _write(self, write: Write) -> dict[str, Any]:
        """A write as an entry of TransactItems."""
        expression = _Expression()
        request: dict[str, Any] = {"TableName": self._table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        match write:
            case Put():
                kind, request["Item"] = "Put", _wire(write.item)
            case Update():
                kind, request["Key"] = "Update", _key(write.key)
                request["UpdateExpression"] = expression.update(write)
            case Check():
                kind, request["Key"] = "ConditionCheck", _key(write.key)
        if write.conditions:
            request["ConditionExpression"] = " AND ".join(expression.condition(condition) for condition in write.conditions)
        if expression.names:
            request["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in expression.names.items()}
        if expression.values:
            request["ExpressionAttributeValues"] = expression.values
        return {kind: request}


class _Cancelled(Exception):
    """A transaction whose ``index``-th write had a condition that did not hold."""

    def __init__(self, index: int, item: Mapping[str, Any] | None) -> None:
        super().__init__(index)
        self.index = index
        self.item = item


class _Expression:
    """Conditions and changes of one write as expressions; names and values only as placeholders, so none can be mistaken for syntax."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def condition(self, condition: Condition) -> str:
        name = self._name(condition.name)
        match condition:
            case Is(value=None):
                return f"attribute_not_exists({name})"
            case Is(value=value):
                return f"{name} = {self._value(value)}"
            case In(values=values):
                return f"{name} IN ({', '.join(map(self._value, values))})"
            case _:
                return f"(attribute_not_exists({name}) OR {name} < {self._value(condition.value)})"

    def update(self, update: Update) -> str:
        present = {name: value for name, value in update.set.items() if value is not None}
        absent = [*update.remove, *(name for name in update.set if name not in present)]
        clauses = {
            "SET": [f"{self._name(name)} = {self._value(value)}" for name, value in present.items()],
            "ADD": [f"{self._name(name)} {self._value(value)}" for name, value in update.add.items()],
            "REMOVE": [self._name(name) for name in absent],
        }
        return " ".join(f"{clause} {', '.join(parts)}" for clause, parts in clauses.items() if parts)

    def _name(self, name: str) -> str:
        return self.names.setdefault(name, f"#{len(self.names)}")

    def _value(self, value: Any) -> str:
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = _typed(value)
        return placeholder


def _of_a_table(answer: Any) -> Any:
    """``answer`` to an accepted call. Raises Unavailable where something else gave it: botocore makes an empty answer of any text, also of a web page.

    DynamoDB's are application/x-amz-json-1.0 (Developer Guide, "DynamoDB low-level API", 2026-11).
    """
    found = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "no type")
    if "x-amz-json" not in found:
        message = f"found an answer of {shortened(found)}, expected one of DynamoDB"
        raise Unavailable("ANSWER_DAMAGED", message, hint="check the endpoint, and what is between here and AWS")
    return answer


def _answer_of(error: Exception) -> Mapping[str, Any]:
    """What the table answered, {} if nothing."""
    return error.response if isinstance(error, ClientError) else {}


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _wire(item: Item) -> dict[str, Any]:
    return {name: _typed(value) for name, value in item.items() if value is not None}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case _:
            return {"L": [_typed(member) for member in value]}


def _item(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in wire.items()}


def _plain(typed: Mapping[str, Any]) -> Any:
    """Whole numbers come back as int: the table does not tell 2.0 from 2."""
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return int(value) if value.lstrip("-").isdecimal() else float(value)
        case "L":
            return [_plain(member) for member in value]
    return value
