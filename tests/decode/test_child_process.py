"""The process that reads a binary format, and what it is given."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from decode.tables import rows
from headrace.config.model import Column
from headrace.decode import in_child
from headrace.errors import ObjectError


def test_process_when_started_gets_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads bytes that somebody else made: what the function may do is not told to it, nor where the code of others lies."""
    told = tmp_path / "environment.json"
    tells = f"import os, json; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ))); {in_child.PROGRAM}"
    monkeypatch.setattr(in_child, "PROGRAM", tells)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "PYTHONPATH", "HOME"):
        monkeypatch.setenv(name, "not for the child")
    monkeypatch.setenv("TZ", ":UTC")
    file = io.BytesIO()
    pq.write_table(pa.table({"i": [1]}), file)
    assert rows(file.getvalue(), "parquet", in_child=True) == [{"i": 1}]
    given = json.loads(told.read_text())
    assert "not for the child" not in given.values()
    assert given["TZ"] == ":UTC"
    assert set(given) <= {*in_child.PASSED_ON, *in_child.ALLOCATOR, "LC_CTYPE"}  # Python sets the last itself
    assert os.environ["AWS_ACCESS_KEY_ID"] == "not for the child"


@pytest.mark.skipif(sys.platform != "linux", reason="children are read from /proc")
def test_process_of_an_object_that_does_not_fit_its_route_ends_with_the_failure() -> None:
    """Also while somebody still holds the failure, and with it the frames in which the process was started."""
    file = io.BytesIO()
    pq.write_table(pa.table({"i": [1]}), file)
    before = children()
    with pytest.raises(ObjectError) as failure:
        rows(file.getvalue(), "parquet", in_child=True, columns={"missing": Column()})
    assert failure.value.code == "HEADER_MISSING_COLUMN"
    assert children() == before


def children() -> set[str]:
    return {child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()}
