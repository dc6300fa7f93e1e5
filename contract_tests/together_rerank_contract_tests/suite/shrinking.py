"""Smaller variants of a request, to find the smallest that shows a failure."""

from collections.abc import Iterator
from typing import Any

# A shorter text is not shortened.
_SHORT = 24


def smaller_requests(request: dict[str, Any], index: int | None) -> Iterator[dict[str, Any]]:
    """Yield variants of *request*, a request body, with fewer documents or shorter texts, the smallest first.

    *index* is the document that shows the failure; None if it is unknown.
    """
    documents = request["documents"]
    for each in _sublists(documents, index):
        yield {**request, "documents": each}
    for position, document in enumerate(documents):
        if isinstance(document, str) and len(document) > _SHORT and index in (None, position):
            middle = len(document) // 2
            for half in (document[:middle], document[middle:]):
                yield {**request, "documents": [*documents[:position], half, *documents[position + 1 :]]}


def _sublists(documents: list[Any], index: int | None) -> Iterator[list[Any]]:
    count = len(documents)
    if index is not None and count > 1:
        yield [documents[index]]
        if count > 2:
            yield documents[index - 1 : index + 1] if index else documents[:2]
    if count > 2:
        middle = count // 2
        yield from (documents[:middle], documents[middle:])
    if 2 < count <= 4:
        yield from (documents[:position] + documents[position + 1 :] for position in range(count))
