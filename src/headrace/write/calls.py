"""What a call looks like: 25 items in a BatchWriteItem, or one item in an operation of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from headrace.config.model import KeyType
from headrace.encode.key import identity_of
from headrace.errors import RecordError, ServiceError
from headrace.ports import Operation, Reply
from headrace.write.batch import ITEMS_MAX, REQUEST, Batcher, Entry, request_of
from headrace.write.single import KeyQueue


class Waiting(Protocol):
    """Entries on their way, as Batcher and KeyQueue keep them."""

    def __len__(self) -> int: ...

    @property
    def is_full(self) -> bool: ...

    def fill(self, entries: Sequence[Entry], begin: int) -> tuple[int, int]:
        """Take entries from ``begin`` on, as many as there is room for; where it stopped, and by how many more are superseded."""
        ...

    def take(self, most: int, characters: int) -> list[Entry]: ...

    def release(self, entries: Sequence[Entry]) -> None: ...

    def refuse(self, entry: Entry) -> int: ...


class Calls(Protocol):
    """How entries become calls."""

    items_max: int
    window_max: int
    """Most calls in flight."""

    def waiting(self) -> Waiting:
        """A new place for entries on their way."""
        ...

    def call(self, entries: Sequence[Entry]) -> tuple[Operation, str]:
        """The operation and the body, JSON, that write ``entries``."""
        ...

    def handed_back(self, reply: Reply) -> set[str]:
        """The keys of the requests that the table did not take. Raises ServiceError ANSWER_UNKNOWN."""
        ...


class BatchCalls:
    """Entries whose ``request`` is an entry of a BatchWriteItem."""

    items_max = ITEMS_MAX
    window_max = 32  # 25 items each and 20 ms of latency make 40,000 items/s, DynamoDB's default quota for a table

    def __init__(self, table: str, key: Mapping[str, KeyType]) -> None:
        self._key = key
        self._prefix = f'{{"ReturnConsumedCapacity":"INDEXES","RequestItems":{{"{table}":['

    def waiting(self) -> Waiting:
        """See Calls."""
        return Batcher()

    def call(self, entries: Sequence[Entry]) -> tuple[Operation, str]:
        """See Calls."""
        return "BatchWriteItem", f"{self._prefix}{','.join(map(request_of, entries))}]}}}}"

    def handed_back(self, reply: Reply) -> set[str]:
        """See Calls."""
        try:
            contents = [content for request in reply.unprocessed for content in request.values()]
            return {identity_of(self._key, item) for content in contents for item in content.values()}
        except (AttributeError, KeyError, TypeError, ValueError, RecordError) as error:
            raise ServiceError("ANSWER_UNKNOWN", f"the table handed back items that cannot be read: {error!r}") from error


class SingleCalls:
    """Entries whose ``request`` is an operation, a space, and the members of its body but for the table: ``PutItem "Item":{…}``."""

    items_max = 1
    window_max = 64

    def __init__(self, table: str) -> None:
        self._prefix = f'{{"ReturnConsumedCapacity":"INDEXES","TableName":"{table}",'

    def waiting(self) -> Waiting:
        """See Calls."""
        return KeyQueue()

    def call(self, entries: Sequence[Entry]) -> tuple[Operation, str]:
        """See Calls."""
        operation, _, members = entries[0][REQUEST].partition(" ")
        return operation, f"{self._prefix}{members}}}"  # type: ignore[return-value]  # the encoder's own operations

    def handed_back(self, reply: Reply) -> set[str]:
        """See Calls. A single write is taken or refused."""
        raise ServiceError("ANSWER_UNKNOWN", "the table handed back items of a call that had only one")
