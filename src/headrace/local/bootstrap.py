"""A small Lambda runtime client, for machines without AWS's own (awslambdaric has no wheel for macOS, 2026-11-22).

Executed as ``python -m headrace_lambda_bootstrap MODULE.FUNCTION`` in the function's process, with the standard library alone.
The context object, the shape of errors and the log format follow https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
and awslambdaric 4.2.2. One line of output is one log event here: AWS's client keeps a text with line ends together.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ROOT = "/2018-06-01/runtime/"


@dataclass
class LambdaContext:
    """What the handler gets as its second argument."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    client_context: None = None
    identity: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is killed, at least 0."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class Api:
    """The Runtime API on one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[dict[str, str], bytes]:
        """The headers (names in lower case) and the body of the next event; blocks until there is one."""
        self._connection.request("GET", ROOT + "invocation/next")
        response = self._connection.getresponse()
        return {name.lower(): value for name, value in response.getheaders()}, response.read()

    def post(self, path: str, body: str) -> None:
        self._connection.request("POST", ROOT + path, body.encode("utf-8"), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        response.read()
        if response.status != 202:
            raise RuntimeError(f"the Runtime API answered {response.status} to {path}")


class LogFormatter(logging.Formatter):
    """Log records as AWS's client writes them, as text or as JSON."""

    request_id = ""

    def __init__(self, is_json: bool) -> None:
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
        self._is_json = is_json
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        if not self._is_json:
            return super().format(record)
        fields = {"timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"), "level": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            fields["stackTrace"] = self.formatException(record.exc_info)
        return json.dumps(fields | {"requestId": self.request_id})


def described(error: BaseException, request_id: str) -> dict[str, object]:
    """The error answer for an exception; frames of this file are left out."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id, "stackTrace": traceback.format_list(frames)}


def load(handler: str) -> Callable[[Any, LambdaContext], Any]:
    module, _, function = handler.rpartition(".")
    found: Callable[[Any, LambdaContext], Any] = getattr(importlib.import_module(module.replace("/", ".")), function)
    return found


def serve(api: Api, handler: Callable[[Any, LambdaContext], Any]) -> None:
    """Answer events for ever."""
    environment = os.environ
    while True:
        headers, event = api.next()
        request_id = LogFormatter.request_id = headers["lambda-runtime-aws-request-id"]
        context = LambdaContext(
            aws_request_id=request_id,
            invoked_function_arn=headers["lambda-runtime-invoked-function-arn"],
            deadline_ms=int(headers["lambda-runtime-deadline-ms"]),
            function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
            memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        )
        try:
            kind, answer = "response", json.dumps(handler(json.loads(event), context), ensure_ascii=False)
        except Exception as error:
            described_error = described(error, request_id)
            logging.getLogger(__name__).error("%s: %s", described_error["errorType"], described_error["errorMessage"], exc_info=error)
            kind, answer = "error", json.dumps(described_error)
        sys.stdout.flush()
        api.post(f"invocation/{request_id}/{kind}", answer)


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream at the start of a process
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(LogFormatter(os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"))
    logging.getLogger().addHandler(output)
    if level := os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        logging.getLogger().setLevel(level)
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(sys.argv[1])
    except Exception as error:
        answer = described(error, "")
        if isinstance(error, ImportError):
            answer |= {"errorType": "Runtime.ImportModuleError", "errorMessage": f"Unable to import module '{sys.argv[1].rpartition('.')[0]}': {error}"}
        logging.getLogger(__name__).error("%s: %s", answer["errorType"], answer["errorMessage"])
        api.post("init/error", json.dumps(answer))
        raise SystemExit(1) from None
    serve(api, handler)


if __name__ == "__main__":
    main()
