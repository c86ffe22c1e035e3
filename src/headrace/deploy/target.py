"""What a zip is built for: Lambda's Python and processor, or this machine, where the embedded AWS runs functions."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass

from headrace.config.model import Config
from headrace.deploy import names

_GLIBC_MINORS = range(34, 16, -1)
"""Lambda's Amazon Linux 2023 has glibc 2.34 (github.com/aws/aws-lambda-base-images/issues/59, 2026-11); 2.17 is manylinux2014."""
_TAG = re.compile(r"cp3(\d+)-(cp3(\d+)|abi3)-(\w+)")


@dataclass(frozen=True)
class Target:
    """``python`` such as ``3.13``, ``machine`` as wheels call it: ``aarch64``, ``x86_64``. ``is_here``: this very Python."""

    python: str
    machine: str
    is_here: bool = False

    @property
    def minor(self) -> int:
        return int(self.python.partition(".")[2])

    @property
    def platforms(self) -> list[str]:
        """The platforms of wheels that run there, newest first."""
        return [*(f"manylinux_2_{minor}_{self.machine}" for minor in _GLIBC_MINORS), f"manylinux2014_{self.machine}"]

    def takes(self, tag: str) -> bool:
        """Whether machine code of a wheel with ``tag``, such as ``cp313-cp313-manylinux_2_28_aarch64``, runs there."""
        match = _TAG.fullmatch(tag)
        if not match:
            return False
        since, abi, exact, platform_name = match.groups()
        is_abi = int(since) <= self.minor if abi == "abi3" else int(since) == int(exact) == self.minor
        return is_abi and platform_name in self.platforms


def on_lambda(config: Config) -> Target:
    """Lambda, as the template of ``config`` asks for it."""
    return Target(names.RUNTIME.removeprefix("python"), {"arm64": "aarch64"}.get(config.function.architecture, config.function.architecture))


def here() -> Target:
    """This machine and this Python."""
    return Target(f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine(), is_here=True)
