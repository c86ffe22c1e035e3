"""The embedded AWS: MiniStack as a child process on 127.0.0.1, gone without a trace at the end."""

from __future__ import annotations

import http.client
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from headrace.errors import HeadraceError
from headrace.local.child import Child, Command

START_S_MAX = 60.0
STOP_S_MAX = 5.0
LOG_TAIL_BYTES = 2000
NOWHERE = "/dev/null"


class EmbeddedAws:
    """An AWS with one account and one region, IAM enforced, in memory, for the length of a ``with`` block.

    ``functions`` are the names of the Lambda functions whose invocations come to ``function_listener``, a listening socket for
    ``FunctionHost``; invocations wait there until somebody accepts them. Other functions are the emulator's own affair.
    ``port`` 0 is any free one. Entering raises HeadraceError (EMULATOR_MISSING, EMULATOR_PORT_TAKEN, EMULATOR_FAILED) and then
    leaves nothing behind.
    """

    account_id = "111122223333"
    region = "us-east-1"

    def __init__(self, functions: Iterable[str] = (), *, port: int = 0) -> None:
        self._functions = tuple(functions)
        self._port = port

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment variables that make any AWS client the root user of this AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def __enter__(self) -> EmbeddedAws:
        if importlib.util.find_spec("ministack") is None:
            raise HeadraceError("EMULATOR_MISSING", "the embedded AWS is not installed", hint="pip install 'headrace[local]'")
        self._port = _free_port(self._port)
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-aws-"))
        self.log_path = self.directory / "aws.log"
        self.function_listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        try:
            with self.log_path.open("wb") as log:
                self._child = Child(self._command(), log)
        except BaseException:
            self._remove()
            raise
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        try:
            self._child.stop(STOP_S_MAX)
        finally:
            self._remove()

    def _remove(self) -> None:
        self.function_listener.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _command(self) -> Command:
        address, port = self.function_listener.getsockname()
        environment = self.credentials | {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "*",  # it calls our function host over HTTP; on macOS Python would else ask the system for a proxy
            "AWS_SHARED_CREDENTIALS_FILE": NOWHERE,
            "AWS_CONFIG_FILE": NOWHERE,
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_HOST": f"unix://{self.directory}/no-docker",  # else it would look for containers of its own on this machine
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",  # its default is every interface
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": self.account_id,
            "MINISTACK_REGION": self.region,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            **{f"MINISTACK_LAMBDA_PROXY_{name}": f"http://{address}:{port}/" for name in self._functions},
        }
        return Command(sys.executable, "ministack", environment=environment, directory=self.directory)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S_MAX
        while not _is_healthy(self._port):
            try:
                status = self._child.process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                raise self._failure(f"did not answer within {START_S_MAX:.0f} s") from None
            raise self._failure(f"ended with status {status} before it was ready")

    def _failure(self, what: str) -> HeadraceError:
        tail = self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        hint = "its last words are above; another program on the port or a broken installation are the usual reasons"
        return HeadraceError("EMULATOR_FAILED", f"the embedded AWS on port {self._port} {what}:\n{tail}", hint=hint)


def _free_port(wanted: int) -> int:
    """``wanted``, or any port if that is 0, on which nobody listens at this moment."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        message = f"port {wanted} of 127.0.0.1 cannot be used: {error.strerror}"
        raise HeadraceError("EMULATOR_PORT_TAKEN", message, hint="choose another port") from error


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
