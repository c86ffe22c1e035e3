"""One MiniStack as a child process, with clients that speak to it and to nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config as BotocoreConfig

from headrace.deploy.names import Clients

ACCOUNT, REGION = "111122223333", "us-east-1"


class MiniStack:
    """Started by the constructor, which returns when it answers; ``stop`` ends it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        self._log = (folder / "ministack.log").open("wb")
        self._process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdout=self._log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 240
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((folder / "ministack.log").read_text()[-2000:])
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5):
                return True
        except OSError:
            return False

    def reset(self) -> None:
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_ministack/reset", method="POST"), timeout=30):
            pass

    def clients(self) -> Clients:
        session = botocore.session.get_session()
        settings = BotocoreConfig(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        made: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in made:
                made[service] = session.create_client(
                    service, REGION, endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test", config=settings
                )
            return made[service]

        return client

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
