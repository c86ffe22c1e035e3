"""What a function is, as far as its process can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.local.runtime import LambdaRuntime


@dataclass(frozen=True)
class FunctionSpec:
    """One version of one function with the credentials of its role. Environments with equal specs are interchangeable.

    ``variables`` are the function's own environment variables, ``credentials`` those that make an AWS client the function's
    role. ``timeout_s`` in seconds, ``memory_mb`` in MiB. ``log_format`` is ``Text`` or ``JSON``.
    """

    name: str
    version: str
    handler: str
    runtime: str
    memory_mb: int
    timeout_s: float
    code: Path
    variables: Mapping[str, str]
    credentials: Mapping[str, str]
    log_group: str
    log_format: str = "Text"
    log_level: str = ""


def environment(spec: FunctionSpec, runtime: LambdaRuntime, scratch: Path, log_stream: str) -> dict[str, str]:
    """The environment variables of the process, complete but for the address of the Runtime API.

    Names and defaults as in https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (2026-11-22): the function's
    own variables win over the first group and lose against the second.
    """
    changeable = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LD_LIBRARY_PATH": f"{spec.code}:{spec.code}/lib",
        "TMPDIR": str(scratch),
        "HOME": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",  # the code directory is read-only on AWS
        "PYTHONUTF8": "1",  # as on AWS, where the locale exists; here it may not
        "NO_PROXY": "127.0.0.1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    search_path = [str(spec.code), *filter(None, [spec.variables.get("PYTHONPATH")]), str(runtime.library)]
    reserved = {
        "PYTHONPATH": ":".join(search_path),
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": str(spec.code),
        "LAMBDA_RUNTIME_DIR": str(runtime.library),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": spec.log_level} if spec.log_level else {}),
    }
    return changeable | dict(spec.variables) | reserved | dict(spec.credentials)
