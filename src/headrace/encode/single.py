"""Single writes: requests that are an operation, a space, and the members of its body but for the table: ``PutItem "Item":{…}``.

Each is made from a request of a BatchWriteItem, as the compiled encoders give it. Names and values of attributes stand behind
placeholders only, so that no text of a file is ever part of an expression.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import RecordError

EXPRESSION_BYTES_MAX = 4_096
"""Developer Guide, "Constraints in Amazon DynamoDB", 2026-11. Its other limit, 300 operators, counts none for ``SET #0=:0``."""
OLD = '"ReturnValuesOnConditionCheckFailure":"ALL_OLD"'

Encode = Callable[[Any], tuple[str, str]]
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps would make one for each call


def insert_only(put: Encode, key: Mapping[str, Any]) -> Encode:
    """Puts of ``put`` as writes that do nothing where an item has the key."""
    names = json.dumps({"#k": next(iter(key))}, ensure_ascii=False)
    condition = f',"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":{names},{OLD}'

    def encode(record: Any) -> tuple[str, str]:
        identity, request = put(record)
        return identity, f"PutItem {_members(request)}{condition}"

    return encode


def newer_wins(put: Encode, key: Mapping[str, Any], version: str, *, is_delete: bool = False) -> Encode:
    """Puts of ``put``, or deletes of their keys, that do nothing where an item has a greater ``version``.

    An equal one does not keep them out: then a repeat of a write whose answer was lost succeeds, and the later of two records
    wins. Raises RecordError VERSION_MISSING.
    """
    names = json.dumps({"#k": next(iter(key)), "#v": version}, ensure_ascii=False)
    condition = f',"ConditionExpression":"attribute_not_exists(#k) OR #v<=:v","ExpressionAttributeNames":{names},{OLD},"ExpressionAttributeValues":{{":v":'

    def encode(record: Any) -> tuple[str, str]:
        identity, request = put(record)
        item = json.loads(request)["PutRequest"]["Item"]
        if version not in item or "NULL" in item[version]:
            raise RecordError("VERSION_MISSING", column=version, found="nothing", expected="a value that says how new the record is (newer_by)")
        written = f'DeleteItem "Key":{_json({name: item[name] for name in key})}' if is_delete else f"PutItem {_members(request)}"
        return identity, f"{written}{condition}{_json(item[version])}}}"

    return encode


def update(put: Encode, key: Mapping[str, Any]) -> Encode:
    """Puts of ``put`` as writes that set their attributes and leave the others of the item; they make the item where there is none.

    Raises RecordError UPDATE_TOO_WIDE.
    """

    def encode(record: Any) -> tuple[str, str]:
        identity, request = put(record)
        item = json.loads(request)["PutRequest"]["Item"]
        written = f'UpdateItem "Key":{_json({name: item.pop(name) for name in key})}'
        if not item:
            return identity, written
        expression = f"SET {','.join([f'#{index}=:{index}' for index in range(len(item))])}"
        if len(expression) > EXPRESSION_BYTES_MAX:
            found = f"{len(item)} attributes, an expression of {len(expression)} bytes"
            raise RecordError("UPDATE_TOO_WIDE", found=found, expected=f"at most {EXPRESSION_BYTES_MAX} bytes (`mode: put` has no such limit)")
        names = _json({f"#{index}": name for index, name in enumerate(item)})
        values = _json({f":{index}": value for index, value in enumerate(item.values())})
        return identity, f'{written},"UpdateExpression":"{expression}","ExpressionAttributeNames":{names},"ExpressionAttributeValues":{values}'

    return encode


def delete(delete_request: Encode) -> Encode:
    """Deletes of ``delete_request``, whatever is there."""

    def encode(record: Any) -> tuple[str, str]:
        identity, request = delete_request(record)
        return identity, f"DeleteItem {_members(request)}"

    return encode


def _members(request: str) -> str:
    """``"Item":{…}`` of ``{"PutRequest":{"Item":{…}}}``, and so for a key."""
    return request[request.index("{", 1) + 1 : -2]
