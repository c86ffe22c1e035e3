from __future__ import annotations

from collections.abc import Iterator

import pytest

from system import configs
from system.pipeline import Pipeline, pipeline


@pytest.fixture(scope="session")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The stack with a queue between bucket and function; one for each test process."""
    project = tmp_path_factory.mktemp("project")
    (project / "shaping.py").write_text(configs.TRANSFORMS)
    with pipeline(configs.config("sqs"), project) as started:
        yield started


@pytest.fixture(scope="session")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The stack whose bucket invokes the function itself; one for each test process."""
    project = tmp_path_factory.mktemp("project")
    (project / "shaping.py").write_text(configs.TRANSFORMS)
    with pipeline(configs.config("direct"), project) as started:
        yield started
