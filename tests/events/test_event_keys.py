"""Rules of object keys in events: decoded once, strictly, and only where S3 encodes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.event_samples import BUCKET, eventbridge_event, s3_event, s3_record, sqs_event
from headrace.events.parse import parse

KEYS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" +%/&=?#\"'\\\n")), min_size=1, max_size=1024).filter(
    lambda key: len(key.encode()) <= 1024
)


def refused(event: object) -> tuple[str, str]:
    (message,) = parse(event, bucket=BUCKET)
    assert message.created == ()
    (found,) = message.refused
    return found.code, found.reason


@given(KEYS, st.sampled_from(["/", ""]))
@example("red flower+100%.csv", "/")
@example("a%20b+c d/ü/😀", "")
@example("é" * 512, "/")
def test_parse_when_the_key_is_any_text_gives_it_back_exactly(key: str, safe: str) -> None:
    """A classic key is form-URL-encoded, with or without its slashes; an EventBridge key is taken as it is."""
    classic, eventbridge = parse(sqs_event(s3_event(s3_record(quote_plus(key, safe=safe))), eventbridge_event(key)), bucket=BUCKET)
    assert [ref.key for ref in classic.created] == [key]
    assert [ref.key for ref in eventbridge.created] == [key]


@pytest.mark.parametrize("key", ["", "a" * 1025, "%FF", "caf%E9.csv", "%", "a%2", "%zz", "%ED%A0%80", "\ud800"])
def test_parse_when_a_classic_key_is_not_encoded_utf8_refuses(key: str) -> None:
    """Bad bytes never turn into U+FFFD, which would name another object."""
    code, reason = refused(s3_event(s3_record(key)))
    assert code == "EVENT_MALFORMED"
    assert reason.isascii()


@pytest.mark.parametrize("key", ["", "é" * 513, "\udfff", None, 5])
def test_parse_when_an_eventbridge_key_is_impossible_refuses(key: Any) -> None:
    """A key has 1 to 1,024 bytes of UTF-8."""
    assert refused(eventbridge_event(key))[0] == "EVENT_MALFORMED"
