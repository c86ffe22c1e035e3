"""Who we are and where AWS is: credentials, region and endpoints, all from botocore."""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError
from botocore.httpsession import get_cert_path

from headrace.aws.bucket import S3Listing
from headrace.aws.errors import translated, unknown_answer
from headrace.aws.ledger_store import DynamoLedgerStore
from headrace.aws.objects import S3Objects, S3Rejects
from headrace.aws.signing import Credentials
from headrace.aws.table import BURST, Table
from headrace.errors import ServiceError, Unavailable
from headrace.ports import Clock

REGION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""botocore alone reads AWS_DEFAULT_REGION only; every other SDK, and Lambda, goes by AWS_REGION first."""

NOBODYS = dict.fromkeys(("config_file", "credentials_file"), (None, None, "/dev/null", None)) | {"profile": (None, None, None, None)}
"""botocore's session variables for a session that must not see the configuration of the user of this machine."""


SEND_ENTRIES_MAX = 10
"""Of one SendMessageBatch (SQS API reference, 2026-11)."""
SEND_TRIES_MAX = 5
SEND_PAUSE_S = 0.2
"""Before entries that were not taken are sent again: at most so long, and each time up to twice as long, 3 s in all."""


class Aws:
    """Clients of one account and region, made once and usable from several threads.

    ``endpoint_url`` replaces AWS's endpoints, ``owner`` is the account that must own the buckets; the standard AWS variables work too.
    With ``credentials``, given as those variables, nothing else of the user's own configuration counts.
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        owner: str | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self._session = botocore.session.Session(profile=profile, session_vars=REGION | (NOBODYS if credentials else {}))
        if credentials:
            self._session.set_credentials(credentials["AWS_ACCESS_KEY_ID"], credentials["AWS_SECRET_ACCESS_KEY"], credentials.get("AWS_SESSION_TOKEN"))
        if region:
            self._session.set_config_variable("region", region)
        self._endpoint_url = endpoint_url
        self._owner = owner
        self._clients: dict[tuple[str, int], Any] = {}
        self._lock = threading.Lock()  # botocore's clients are safe to share, making them is not

    def client(self, service: str, *, attempts: int = 4) -> Any:
        """A botocore client, made once for each service. ``attempts`` counts the first; reading and writing records use their own loops."""
        with self._lock:
            if (service, attempts) not in self._clients:
                self._clients[service, attempts] = self._made(service, attempts)
            return self._clients[service, attempts]

    def _made(self, service: str, attempts: int) -> Any:
        config = ClientConfig(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=5,
            read_timeout=20,  # less than the margin that the function keeps for itself, and the most that a hanging endpoint can cost
            max_pool_connections=32,
            s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            response_checksum_validation="when_required",  # ranged reads carry no checksum of their own; length and version are checked instead
        )
        try:
            client = self._session.create_client(service, endpoint_url=self._endpoint_url, config=config)
        except BotoCoreError as error:
            raise translated(error, service, "client") from None
        client.meta.events.register("before-sign", self._refresh)
        return client

    def _refresh(self, **_: object) -> None:
        """Refresh credentials before they sign. What is expired even then, as where this machine's clock is ahead, is a RuntimeError of botocore's."""
        found = self._session.get_credentials()
        try:
            if found:
                found.get_frozen_credentials()
        except RuntimeError as error:
            raise CredentialRetrievalError(provider=found.method, error_msg=str(error)) from None

    @property
    def region(self) -> str:
        """The region in force. Raises ServiceError REGION_MISSING."""
        region = self._session.get_config_variable("region")
        if not region:
            raise ServiceError("REGION_MISSING", "no AWS region found", hint="set AWS_REGION or --region")
        return str(region)

    def objects(self) -> S3Objects:
        """The account's objects, for reading; one attempt each."""
        return S3Objects(self.client("s3", attempts=1), self._owner)

    def rejects(self, bucket: str) -> S3Rejects:
        """The bucket of rejected records."""
        return S3Rejects(self.client("s3"), bucket, self._owner)

    def listing(self, bucket: str) -> S3Listing:
        """What is in ``bucket``."""
        return S3Listing(self.client("s3"), bucket, self._owner)

    def invoke_later(self, function_arn: str, event: str) -> None:
        """Have Lambda invoke a function with ``event``, JSON, and repeat it as it does for any asynchronous invocation. Raises HeadraceError."""
        try:
            self.client("lambda").invoke(FunctionName=function_arn, InvocationType="Event", Payload=event.encode())
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "lambda:InvokeFunction", function_arn) from None

    def change_visibility(self, queue_arn: str, receipt_handle: str, seconds: int) -> None:
        """Have SQS deliver a received message again in ``seconds``. Raises HeadraceError."""
        sqs = self.client("sqs")
        try:
            sqs.change_message_visibility(QueueUrl=_queue_url(sqs, queue_arn), ReceiptHandle=receipt_handle, VisibilityTimeout=seconds)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "sqs:ChangeMessageVisibility", queue_arn) from None

    def send_message(self, beside: str, queue: str, body: str, *, reason: str) -> None:
        """Put a message into ``queue``, of the account and region that the ARN ``beside`` names, with the reason as an attribute.

        Raises HeadraceError.
        """
        sqs = self.client("sqs")
        arn = f"{beside}:{queue}"
        attributes = {"Reason": {"DataType": "String", "StringValue": reason.encode("ascii", "backslashreplace").decode()[:1000]}}
        try:
            answer = sqs.send_message(QueueUrl=_queue_url(sqs, arn), MessageBody=body, MessageAttributes=attributes)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "sqs:SendMessage", arn) from None
        if not answer.get("MessageId"):
            raise unknown_answer("sqs:SendMessage", arn, "MessageId")

    def send_messages(self, beside: str, queue: str, bodies: Sequence[str], *, clock: Clock) -> None:
        """Put messages into ``queue``, of the account and region that the ARN ``beside`` names, ten a call; entries that fail are sent again, after a pause.

        Raises HeadraceError; then any of them may have been sent (SQS API reference, SendMessageBatch, 2026-11).
        """
        arn = f"{beside}:{queue}"
        waiting = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        for tried in range(SEND_TRIES_MAX):
            if tried:
                clock.sleep(random.uniform(0, SEND_PAUSE_S * 2 ** (tried - 1)))
            waiting = [entry for batch in batched(waiting, SEND_ENTRIES_MAX) for entry in self._unsent(arn, batch)]
            if not waiting:
                return
        message = f"sqs:SendMessageBatch on {arn}: {len(waiting)} of {len(bodies)} messages were not taken"
        raise Unavailable("MESSAGES_UNSENT", message, hint="it is tried again")

    def _unsent(self, arn: str, batch: list[dict[str, str]]) -> list[dict[str, str]]:
        sqs = self.client("sqs")
        try:
            answer = sqs.send_message_batch(QueueUrl=_queue_url(sqs, arn), Entries=batch)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "sqs:SendMessage", arn) from None
        sent = {entry["Id"] for entry in answer.get("Successful", ())}
        return [entry for entry in batch if entry["Id"] not in sent]

    def ledger(self, table: str, clock: Clock) -> DynamoLedgerStore:
        """The ledger's table."""
        return DynamoLedgerStore(self.client("dynamodb", attempts=1), table, clock)

    def table(self, name: str, clock: Clock, *, burst: int = BURST) -> Table:
        """A table, for writing; ``burst`` as in Table."""
        endpoint = self.client("dynamodb", attempts=1).meta.endpoint_url  # the ledger's: a client more would cost 5 ms of a cold start
        tls = None
        if endpoint.startswith("https:"):
            certificates = self._session.get_config_variable("ca_bundle") or get_cert_path(True)
            try:
                tls = ssl.create_default_context(cafile=certificates)
            except OSError as error:
                message = f"the certificates to trust in {certificates} cannot be read: {error}"
                raise ServiceError("TLS_UNVERIFIED", message, hint="set AWS_CA_BUNDLE to a file of PEM certificates") from None
        return Table(name, endpoint, region=self.region, credentials=self._credentials(), clock=clock, tls=tls, burst=burst)

    def _credentials(self) -> Any:
        found = self._session.get_credentials()
        if found is None:
            raise ServiceError("CREDENTIALS_MISSING", "no AWS credentials found", hint="set AWS_PROFILE or the AWS_… variables")

        def frozen() -> Credentials:
            try:
                now = found.get_frozen_credentials()  # refreshes what is about to expire, safely from several threads
            except ClientError as error:
                raise translated(error, "sts:AssumeRole", "the credentials' role") from None
            except (BotoCoreError, RuntimeError) as error:  # RuntimeError: what was refreshed is expired, as where this machine's clock is ahead
                raise Unavailable("CREDENTIALS_UNAVAILABLE", f"the credentials could not be refreshed: {error}") from None
            return Credentials(now.access_key, now.secret_key, now.token or "")

        return frozen


def batched(entries: list[dict[str, str]], most: int) -> list[list[dict[str, str]]]:
    return [entries[start : start + most] for start in range(0, len(entries), most)]


def _queue_url(sqs: Any, arn: str) -> str:
    _, _, _, _, account, name = arn.split(":")
    return f"{sqs.meta.endpoint_url}/{account}/{name}"
