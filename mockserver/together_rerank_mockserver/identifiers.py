"""Request ids: of the shape that the real API's have, and the same for the same requests in any process."""

from __future__ import annotations

import hashlib
import string
from collections import OrderedDict
from threading import Lock

_ALPHABET = string.ascii_letters + string.digits
# What each byte stands for.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_MOST_REMEMBERED = 2_000


class Identifiers:
    """Gives each request an id made from its body and from how often that body came before.

    So the ids do not depend on how threads interleave. It remembers the last *most* bodies, as hashes;
    a body that was forgotten begins again.
    """

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def take(self, body: bytes) -> str:
        """Return the next id for *body*: seven letters or digits, six of them, sixteen hexadecimal digits."""
        body_hash = hashlib.sha256(body).digest()
        with self._lock:
            times = self._seen.pop(body_hash, 0)
            self._seen[body_hash] = times + 1
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        digest = hashlib.sha256(body_hash + times.to_bytes(8, "big")).digest()
        letters = digest[:13].translate(_LETTERS).decode()
        return f"{letters[:7]}-{letters[7:]}-{digest[13:21].hex()}"
