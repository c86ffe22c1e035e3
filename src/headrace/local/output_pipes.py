"""The two pipes on which a function process talks: plain output, and the framed log of AWS's runtime client."""

from __future__ import annotations

import os
from collections.abc import Callable

HEADER_BYTES = 16  # type 4, length 4, time 8, big-endian; https://github.com/aws/aws-lambda-python-runtime-interface-client, bootstrap.py 4.2.2
LINE_BYTES_MAX = 1 << 20
READ_BYTES = 1 << 16


class OutputPipe:
    """The read end of a pipe; every whole message that has arrived goes to ``write``. ``child_end`` is for the process.

    A framed message may hold line ends. A plain message is one line, cut after ``LINE_BYTES_MAX`` bytes.
    """

    def __init__(self, write: Callable[[str], None], *, is_framed: bool) -> None:
        self._write = write
        self._is_framed = is_framed
        self._rest = bytearray()
        self.descriptor, self.child_end = os.pipe()
        os.set_blocking(self.descriptor, False)

    def pump(self) -> bool:
        """Pass on what is there without waiting; False when there was nothing."""
        try:
            data = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        self._rest += data
        while (message := self._framed() if self._is_framed else self._line()) is not None:
            self._write(message.decode("utf-8", "replace").rstrip("\r\n"))
        return bool(data)

    def close(self) -> None:
        """Pass on an unfinished line and close."""
        if self._rest and not self._is_framed:
            self._write(self._rest.decode("utf-8", "replace"))
        os.close(self.descriptor)

    def _framed(self) -> bytes | None:
        end = HEADER_BYTES + int.from_bytes(self._rest[4:8], "big")
        if len(self._rest) < max(HEADER_BYTES, end):
            return None
        message = bytes(self._rest[HEADER_BYTES:end])
        del self._rest[:end]
        return message

    def _line(self) -> bytes | None:
        end = self._rest.find(b"\n") + 1
        if not end and len(self._rest) < LINE_BYTES_MAX:
            return None
        end = end or LINE_BYTES_MAX
        line = bytes(self._rest[:end])
        del self._rest[:end]
        return line
