"""The object version that an event names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from headrace.errors import HeadraceError, shortened
from headrace.ports import ObjectRef

_KEY_BYTES_MAX = 1024
"""Longest object key in bytes of UTF-8 (S3 user guide, object-keys, 2026-11)."""

_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def object_version(bucket: str, key: str, fields: Mapping[Any, Any], *, version_id: str, etag: str) -> ObjectRef:
    """The object of ``bucket`` and its version. Missing or odd optional members become None: they are hints, S3 has the facts.

    ``version_id`` and ``etag`` are the names of those members. The version "null" stands for a bucket whose versioning is off
    or suspended. It is overwritten in place, so it pins nothing and counts as no version; the eTag pins the content
    (S3 user guide, AddingObjectstoVersionSuspendedBuckets, 2026-11). MinIO leaves out the size of an empty object.
    """
    version = _text(fields.get(version_id))
    size = fields.get("size")
    return ObjectRef(
        bucket,
        _valid_key(key),
        version_id=None if version == "null" else version,
        etag=_text(fields.get(etag)),
        size=size if type(size) is int and size >= 0 else None,
        sequencer=_text(fields.get("sequencer")),
    )


def _text(value: object) -> str | None:
    """``value`` without quotes around it; None unless it is text with something in it."""
    return value.strip('"') or None if isinstance(value, str) else None


def url_decoded(key: str) -> str:
    """The key that S3 encoded. Strict, because a replacement character would name another object."""
    if _BARE_PERCENT.search(key):
        raise HeadraceError("EVENT_MALFORMED", f"found key {shown(key)}, expected it URL-encoded")
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise HeadraceError("EVENT_MALFORMED", f"found key {shown(key)}, expected URL-encoded UTF-8") from error


def _valid_key(key: str) -> str:
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        raise HeadraceError("EVENT_MALFORMED", "found a key that is not Unicode text") from error
    if not 1 <= length <= _KEY_BYTES_MAX:
        raise HeadraceError("EVENT_MALFORMED", f"found a key of {length} bytes, expected 1 to {_KEY_BYTES_MAX}")
    return key


def shown(value: object, limit: int = 60) -> str:
    """Untrusted ``value`` for a message: short, one line, ASCII."""
    return shortened(ascii(value)[1:-1], limit) if isinstance(value, str) else f"a value of type {type(value).__name__}"
