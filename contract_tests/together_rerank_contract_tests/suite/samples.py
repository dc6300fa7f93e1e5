"""The requests of the requirements, from the library: short, with documents that any reranker can tell apart."""

from typing import Any

import together_rerank_fixtures as fixtures


def _request(name: str) -> dict[str, Any]:
    body: dict[str, Any] = fixtures.get(f"success/{name}").request.body
    return body


_REFERENCE = _request("six_documents")
QUERY: str = _REFERENCE["query"]
DOCUMENTS: tuple[str, ...] = tuple(_REFERENCE["documents"])
# The first documents of the reference keep their positions, so that only the other documents change.
SUBSET = 4
# Permutations of the documents, none the reverse of another.
PERMUTATIONS = ((4, 2, 0, 5, 1, 3), (5, 4, 3, 2, 1, 0), (2, 3, 1, 0, 4, 5))
PAIR = (DOCUMENTS[0], DOCUMENTS[1])
IRRELEVANT = "A recipe for tomato soup with basil."
IDENTICAL = DOCUMENTS[1]
DUPLICATES = (DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[3], DOCUMENTS[1])
# More documents than a batch; one text is longer than the others, and has spaces that must not be collapsed.
LONG: tuple[str, ...] = tuple(_request("forty_documents")["documents"])
# Requests of every kind, the smallest first. Requirements for every response check the responses to all of them.
KINDS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (PAIR, {}),
    (PAIR, {"return_documents": True}),
    (PAIR, {"return_documents": False}),
    (DOCUMENTS, {}),
    (DOCUMENTS, {"top_n": 2, "return_documents": False}),
    (DOCUMENTS, {"top_n": 3, "return_documents": True}),
    (DOCUMENTS, {"top_n": 4}),
    (LONG, {"return_documents": True}),
    (LONG, {"top_n": 36, "return_documents": True}),
    (LONG, {"top_n": 35, "return_documents": False}),
)
OTHER_QUERY: str = _request("two_subjects")["query"]
TWO_SUBJECTS: tuple[str, ...] = tuple(_request("two_subjects")["documents"])
OBJECTS: tuple[dict[str, Any], ...] = tuple(_request("three_objects")["documents"])
# In each document, a different field answers the query.
FIELDS: tuple[dict[str, Any], ...] = tuple(_request("fields_that_disagree")["documents"])
UNICODE: tuple[str, ...] = tuple(_request("code_points")["documents"])
_SUBJECTS = ("llamas", "bread", "stocks", "pandas", "trains", "violins", "volcanoes", "tomatoes")


def concurrent_requests() -> list[dict[str, Any]]:
    """Return requests to send at the same time; each has its own number of documents and its own best document."""
    return [
        {
            "query": f"a book about {subject}",
            "documents": [
                f"A book about {subject}." if position == number else f"Nothing here, page {number} of {position}."
                for position in range(number + 2)
            ],
            "return_documents": True,
        }
        for number, subject in enumerate(_SUBJECTS)
    ]
