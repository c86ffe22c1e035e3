"""Functions as they are deployed now: configuration, code and the credentials of the role."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import threading
import time
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from headrace.errors import HeadraceError
from headrace.local.function_spec import FunctionSpec

CODE_BYTES_MAX = 262_144_000  # unzipped; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, 2026-11-22
SESSION_S = 3600
SESSION_REST_S_MIN = 300
OLD_CODE_KEPT = 2  # for invocations that are running


class Clients(Protocol):
    """Makes AWS clients (botocore's) for the embedded AWS. Called from several threads; the clients are shared between threads."""

    def __call__(self, service: str, credentials: Mapping[str, str] | None = None, /) -> Any:
        """The client of ``service`` for the root user, or for whom the environment variables ``credentials`` stand."""
        ...


class Functions:
    """Asks the embedded AWS (its Lambda and STS clients) for functions.

    Unzipped code is kept under ``directory``, a role's session until shortly before it ends.
    ``place`` are the environment variables that every function gets with the credentials of its role: endpoint and region.
    """

    def __init__(self, aws_lambda: Any, sts: Any, directory: Path, place: Mapping[str, str]) -> None:
        self._lambda = aws_lambda
        self._sts = sts
        self._directory = directory
        self._place = dict(place)
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}

    def spec(self, name: str, version: str) -> FunctionSpec:
        """The function as it is now. Raises HeadraceError (FUNCTION_UNSUPPORTED, FUNCTION_CODE_MISSING), or the client's error."""
        found = self._lambda.get_function_configuration(FunctionName=name, Qualifier=version)
        for trait, is_wrong in (
            ("layers", found.get("Layers")),
            ("a container image", found.get("PackageType", "Zip") != "Zip"),
            (f"the runtime {found.get('Runtime')}", not str(found.get("Runtime")).startswith("python3.")),
        ):
            if is_wrong:
                raise HeadraceError("FUNCTION_UNSUPPORTED", f"function {name} has {trait}: only Python in a zip runs locally")
        logging = found.get("LoggingConfig") or {}
        timeout_s = float(found.get("Timeout", 3))
        with self._lock:
            code = self._code(name, version, found["CodeSha256"])
            credentials = self._role_session(found["Role"], name, max(SESSION_REST_S_MIN, timeout_s))
        return FunctionSpec(
            name=name,
            version=version,
            handler=found["Handler"],
            runtime=found["Runtime"],
            memory_mb=int(found.get("MemorySize", 128)),
            timeout_s=timeout_s,
            code=code,
            variables=(found.get("Environment") or {}).get("Variables") or {},
            credentials=credentials | self._place,
            log_group=logging.get("LogGroup") or f"/aws/lambda/{name}",
            log_format=logging.get("LogFormat") or "Text",
            log_level=logging.get("ApplicationLogLevel") or "",
        )

    def _role_session(self, role: str, name: str, rest_s: float) -> dict[str, str]:
        ends_at, variables = self._sessions.get((role, name), (0.0, {}))
        if ends_at - time.time() < rest_s:
            answer = self._sts.assume_role(RoleArn=role, RoleSessionName=name[:64], DurationSeconds=SESSION_S)["Credentials"]
            variables = {
                "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
                "AWS_SESSION_TOKEN": answer["SessionToken"],
            }
            self._sessions[role, name] = (answer["Expiration"].timestamp(), variables)
        return variables

    def _code(self, name: str, version: str, sha256: str) -> Path:
        versions = self._directory / name
        code = versions / hashlib.sha256(sha256.encode()).hexdigest()[:16]
        if not code.exists():
            location = self._lambda.get_function(FunctionName=name, Qualifier=version).get("Code", {}).get("Location")
            archive = _download(location) if location else b""
            if base64.b64encode(hashlib.sha256(archive).digest()).decode() != sha256:
                # for an older published version too: MiniStack 1.5.33 always gives the newest code
                message = f"the code of function {name}, version {version}, is not there"
                raise HeadraceError("FUNCTION_CODE_MISSING", message, hint="deploy it again")
            unfinished = versions / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _extract(archive, unfinished, name)
            unfinished.rename(code)
            others = sorted((path for path in versions.iterdir() if path != code), key=lambda path: path.stat().st_ctime)
            for old in others[:-OLD_CODE_KEPT]:
                shutil.rmtree(old, ignore_errors=True)
        return code


def _download(location: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy: it is on this machine
    try:
        with opener.open(location, timeout=30) as response:
            return bytes(response.read())
    except OSError:
        return b""


def _extract(archive: bytes, directory: Path, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        if sum(member.file_size for member in content.infolist()) > CODE_BYTES_MAX:
            raise HeadraceError("FUNCTION_UNSUPPORTED", f"function {name} has more than {CODE_BYTES_MAX} bytes of code unzipped, Lambda's limit")
        directory.mkdir(parents=True)
        for member in content.infolist():
            path = Path(content.extract(member, directory))
            mode = (member.external_attr >> 16) & 0o777
            if mode and not member.is_dir():
                path.chmod(mode | 0o600)
