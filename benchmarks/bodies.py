"""The bodies that are sent: the document's example, 98 kB, and text from 1 kB to 30 MB."""

from __future__ import annotations

import json
import random
from functools import cache

from together_rerank_spec import load

# By what is said of them; the last is 1 024 documents of 4 500 words.
SIZES = {"1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000, "30 MB": None}
_LONG = 4_500


def example(**changes: object) -> bytes:
    """Return the document's own example request, with *changes*."""
    return json.dumps({**load().example({"$ref": "#/components/schemas/RerankRequest"}), **changes}).encode()


def large() -> bytes:
    """Return 100 documents of 150 words, from a seed: about 98 kB."""
    return _body(documents=100, words=150)


def of_size(name: str) -> bytes:
    """Return a body of about as many bytes as *name* says, of documents of up to 4 500 words."""
    size = SIZES[name]
    if size is None:
        return _body(documents=1024, words=_LONG)
    words = round(size / _bytes_per_word())
    documents = -(-words // _LONG)
    return _body(documents=documents, words=words // documents)


@cache
def _bytes_per_word() -> float:
    return len(_body(documents=10, words=_LONG)) / (10 * _LONG)


def _body(*, documents: int, words: int) -> bytes:
    chance = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgk"
    weights = range(len(letters), 0, -1)
    known = ["".join(chance.choices(letters, weights, k=chance.randint(2, 9))) for _ in range(5_000)]
    texts = [" ".join(chance.choices(known, k=words)) for _ in range(documents)]
    return json.dumps({"model": "m", "query": " ".join(chance.choices(known, k=8)), "documents": texts}).encode()
