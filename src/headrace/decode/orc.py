"""ORC: read by pyarrow, stripe by stripe. Runs in a process of its own, see ``decode.child``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import orc

from headrace.decode.arrow import columns_of
from headrace.decode.child import Source
from headrace.errors import ObjectError
from headrace.ranges import RangedFile

BATCH_ROWS = 1_024
FIRST_STRIPE = 3
"""Stripes begin after the file's ``ORC``; where each of them stands, pyarrow does not say."""


def read(source: Source, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The columns' names, then all rows, of ``columns`` unless that is None. Raises ObjectError ORC_DAMAGED, and whatever pyarrow raises."""
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve gigabytes of addresses
    pa.set_cpu_count(1)
    file = orc.ORCFile(pa.PythonFile(RangedFile(source), mode="r"))
    names = list(file.schema.names)
    yield "schema", {"columns": names, "skipped": 0}
    wanted = [name for name in names if options["columns"] is None or name in options["columns"]]
    count = 0
    for stripe in range(file.nstripes):
        found = file.read_stripe(stripe, columns=wanted)
        for start in range(0, found.num_rows, BATCH_ROWS):
            batch = found.slice(start, BATCH_ROWS)
            count += batch.num_rows
            yield "rows", (FIRST_STRIPE, columns_of(batch))
    if count != file.nrows:
        raise ObjectError("ORC_DAMAGED", f"found {count} rows, where the footer says {file.nrows}", hint="write the file again")
