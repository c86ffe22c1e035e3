"""The libraries that the function needs, by the formats of its routes and its codecs, and the files of each that are worth their bytes."""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution, distributions
from pathlib import Path

from headrace.config.model import Config
from headrace.deploy.target import Target
from headrace.deploy.wheels import fetched
from headrace.errors import HeadraceError

ALWAYS = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")
OF_FORMAT = {
    "parquet": ("pyarrow",),
    "orc": ("pyarrow",),
    "avro": ("fastavro", "backports.zstd", "cramjam"),
    "xlsx": ("openpyxl", "et-xmlfile"),
    "ion": ("amazon.ion", "jsonconversion"),
}
"""By format, which is also the name of headrace's extra; with what they require, but for what is optional to them."""
OF_CODEC = {"zstd": ("backports.zstd",), "lz4": ("lz4",), "snappy": ("cramjam",)}
"""By codec; the extra is ``codecs``."""
_SINCE_3_14_BUILT_IN = {"backports.zstd": "1.8.0"}
"""What cannot be installed beside Python 3.14, which has it itself, and the version for an older runtime: that of requirements.lock."""

_SERVICES = ("dynamodb", "lambda", "s3", "sqs", "sts")
_LICENCE = re.compile(r"[^/]+\.dist-info/(licenses/.*|METADATA|LICEN[CS]E.*|NOTICE.*)", re.IGNORECASE)
_NATIVE = re.compile(r".*\.(so(\.\d+)*|pyd|dylib)")
_LEFT_OUT = re.compile(
    r"bin/.*|.*\.(pyi|pyx|pxd|pxi|h|c|cc|cpp|lib|a)"
    r"|amazon/(ionbenchmark|objects-Release)/.*"
    r"|pyarrow/(tests|include|includes|src)/.*"
    # what is neither Parquet nor ORC, and the copies of a library whose name nothing asks for
    r"|pyarrow/_(acero|azurefs|csv|cuda|dataset\w*|feather|flight|gcsfs|hdfs|json|parquet_encryption|pyarrow_cpp_tests|s3fs|substrait)\..*"
    r"|pyarrow/lib(arrow_(flight|s3|python_flight|python_parquet_encryption)\b.*|arrow_python\.so(\.\d+\.\d+\.\d+)?)"
)


def library_files(config: Config, target: Target) -> dict[str, bytes]:
    """The files of all libraries that ``config`` needs, by name in the zip, in the versions that are installed here.

    Copied from this environment where they run on ``target``, else fetched. Raises HeadraceError: LIBRARY_MISSING, EXTRA_MISSING, WHEELS_MISSING.
    """
    files: dict[str, bytes] = {}
    to_fetch: dict[str, str] = {}
    for library, extra in needed(config, target).items():
        try:
            found = distribution(library)
        except PackageNotFoundError:
            if library not in _SINCE_3_14_BUILT_IN or sys.version_info < (3, 14):
                raise _missing(library, extra) from None
            to_fetch[library] = _SINCE_3_14_BUILT_IN[library]
            continue
        if _runs_on(found, target):
            files |= _files(found)
        else:
            to_fetch[library] = found.version
    if to_fetch:
        with fetched(to_fetch, target) as folder:
            for found in distributions(path=[str(folder)]):
                files |= _files(found)
    return files


def needed(config: Config, target: Target) -> dict[str, str]:
    """The names of the libraries, each with the extra of headrace that installs it, empty for what headrace itself requires."""
    libraries = dict.fromkeys(ALWAYS, "")
    for route in config.routes:
        libraries |= dict.fromkeys(OF_FORMAT.get(route.format, ()), route.format)
    for codec in config.function.codecs:
        libraries |= {library: "codecs" for library in OF_CODEC[codec] if library not in libraries}
    if target.minor >= 14:
        libraries.pop("backports.zstd", None)
    return dict(sorted(libraries.items()))


def is_native(name: str) -> bool:
    """Whether the file called ``name`` is machine code."""
    return _NATIVE.fullmatch(name) is not None


def _missing(library: str, extra: str) -> HeadraceError:
    if not extra:
        return HeadraceError("LIBRARY_MISSING", f"{library} is not installed in {sys.prefix}", hint="install headrace with its dependencies")
    message = f"the function needs {library}, of the extra {extra}, which is not installed in {sys.prefix}"
    return HeadraceError("EXTRA_MISSING", message, hint=f"pip install 'headrace[{extra}]'")


def _runs_on(found: Distribution, target: Target) -> bool:
    """Whether the files of ``found`` as they are installed here run on ``target``."""
    if target.is_here or not any(is_native(path.name) for path in found.files or []):
        return True
    wheel = found.read_text("WHEEL") or ""
    return any(target.takes(line.removeprefix("Tag: ").strip()) for line in wheel.splitlines() if line.startswith("Tag: "))


def _files(found: Distribution) -> dict[str, bytes]:
    """Raises HeadraceError LIBRARY_MISSING if one of the files is not there."""
    files: dict[str, bytes] = {}
    try:
        for path in found.files or []:
            if _is_needed(path):
                files[path.as_posix()] = Path(str(found.locate_file(path))).read_bytes()
    except OSError as error:
        raise HeadraceError("LIBRARY_MISSING", f"{found.name} is not whole: {error}", hint=f"install {found.name} again") from None
    if not files:
        raise HeadraceError("LIBRARY_MISSING", f"{found.name} in {sys.prefix} has no list of its files", hint="install it with pip")
    return files


def _is_needed(path: PackagePath) -> bool:
    """Code, licences, and of botocore's data (26 MB for 400 services) the services that the functions call."""
    if ".." in path.parts or "__pycache__" in path.parts or _LEFT_OUT.fullmatch(path.as_posix()):
        return False
    if path.parts[0].endswith(".dist-info"):
        return _LICENCE.fullmatch(path.as_posix()) is not None
    if path.parts[:2] == ("botocore", "data"):
        return len(path.parts) == 3 or (path.parts[2] in _SERVICES and not path.name.startswith("examples-"))
    return True
