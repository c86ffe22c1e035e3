"""The tests see neither the AWS configuration of who runs them nor a proxy between them and their own servers."""

from __future__ import annotations

import os

import hypothesis
import pytest

hypothesis.settings.register_profile("shared machine", deadline=None)  # no timed tests
hypothesis.settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first, so that no worker has one of them left when the others are done: they have few tests, and xdist left
    to itself takes files with few tests last."""
    items.sort(key=lambda item: "tests/system/" not in item.nodeid)


for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
