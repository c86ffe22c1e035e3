"""The few expressions of conditions and updates that headrace writes, evaluated as DynamoDB does; any other is refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from headrace.errors import Invalid

Item = Mapping[str, Any]


def holds(call: Mapping[str, Any], existing: Item | None) -> bool:
    """Whether the ConditionExpression of ``call``, if it has one, is true of what is there."""
    parts = call["ConditionExpression"].split(" OR ") if "ConditionExpression" in call else []
    return not parts or any(_part_holds(part, call, existing or {}) for part in parts)


def _part_holds(part: str, call: Mapping[str, Any], item: Item) -> bool:
    if found := re.fullmatch(r"attribute_not_exists\((#\w+)\)", part):
        return _name(found[1], call) not in item
    if found := re.fullmatch(r"(#\w+)<=(:\w+)", part):
        there, given = item.get(_name(found[1], call)), _value(found[2], call)
        if there is None or there.keys() != given.keys():
            return False
        return bool(_ordered(there) <= _ordered(given))
    raise Invalid("CALL_REFUSED", f"Invalid ConditionExpression: {part}")


def _ordered(value: Item) -> Any:
    ((kind, content),) = value.items()
    return {"N": Decimal, "S": str.encode, "B": base64.b64decode}[kind](content)


def updated(call: Mapping[str, Any], existing: Item | None) -> dict[str, Any]:
    """The item after an UpdateItem."""
    item = {**call["Key"], **(existing or {})}
    if "UpdateExpression" not in call:
        return item
    kind, _, actions = call["UpdateExpression"].partition(" ")
    if kind != "SET" or len(call["UpdateExpression"]) > 4096:
        raise Invalid("CALL_REFUSED", "Invalid UpdateExpression")
    for action in actions.split(","):
        name, value = action.split("=")
        if _name(name, call) in call["Key"]:
            raise Invalid("CALL_REFUSED", "Cannot update attribute: it is part of the key")
        item[_name(name, call)] = _value(value, call)
    return item


def _name(placeholder: str, call: Mapping[str, Any]) -> str:
    return str(call["ExpressionAttributeNames"][placeholder])


def _value(placeholder: str, call: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = call["ExpressionAttributeValues"][placeholder]
    return value
