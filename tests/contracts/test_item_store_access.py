"""Who may write: signatures, session tokens, permissions, and whom we trust over TLS."""

from __future__ import annotations

import datetime
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from contracts.calls import call
from contracts.engines import Engine, aws_of, client_of
from headrace.errors import Denied, HeadraceError, ServiceError, Unavailable
from headrace.ports import SystemClock


def role_session(engine: Engine, actions: list[str], resource: str) -> dict[str, str]:
    """Credentials of a session of a new role that may do ``actions`` on ``resource``."""
    iam, sts = client_of(engine.endpoint, "iam"), client_of(engine.endpoint, "sts")
    name = f"writer-{time.monotonic_ns()}"
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    found = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="s")["Credentials"]
    iam.close()
    sts.close()
    return {"AWS_ACCESS_KEY_ID": found["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"], "AWS_SESSION_TOKEN": found["SessionToken"]}


def outcome(engine: Engine, name: str, credentials: dict[str, str]) -> str:
    """The code of what one call raises, or ``""``."""
    with closing(aws_of(engine.endpoint, credentials).table(name, SystemClock())) as store:
        try:
            call(store, json.dumps({"RequestItems": {name: [{"PutRequest": {"Item": {"pk": {"S": "k"}}}}]}}).encode())
        except Denied as error:
            assert name in error.message
            return error.code
    return ""


def test_session_of_a_role_writes_to_its_table_only(ministack: Engine) -> None:
    """The call is signed with key, secret and token: with any of them wrong, without the permission or on another table nothing is written."""
    name, other = ministack.table(pk="string"), ministack.table(pk="string")
    session = role_session(ministack, ["dynamodb:BatchWriteItem"], f"arn:aws:dynamodb:*:*:table/{name}")
    assert outcome(ministack, name, session) == ""
    assert outcome(ministack, other, session) == "TABLE_DENIED"
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "ASIAUNKNOWN000000000"}, {"AWS_SESSION_TOKEN": "wrong"}):
        assert outcome(ministack, name, session | wrong) == "TABLE_DENIED"
    assert outcome(ministack, name, role_session(ministack, ["dynamodb:GetItem"], "*")) == "TABLE_DENIED"
    assert (ministack.count(name), ministack.count(other)) == (1, 0)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "23")
        self.end_headers()
        self.wfile.write(b'{"UnprocessedItems":{}}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a TLS server on this machine, and its self-signed certificate for ``localhost``."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign, assignment]  # a client that does not trust us hangs up
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1], certificate
    server.shutdown()
    thread.join()
    server.server_close()


def written(endpoint: str) -> Any:
    with closing(aws_of(endpoint).table("orders", SystemClock())) as store:
        return [call(store, b"{}").unprocessed for _ in range(2)]


def test_server_without_a_certificate_that_is_trusted_is_refused_at_once(secure: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to it, and a repeat would not help; with AWS_CA_BUNDLE it is trusted, under its own name only."""
    port, certificate = secure
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with pytest.raises(ServiceError) as caught:
        written(f"https://localhost:{port}")
    assert (caught.value.code, caught.value.retryable) == ("TLS_UNVERIFIED", False)
    assert "AWS_CA_BUNDLE" in caught.value.hint
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert written(f"https://localhost:{port}") == [[], []]
    with pytest.raises(ServiceError) as other_name:
        written(f"https://127.0.0.1:{port}")
    assert other_name.value.code == "TLS_UNVERIFIED"


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to set, and not as a defect of headrace."""
    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / name))
        with pytest.raises(ServiceError, match=name) as caught:
            written("https://localhost:1")
        assert (caught.value.code, caught.value.retryable) == ("TLS_UNVERIFIED", False)


def test_credentials_that_come_expired_can_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the clock of this machine is ahead: botocore says so with an error that is none of its own."""
    aws = aws_of("http://localhost:1")
    moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    expired = {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": moment.isoformat()}
    found = RefreshableCredentials.create_from_metadata(expired, lambda: expired, "test")
    monkeypatch.setattr(aws._session, "get_credentials", lambda: found)
    with closing(aws.table("orders", SystemClock())) as store, pytest.raises(Unavailable, match="expired") as caught:
        call(store, b"{}")
    assert caught.value.code == "CREDENTIALS_UNAVAILABLE"


def test_server_that_speaks_no_tls_is_unavailable(ministack: Engine) -> None:
    """The request is never sent in the clear."""
    with pytest.raises(HeadraceError) as caught:
        written(ministack.endpoint.replace("http:", "https:"))
    assert caught.value.retryable
