from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.local_cloud import LocalCloud, local_cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    """One embedded AWS with a function host for all tests of this folder."""
    with local_cloud() as started:
        yield started
