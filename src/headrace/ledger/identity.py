"""Which version of an object is meant, and which of two is the newer one."""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from headrace.errors import ObjectError
from headrace.ports import ObjectRef, Replay


class Sequencer(NamedTuple):
    """S3's sequencer as a number, and how many digits it was written with."""

    value: int
    digits: int


def sequencer_of(ref: ObjectRef) -> Sequencer | None:
    """None where there is none, or one that is no hexadecimal number of at most 30 digits: DynamoDB's numbers hold 38 decimal ones."""
    text = ref.sequencer or ""
    return Sequencer(int(text, 16), len(text)) if re.fullmatch("[0-9A-Fa-f]{1,30}", text) else None


def order(one: Sequencer | None, other: Sequencer | None) -> int | None:
    """Negative if ``one`` is older, 0 if equal, positive if newer, None if only S3 can tell. For two of the same bucket and key.

    The forms of classic (18 digits) and EventBridge events (16) differ by a leading ``00``; AWS's own pages disagree on how to compare
    other lengths (S3 user guide, notification-content-structure, 2026-11).
    """
    if one is None or other is None:
        return None
    longer, shorter = (one, other) if one.digits > other.digits else (other, one)
    if longer.digits != shorter.digits and (longer.digits != shorter.digits + 2 or longer.value >= 16**shorter.digits):
        return None
    return (one.value > other.value) - (one.value < other.value)


def generation_id(ref: ObjectRef, replay: Replay | None = None) -> str:
    """32 hexadecimal digits for bucket, key and version id; without a version id for bucket, key, eTag, size and sequencer; for a replay those of that alone.

    The sequencer counts as a number and a missing size as 0, so that all events of one upload give the same. Raises ObjectError
    OBJECT_UNPINNED if ``ref`` has neither version id nor eTag.
    """
    if replay:
        parts: list[object] = ["replay", *replay]
    elif ref.version_id is not None:
        parts = ["version", ref.bucket, ref.key, ref.version_id]
    elif ref.etag is not None:
        sequencer = sequencer_of(ref)
        parts = ["content", ref.bucket, ref.key, ref.etag, ref.size or 0, sequencer.value if sequencer else ref.sequencer]
    else:
        message = f"{ref}: found neither version id nor eTag, expected one"
        raise ObjectError("OBJECT_UNPINNED", message, object=str(ref), hint="ask S3 for it first (HeadObject)")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
