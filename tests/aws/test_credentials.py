"""Credentials that are refreshed while they are used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import RefreshableCredentials

from headrace.aws.session import Aws
from headrace.errors import Unavailable
from headrace.ports import ObjectRef


def test_credentials_that_come_expired_are_said_as_that_and_nothing_is_sent() -> None:
    """Of a role whose new session is over by this machine's clock."""
    aws = Aws(region="eu-west-1", endpoint_url="http://127.0.0.1:9")
    over = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    expired = {"access_key": "a", "secret_key": "s", "token": "t", "expiry_time": over}
    aws._session._credentials = RefreshableCredentials.create_from_metadata(expired, lambda: dict(expired), "assume-role")
    calls = [
        lambda: aws.listing("landing").page("", ""),
        lambda: aws.objects().open(ObjectRef("landing", "a.csv"), 0),
        lambda: aws.change_visibility("arn:aws:sqs:eu-west-1:111122223333:q", "receipt", 1),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match="still expired"):
            call()
