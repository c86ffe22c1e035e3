"""The whole pipeline on this machine: embedded AWS, function host and the deployed stack, from entering to leaving."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from headrace.aws.session import Aws
from headrace.config.model import Config
from headrace.deploy.package import Package, build
from headrace.deploy.readback import Gap, readback, repair
from headrace.deploy.stack import Deployment, deploy
from headrace.deploy.verify import verify_function
from headrace.local.emulator import EmbeddedAws
from headrace.local.fault_proxy import FaultProxy
from headrace.local.function_host import FunctionHost


class LocalStack:
    """A deployed stack of ``config`` on an embedded AWS; entering takes a few seconds, leaving removes everything.

    The zip, the template and the change set are those for AWS. What the emulator's CloudFormation dropped is set through the
    services' own API and listed in ``gaps``. ``on_step`` gets a sentence before each step, ``on_log`` (function, request id, text)
    of each log event of the function, ``on_problem`` each sentence about something that differs from AWS; the last two are called
    from several threads. ``open_proxy`` makes a fault proxy to the URL that it is given: the function, and whoever uses ``environment``,
    then go through that, the deployment does not.
    """

    def __init__(
        self,
        config: Config,
        project_dir: Path,
        *,
        port: int = 0,
        on_step: Callable[[str], None] = lambda _sentence: None,
        on_log: Callable[[str, str, str], None] = lambda _name, _request_id, _text: None,
        on_problem: Callable[[str], None] = lambda _sentence: None,
        open_proxy: Callable[[str], FaultProxy] | None = None,
    ) -> None:
        self.config = config
        self._project_dir = project_dir
        self._on_step = on_step
        self.emulator = EmbeddedAws([config.loader_function, config.sweeper_function], port=port)
        self._on_log = on_log
        self._on_problem = on_problem
        self._open_proxy = open_proxy
        self._proxy: FaultProxy | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead any AWS client here, as the root user."""
        return self.emulator.credentials | {"AWS_ENDPOINT_URL": self.endpoint_url}

    @property
    def endpoint_url(self) -> str:
        """Where clients find this AWS: at the fault proxy, if there is one."""
        return self._proxy.url if self._proxy else self.emulator.endpoint_url

    def __enter__(self) -> LocalStack:
        with ExitStack() as stack:
            self._on_step("starting the embedded AWS")
            stack.enter_context(self.emulator)
            if self._open_proxy:
                self._proxy = stack.enter_context(self._open_proxy(self.emulator.endpoint_url))
            host = FunctionHost(self.emulator, self.clients, on_log=self._on_log, on_problem=self._on_problem, endpoint_url=self.endpoint_url)
            self.host = stack.enter_context(host)
            self._directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-package-")))
            self.deploy(self.config)
            self._resources = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._resources.close()

    def deploy(self, config: Config) -> None:
        """Bring the stack to ``config``, also when it is there already; sets ``package``, ``deployment`` and ``gaps``."""
        self.config = config
        self._on_step("building the function's zip")
        self.package: Package = build(config, self._project_dir, self._directory / "function.zip", for_here=True)
        self._on_step("deploying the template with a change set")
        self.deployment: Deployment = deploy(config, self.package, self.clients)
        self._on_step("reading every resource back against the template")
        self.gaps: list[Gap] = repair(config, readback(config, self.clients), self.clients)
        self._on_step("invoking the function once, with S3's test event")
        verify_function(config, self.clients)

    def clients(self, service: str, credentials: Mapping[str, str] | None = None, /) -> Any:
        """An AWS client of this stack's account, for the root user or for whom ``credentials`` stand."""
        return self.aws_for(tuple(sorted((credentials or self.emulator.credentials).items()))).client(service)

    @lru_cache(maxsize=32)  # noqa: B019  # lives as long as the stack
    def aws_for(self, credentials: tuple[tuple[str, str], ...]) -> Aws:
        """The Aws of these credentials."""
        return Aws(endpoint_url=self.emulator.endpoint_url, region=self.emulator.region, credentials=dict(credentials))
