"""The function's zip: headrace, what it imports, the compiled config, and the project's own transforms."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
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
from headrace.deploy import names
from headrace.errors import HeadraceError

PACKAGE_BYTES_MAX = 30_000_000
CONFIG_FILE = "headrace.json"

_LIBRARIES = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")
_SERVICES = ("dynamodb", "s3", "sqs", "sts")
_LEFT_OUT = ("cli", "deploy", "local")
"""Folders of headrace that the function never imports."""

_LICENCE = re.compile(r"[^/]+\.dist-info/(licenses/.*|METADATA|LICEN[CS]E.*|NOTICE.*)", re.IGNORECASE)
_NATIVE = {".so", ".pyd", ".dylib"}
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


def build(config: Config, project_dir: Path, out: Path) -> Package:
    """Write the zip for ``config`` to ``out``, replacing it; the same input on the same machine gives the same bytes.

    Everything comes from this Python environment and from ``project_dir`` (the folder of ``headrace.yaml``), nothing is downloaded. It is
    pure Python, so one zip serves both processors and every Python since 3.11.
    Raises HeadraceError: TRANSFORM_MISSING, TRANSFORM_CLASHES, LIBRARY_MISSING, LIBRARY_NATIVE, PACKAGE_TOO_LARGE.
    """
    files = _own_files() | _library_files() | {CONFIG_FILE: dumps(config).encode()}
    transforms = _transform_files(config, project_dir)
    if clashes := _modules(transforms) & _modules(files):
        message = f"the transform module {min(clashes)} has the name of a module in the package"
        raise HeadraceError("TRANSFORM_CLASHES", message, hint="rename the file and the route's transform")
    files |= transforms
    bytecode, note = _bytecode(files)
    files |= bytecode
    _write_zip(files, out)
    size = out.stat().st_size
    if size > PACKAGE_BYTES_MAX:
        raise HeadraceError("PACKAGE_TOO_LARGE", f"the zip has {size:,} bytes, at most {PACKAGE_BYTES_MAX:,} are meant", hint="keep data out of transforms")
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    return Package(out, size, digest, tuple(sorted(files)), sum(map(len, files.values())), note)


def _own_files() -> dict[str, bytes]:
    root = Path(headrace.__file__).parent
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return {f"headrace/{path.as_posix()}": (root / path).read_bytes() for path in paths if path.parts[0] not in _LEFT_OUT}


def _library_files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for library in _LIBRARIES:
        try:
            distribution = importlib.metadata.distribution(library)
        except importlib.metadata.PackageNotFoundError:
            raise HeadraceError("LIBRARY_MISSING", f"{library} is not installed in {sys.prefix}", hint="install headrace with its dependencies") from None
        for path in distribution.files or []:
            if _is_needed(path):
                files[path.as_posix()] = Path(str(distribution.locate_file(path))).read_bytes()
            elif path.suffix in _NATIVE:
                raise HeadraceError("LIBRARY_NATIVE", f"{library} is installed with machine code: {path}", hint="install its pure Python wheel")
    return files


def _is_needed(path: importlib.metadata.PackagePath) -> bool:
    """Code, licences, and of botocore's data (26 MB for 400 services) the four services that the function calls."""
    if ".." in path.parts or "__pycache__" in path.parts or path.suffix in _NATIVE:
        return False
    if path.parts[0].endswith(".dist-info"):
        return _LICENCE.fullmatch(path.as_posix()) is not None
    if path.parts[:2] == ("botocore", "data"):
        return len(path.parts) == 3 or (path.parts[2] in _SERVICES and not path.name.startswith("examples-"))
    return True


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


def _bytecode(files: dict[str, bytes]) -> tuple[dict[str, bytes], str]:
    """Compiled modules for the function's Python, and a sentence about them.

    /var/task is read-only, so without them every cold start compiles all modules again: importing botocore and making its four clients took
    0.62 to 0.75 s without and 0.34 s with them (Python 3.13, one x86-64 core), for 1.1 MB more of zip. They are marked as never to be checked
    against their source, because a zip's timestamps say nothing.
    """
    python = _runtime_python()
    if not python:
        return {}, f"no bytecode: there is no {names.RUNTIME} on this machine to compile it, so every cold start compiles the modules again"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in files.items():
            if name.endswith(".py"):
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        command = [python, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/var/task", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BYTECODE_TIMEOUT_S, check=False)
        if done.returncode:
            return {}, f"no bytecode: {python} could not compile the modules: {done.stdout.strip()[:200]}"
        compiled = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")}
    return compiled, f"with bytecode of {names.RUNTIME}"


def _runtime_python() -> str:
    """An interpreter of the function's version, or an empty text. One that is named so but does not run (a shim) does not count."""
    asked = "import sys; print(sys.implementation.name, 'python%d.%d' % sys.version_info[:2])"
    for candidate in (sys.executable, shutil.which(names.RUNTIME)):
        if candidate:
            done = subprocess.run([candidate, "-I", "-c", asked], capture_output=True, text=True, timeout=_BYTECODE_TIMEOUT_S, check=False)
            if done.stdout.strip() == f"cpython {names.RUNTIME}":
                return candidate
    return ""


def _write_zip(files: dict[str, bytes], out: Path) -> None:
    """Sorted names, one date and one mode: nothing in the zip but names and contents."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(str(PurePosixPath(name)), (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
