"""What an incremental export of DynamoDB says of an item, in DynamoDB JSON and in Ion alike.

The keys of the item, and its image before and after the time of the export, where it had one. Which of them are there depends on the
view that was exported: with new images alone, nothing tells an update from an insert.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import RecordError

_MEMBERS = frozenset(("Metadata", "Keys", "NewImage", "OldImage"))


def is_change(row: Mapping[str, Any]) -> bool:
    """Whether ``row`` is a record of an incremental export."""
    return {"Metadata", "Keys"} <= row.keys() <= _MEMBERS


def changed(row: Mapping[str, Any], operation: str) -> tuple[str, Any]:
    """``I``, ``U`` or ``D`` for the route's column ``operation``, and the image to write, or the keys to delete.

    Raises RecordError DELETE_UNEXPECTED for a deletion where ``operation`` is ``""``.
    """
    if "NewImage" in row:
        return "U" if "OldImage" in row else "I", row["NewImage"]
    if not operation:
        raise RecordError("DELETE_UNEXPECTED", found="the deletion of an item", expected="an item, because the route has no `operation`")
    return "D", row["Keys"]
