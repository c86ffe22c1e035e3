"""Where a compressed object can be read from: the members, frames, streams or blocks that it is made of, noted while it is read once."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator

from headrace.read.decompress import Member

MEMBER_BYTES_MAX = 1 << 29
"""Of the content of one member: whoever begins in it decompresses all that stands before, 2 s of gzip. A block of bzip2 has 46 MB at most."""


class Members:
    """The members of an object, of which at most one for each ``apart`` bytes of content is kept: an object may be made of millions of them."""

    def __init__(self, apart: int) -> None:
        self.count = 0
        self._apart = max(apart, 1)
        self._last = 0
        self._stored, self._content = array("Q"), array("Q")

    def note(self, member: Member) -> None:
        """``member`` follows those that were noted before."""
        self.count += 1
        self._last = member.content
        if not self._content or member.content >= self._content[-1] + self._apart:
            self._stored.append(member.stored)
            self._content.append(member.content)

    def before(self, at: int) -> Member:
        """The last one kept that begins at byte ``at`` of the content or before."""
        index = bisect_right(self._content, at) - 1
        return Member(self._stored[index], self._content[index])

    def are_too_long(self, at: int) -> bool:
        """Whether the last one, which goes on to byte ``at``, has more content than is worth to be decompressed for a part of it."""
        return at - self._last > MEMBER_BYTES_MAX


class Watched:
    """``pieces`` of content from byte ``at`` on, until their member is too long or the time is over: then ``reason`` says which."""

    def __init__(self, pieces: Iterator[bytes], members: Members, at: int, is_over: Callable[[], bool]) -> None:
        self.at = at  # after the last piece
        self.reason = ""
        self._pieces = pieces
        self._members = members
        self._is_over = is_over

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if self._members.are_too_long(self.at):
                self.reason = f"found a member, frame or stream with more than {MEMBER_BYTES_MAX} bytes inside"
                return
            if self._is_over():
                self.reason = f"found more than the {self.at} bytes inside that could be scanned in time"
                return
            self.at += len(piece)
            yield piece
