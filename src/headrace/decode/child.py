"""The program of a process that reads one object of a binary format: a crash or a lack of memory ends it, and nothing else.

pyarrow and fastavro are native code; a few changed bytes make them read foreign memory, call abort(), or ask for gigabytes. The process
gets the object's bytes from its parent, over a socket, and sends back batches of rows; what it says is in ``decode.in_child``.
"""

from __future__ import annotations

import pickle
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from headrace.errors import ObjectError

READ_BYTES = 262_144
STEP_S_MAX = 60
"""Of processor time for one batch of rows; what takes more never ends, as ionc on some lists that are longer than what they are in."""


class Source:
    """The object's bytes, asked of the parent: ``fetch`` those of a range, or ``piece`` after piece."""

    def __init__(self, channel: BinaryIO, size: int) -> None:
        self.size = size
        self._channel = channel

    def fetch_all(self, ranges: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
        """The bytes of all ``ranges``, with where they begin; those that are near to each other are one."""
        found: list[tuple[int, bytes]] = self._asked("fetch", ranges)
        return found

    def fetch(self, start: int, end: int) -> bytes:
        return self.fetch_all([(start, end)])[0][1]

    def pieces(self) -> Iterator[bytes]:
        while piece := self._asked("piece", None):
            yield piece

    def _asked(self, what: str, about: object) -> Any:
        pickle.dump((what, about), self._channel)
        self._channel.flush()
        return pickle.load(self._channel)


def main(descriptor: int) -> None:
    """Do what the parent asks over the socket ``descriptor``."""
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as file:
        channel = cast(BinaryIO, file)
        kind, size, memory, options = pickle.load(channel)
        answer: tuple[str, Any] = ("end", None)
        with suppress(BrokenPipeError):  # the parent has enough
            try:
                read = READERS[kind]()
                _limit_memory(memory)
                signal.setitimer(signal.ITIMER_VIRTUAL, STEP_S_MAX)  # SIGVTALRM ends the process
                for message in read(Source(channel, size), options):
                    pickle.dump(message, channel, pickle.HIGHEST_PROTOCOL)
                    signal.setitimer(signal.ITIMER_VIRTUAL, STEP_S_MAX)
            except ObjectError as error:
                answer = ("error", (error.code, error.message, error.hint))
            except ImportError as error:
                answer = ("missing", str(error))
            except MemoryError:
                answer = ("memory", None)
            except BrokenPipeError:
                raise
            except RecursionError:
                answer = (
                    "error",
                    ("NESTING_TOO_DEEP", "found more levels than can be read, expected at most 32 levels of values in each other", "write flatter records"),
                )
            except NotImplementedError as error:  # pyarrow's is one of these
                answer = ("unsupported", " ".join(str(error).split())[:200])
            except Exception as error:  # whatever a library makes of damaged bytes
                answer = ("memory", None) if "malloc" in str(error) else ("damaged", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
            pickle.dump(answer, channel)
            channel.flush()


def _limit_memory(more: int) -> None:
    """Let the process have ``more`` bytes beyond what it has now, where the system knows such a limit."""
    with suppress(OSError, ValueError):
        now = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (now + more, now + more))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


Read = Callable[[Source, dict[str, Any]], Iterator[tuple[str, Any]]]


def _parquet() -> Read:
    from headrace.decode.parquet import read  # noqa: PLC0415 - only what the route needs

    return read


def _orc() -> Read:
    from headrace.decode.orc import read  # noqa: PLC0415 - likewise

    return read


def _avro() -> Read:
    from headrace.decode.avro import read  # noqa: PLC0415 - likewise

    return read


def _xlsx() -> Read:
    from headrace.decode.xlsx import read  # noqa: PLC0415 - likewise

    return read


def _ion() -> Read:
    from headrace.decode.ion import read  # noqa: PLC0415 - likewise

    return read


READERS: dict[str, Callable[[], Read]] = {"parquet": _parquet, "orc": _orc, "avro": _avro, "xlsx": _xlsx, "ion": _ion}
"""By format: loads the library, and gives the function that reads with it."""
