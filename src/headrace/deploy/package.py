"""The function's zip: headrace, what it imports, the compiled config, and the project's own transforms."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import headrace
from headrace.config.compiled import dumps
from headrace.config.model import Config
from headrace.deploy.libraries import is_native, library_files
from headrace.deploy.target import Target, here, on_lambda
from headrace.errors import HeadraceError

UNZIPPED_BYTES_MAX = 262_144_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11). The zip itself comes from a bucket, so its 50 MB do not count."""
CONFIG_FILE = "headrace.json"

_LEFT_OUT = ("cli", "deploy", "local")
"""Folders of headrace that the function never imports."""

_COMPRESS_LEVEL = 6
"""pyarrow: 32.3 MB in 4 s, where level 9 takes 12 s for 32.1 MB."""
_BYTECODE_TIMEOUT_S = 120


@dataclass(frozen=True)
class Package:
    """A built zip. ``bytes`` is its size, ``unzipped_bytes`` the sum of its files, ``sha256`` hexadecimal, ``files`` sorted names."""

    path: Path
    bytes: int
    sha256: str
    files: tuple[str, ...]
    unzipped_bytes: int
    note: str
    """What to know about this build: whether it carries bytecode, and why not."""


def build(config: Config, project_dir: Path, out: Path, *, for_here: bool = False) -> Package:
    """Write the zip for ``config`` to ``out``, replacing it once it is whole; the same input on the same machine gives the same bytes.

    Everything comes from this Python environment and from ``project_dir`` (the folder of ``headrace.yaml``); machine code that does not run on Lambda is
    fetched by pip in the version that is installed. ``for_here`` builds for this Python and processor, as the embedded AWS needs it.
    Raises HeadraceError: TRANSFORM_MISSING, TRANSFORM_CLASHES, PACKAGE_TOO_LARGE, and those of ``library_files``.
    """
    target = here() if for_here else on_lambda(config)
    transforms = _transform_files(config, project_dir)
    files = _own_files() | library_files(config, target) | {CONFIG_FILE: dumps(config).encode()}
    if clashes := _modules(transforms) & _modules(files):
        message = f"the transform module {min(clashes)} has the name of a module in the package"
        raise HeadraceError("TRANSFORM_CLASHES", message, hint="rename the file and the route's transform")
    files |= transforms
    bytecode, note = _bytecode(files, target)
    files |= bytecode
    _require_size(files)
    _write_zip(files, out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    return Package(out, out.stat().st_size, digest, tuple(sorted(files)), sum(map(len, files.values())), note)


def _require_size(files: dict[str, bytes]) -> None:
    """Raise HeadraceError PACKAGE_TOO_LARGE for more than Lambda takes."""
    sizes: dict[str, int] = {}
    for name, content in files.items():
        top = name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + len(content)
    if (total := sum(sizes.values())) > UNZIPPED_BYTES_MAX:
        largest = ", ".join(f"{name} with {sizes[name]:,}" for name in sorted(sizes, key=lambda name: -sizes[name])[:3])
        message = f"the function's files have {total:,} bytes, and Lambda takes at most {UNZIPPED_BYTES_MAX:,}; the largest are {largest}"
        raise HeadraceError("PACKAGE_TOO_LARGE", message, hint="keep data out of the transforms' folder, or divide the routes between two stacks")


def _own_files() -> dict[str, bytes]:
    root = Path(headrace.__file__).parent
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return {f"headrace/{path.as_posix()}": (root / path).read_bytes() for path in paths if path.parts[0] not in _LEFT_OUT}


def _modules(files: dict[str, bytes]) -> set[str]:
    return {name.split("/")[0].removesuffix(".py") for name in files}


def _transform_files(config: Config, project_dir: Path) -> dict[str, bytes]:
    """The module file or package folder of every route's transform, by its name in the zip."""
    files: dict[str, bytes] = {}
    for route in config.routes:
        if not route.transform:
            continue
        top = route.transform.partition(":")[0].partition(".")[0]
        module, folder = project_dir / f"{top}.py", project_dir / top
        if folder.is_dir():
            kept = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
            files |= {path.relative_to(project_dir).as_posix(): path.read_bytes() for path in kept}
        elif module.is_file():
            files[module.name] = module.read_bytes()
        else:
            message = f"route {route.name}: the transform {route.transform} needs {top}.py or the folder {top} in {project_dir}"
            raise HeadraceError("TRANSFORM_MISSING", message, hint="put the file next to headrace.yaml or correct the route's transform")
    return files


def _bytecode(files: dict[str, bytes], target: Target) -> tuple[dict[str, bytes], str]:
    """Compiled modules for the Python of ``target``, and a sentence about them.

    /var/task is read-only, so without them every cold start compiles all modules again: importing botocore and making its four clients took
    0.62 to 0.75 s without and 0.34 s with them (Python 3.13, one x86-64 core), for 1.1 MB more of zip. They are marked as never to be checked
    against their source, because a zip's timestamps say nothing.
    """
    version = f"python{target.python}"
    python = _interpreter(version)
    if not python:
        return {}, f"no bytecode: there is no {version} on this machine to compile it, so every cold start compiles the modules again"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in files.items():
            if name.endswith(".py"):
                place = root / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        command = [python, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/var/task", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BYTECODE_TIMEOUT_S, check=False)
        if done.returncode:
            return {}, f"no bytecode: {python} could not compile the modules: {done.stdout.strip()[:200]}"
        compiled = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")}
    return compiled, f"with bytecode of {version}"


def _interpreter(version: str) -> str:
    """An interpreter of ``version``, such as ``python3.13``, or an empty text. One that is named so but does not run (a shim) does not count."""
    asked = "import sys; print(sys.implementation.name, 'python%d.%d' % sys.version_info[:2])"
    for candidate in (sys.executable, shutil.which(version)):
        if candidate:
            done = subprocess.run([candidate, "-I", "-c", asked], capture_output=True, text=True, timeout=_BYTECODE_TIMEOUT_S, check=False)
            if done.stdout.strip() == f"cpython {version}":
                return candidate
    return ""


def _write_zip(files: dict[str, bytes], out: Path) -> None:
    """Sorted names, one date, and the mode that a name gives: nothing in the zip but names and contents."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".headrace-", dir=out.parent) as folder:
        unfinished = Path(folder) / out.name
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESS_LEVEL) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(str(PurePosixPath(name)), (1980, 1, 1, 0, 0, 0))
                entry.create_system = 3
                entry.external_attr = (0o100755 if is_native(name) else 0o100644) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[name])
        unfinished.replace(out)
