"""The servers that other tests rely on start, serve and stop."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from headrace.local.fault_actions import cut_body, failing, unprocessed
from headrace.local.fault_answers import THROTTLES
from headrace.local.fault_proxy import Rule
from servers import dynalite, rclone
from servers.process import running
from servers.recorded import RecordedProxy


def client(service: str, endpoint: str, access_key: str = "key", secret_key: str = "secret") -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, response_checksum_validation="when_required")
    session = botocore.session.get_session()
    return session.create_client(service, "eu-central-1", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key, config=config)


@pytest.fixture
def table() -> Iterator[Any]:
    """A client of a dynalite with an empty table ``orders``."""
    with dynalite.start() as endpoint:
        dynamodb = client("dynamodb", endpoint)
        dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield dynamodb
        dynamodb.close()


def test_dynalite_when_started_stores_items_and_keeps_the_rules(table: Any) -> None:
    """An engine of its own, not a stub: it stores what is right and refuses two requests for one key."""
    put = {"PutRequest": {"Item": {"id": {"S": "1"}, "price": {"N": "1.50"}}}}
    assert table.batch_write_item(RequestItems={"orders": [put]})["UnprocessedItems"] == {}
    assert table.get_item(TableName="orders", Key={"id": {"S": "1"}})["Item"]["price"] == {"N": "1.5"}
    with pytest.raises(ClientError, match="duplicates"):
        table.batch_write_item(RequestItems={"orders": [put, put]})


def test_dynalite_lock_names_contents_and_no_registry() -> None:
    """Every package is pinned by its hash, and comes from whatever registry the machine is set up for."""
    packages = json.loads((Path(dynalite.__file__).parent / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages["node_modules/dynalite"]["version"] == "4.0.0"
    assert all("integrity" in package and "resolved" not in package for package in packages.values())


def test_installed_when_several_ask_at_once_installs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test processes that start together wait for the first to install."""
    installs, begun = [], threading.Event()

    def install(target: Path) -> None:
        installs.append(target)
        begun.wait(0.05)
        target.mkdir()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(dynalite, "_install", install)
    threads = [threading.Thread(target=dynalite.installed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert installs == [dynalite.installed()]


def test_rclone_when_started_serves_folders_as_buckets_to_its_keys_only(tmp_path: Path) -> None:
    """An S3 of its own: files put into the folder are objects at once, a wrong secret is refused."""
    (tmp_path / "landing" / "in").mkdir(parents=True)
    with rclone.start(tmp_path, access_key="key", secret_key="secret") as endpoint:
        s3 = client("s3", endpoint)
        for content in (b"first", b"second, longer"):
            (tmp_path / "landing" / "in" / "a b+c.csv").write_bytes(content)
            assert s3.get_object(Bucket="landing", Key="in/a b+c.csv")["Body"].read() == content
        assert s3.get_object(Bucket="landing", Key="in/a b+c.csv", Range="bytes=8-")["Body"].read() == b"longer"
        s3.put_object(Bucket="landing", Key="in/b.csv", Body=b"third")
        assert (tmp_path / "landing" / "in" / "b.csv").read_bytes() == b"third"
        s3.close()
        other = client("s3", endpoint, secret_key="wrong")
        with pytest.raises(ClientError):
            other.get_object(Bucket="landing", Key="in/b.csv")
        other.close()


def test_proxy_before_dynalite_when_it_throttles_is_understood_by_a_client(table: Any) -> None:
    """What the proxy answers passes a real client's checks: the exception's name, the checksum, the items handed back."""
    puts = [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(20)]
    rules = [Rule("dynamodb:BatchWriteItem", failing(code), calls={at}) for at, code in enumerate(THROTTLES, 1)]
    with RecordedProxy(table.meta.endpoint_url, *rules, Rule("dynamodb:BatchWriteItem", unprocessed(random.Random(1)), calls={5})) as proxy:
        dynamodb = client("dynamodb", proxy.url)
        for code in THROTTLES:
            with pytest.raises(ClientError) as caught:
                dynamodb.batch_write_item(RequestItems={"orders": puts})
            assert caught.value.response["Error"]["Code"] == code
        left = dynamodb.batch_write_item(RequestItems={"orders": puts})["UnprocessedItems"]["orders"]
        assert 0 < len(left) < 20
        assert table.scan(TableName="orders")["Count"] == 20 - len(left)
        assert dynamodb.batch_write_item(RequestItems={"orders": left})["UnprocessedItems"] == {}
        assert table.scan(TableName="orders")["Count"] == 20
        dynamodb.close()


def test_proxy_before_rclone_when_the_body_is_cut_breaks_the_stream_only(tmp_path: Path) -> None:
    """Signatures stay valid through the proxy, and a cut body ends early at the byte asked for."""
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.csv").write_bytes(b"0123456789")
    with rclone.start(tmp_path, access_key="key", secret_key="secret") as endpoint, RecordedProxy(endpoint) as proxy:
        s3 = client("s3", proxy.url)
        s3.put_object(Bucket="landing", Key="b.csv", Body=b"x" * 200_000)
        assert s3.get_object(Bucket="landing", Key="b.csv")["Body"].read() == b"x" * 200_000
        proxy.rules.append(Rule("s3:GetObject", cut_body(4), path="/landing/*"))
        body = s3.get_object(Bucket="landing", Key="a.csv")["Body"]
        assert body.read(4) == b"0123"
        with pytest.raises((IncompleteReadError, ResponseStreamingError)):
            body.read()
        s3.close()


def test_running_when_the_program_ends_early_raises_with_its_words() -> None:
    """A server that cannot start says why."""
    command = [sys.executable, "-c", "print('no such option')"]
    with pytest.raises(RuntimeError, match="no such option"), running(command, "listening at (.*)"):
        pass
