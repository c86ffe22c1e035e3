"""Copies AWS's runtime client and what it needs, and nothing else, out of an interpreter's packages.

Executed as ``python -P collect_runtime.py DIRECTORY`` by the interpreter in question, with the standard library alone. Prints one
JSON object: ``python``, the interpreter under any virtual environment, and ``version``, as ``3.13``. Fails where awslambdaric is
not installed or does not import.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import shutil
import sys
from pathlib import Path


def copy_distribution(name: str, directory: Path) -> None:
    """Copy the files of an installed distribution and of everything it requires without conditions."""
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = directory / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(distribution.locate_file(file)), target)
    for requirement in distribution.requires or ():
        if found := re.match(r"[A-Za-z0-9._-]+(?=[^;]*$)", requirement):
            copy_distribution(found[0], directory)


if __name__ == "__main__":
    importlib.import_module("runtime_client")  # the compiled part: it is missing or for another version on some machines
    copy_distribution("awslambdaric", Path(sys.argv[1]))
    base = getattr(sys, "_base_executable", sys.executable)
    sys.stdout.write(json.dumps({"python": base, "version": f"{sys.version_info.major}.{sys.version_info.minor}"}))
