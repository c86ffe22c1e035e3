"""Who takes part: each is one command that loads one file into the table ``flights`` of the endpoint in its environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import node
from data import Files

HERE = Path(__file__).resolve().parent
HEADRACE = str(Path(sys.executable).parent / "headrace")
CONFIG = str(HERE / "headrace" / "headrace.yaml")
BOUND = "no loader: one ready-made body, signed and sent again and again"
STRINGS = "all values are strings"


@dataclass(frozen=True)
class Programs:
    """What the contestants run on."""

    python: str
    """Of the peers' own environment."""
    node_folder: Path | None = None
    """Where node.py installed its packages; None leaves out what needs them."""


@dataclass(frozen=True)
class Contestant:
    """One way to load the file. ``records`` is how many it gets in a full run: enough for some seconds, since rates are compared."""

    name: str
    title: str
    records: int
    script: str = ""
    """In peers/; empty for headrace."""
    form: str = "csv"
    """Which of the Files it loads."""
    route: str = ""
    """headrace's; empty for a load without a config."""
    note: str = ""

    @property
    def is_headrace(self) -> bool:
        """Whether it is headrace itself."""
        return not self.script

    def command(self, files: Files, programs: Programs) -> list[str]:
        """The command line that loads ``files``."""
        source = str(getattr(files, self.form))
        if programs.node_folder and self.script.endswith(".mjs"):
            return [str(node.NODE), str(programs.node_folder / self.script), source]
        if self.script:
            return [programs.python, str(HERE / "peers" / self.script), source]
        way = ["--config", CONFIG, "--route", self.route] if self.route else ["--table", "flights"]
        return [HEADRACE, "load", source, *way, "--json"]


ALL = 336_776
CONTESTANTS = (
    Contestant("headrace-csv", "headrace, CSV, types declared", ALL, route="csv"),
    Contestant("headrace-inferred", "headrace, CSV, types inferred", ALL, form="keyed", note="without a config; pk and sk are columns of the file"),
    Contestant("headrace-jsonl", "headrace, JSON Lines", 200_000, form="jsonl", route="jsonl"),
    Contestant("headrace-transform", "headrace, CSV, Python transform", 150_000, route="transform"),
    Contestant("boto3-batch-writer", "boto3 `Table.batch_writer`", 15_000, "boto3_batch_writer.py"),
    Contestant("boto3-client", "boto3 client, low-level items", 20_000, "boto3_client.py"),
    Contestant("awswrangler", "awswrangler `put_csv`", 10_000, "awswrangler_put_csv.py", form="keyed", note=STRINGS),
    Contestant("dynamodb-csv", "dynamodb-csv", 12_000, "dynamodb_csv.py", form="keyed", note="keeps NA in text columns"),
    Contestant("pynamodb", "PynamoDB `batch_write`", 12_000, "pynamodb_batch.py"),
    Contestant("aiodynamo", "aiodynamo + aiohttp, 8 in flight", 60_000, "aiodynamo_client.py"),
    Contestant("sdk-js", "AWS SDK for JavaScript, 8 in flight", 50_000, "sdk_js.mjs"),
    Contestant("lean-client", "orjson + botocore's SigV4 + urllib3", 100_000, "lean_client.py", note="written for this comparison, 30 lines"),
    Contestant("awscrt-ready", "awscrt, ready-made body (bound)", ALL, "awscrt_ready.py", note=BOUND),
)


def environment(endpoint: str, base: Mapping[str, str]) -> dict[str, str]:
    """``base`` without any AWS setting of this machine's user, and with what a client of ``endpoint`` needs."""
    clean = {name: value for name, value in base.items() if not name.startswith("AWS_")}
    return clean | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
