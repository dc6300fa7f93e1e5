"""The body of a request on its way in: of a length that was told, or in chunks."""

from __future__ import annotations

import re
from typing import Any

from together_rerank_mockserver.errors import InvalidRequest

_LONGEST_LINE = 65536
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class SizedBody:
    def __init__(self, source: Any, left: int) -> None:
        self._source = source
        self._left = left

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes, all that is left for -1; fewer when the client has sent fewer."""
        data = _read(self._source, self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    @property
    def is_read(self) -> bool:
        """Whether nothing of it is left on the connection."""
        return self._left == 0


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1): extensions and trailers are read and not heeded."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._left = 0
        self._has_begun = False
        self.is_read = False

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, fewer at its end; raise InvalidRequest when its chunks cannot be read."""
        pieces = []
        while size > 0 and not self.is_read:
            if not self._left:
                self._next_chunk()
            piece = _read(self._source, min(size, self._left))
            if len(piece) < min(size, self._left):
                raise InvalidRequest("The body ended in the midst of a chunk")
            self._left -= len(piece)
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _next_chunk(self) -> None:
        if self._has_begun and self._line():
            raise InvalidRequest("A chunk of the body is longer than it says")
        self._has_begun = True
        digits = self._line().partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(digits):
            raise InvalidRequest("A chunk of the body has no size that can be read")
        self._left = int(digits, 16)
        if not self._left:
            while self._line():
                pass
            self.is_read = True

    def _line(self) -> bytes:
        line: bytes = self._source.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise InvalidRequest("The body ended before its last chunk")
        return line.rstrip(b"\r\n")


def _read(source: Any, size: int) -> bytes:
    try:
        data: bytes = source.read(size)
    except ConnectionError as gone:
        raise InvalidRequest("The client went away before its body was there") from gone
    return data
