"""The requests that an endpoint is judged by, from the library: short, with documents that any reranker tells apart."""

from typing import Any

import together_rerank_fixtures as fixtures


def _request(name: str) -> dict[str, Any]:
    body: dict[str, Any] = fixtures.get(f"success/{name}").request.body
    return body


_REFERENCE = _request("six_documents")
QUERY: str = _REFERENCE["query"]
DOCUMENTS: tuple[str, ...] = tuple(_REFERENCE["documents"])
# Its first documents alone keep their places, so that only the company changes.
SUBSET = 4
# Other orders of the same documents, none the reverse of another.
ORDERS = ((4, 2, 0, 5, 1, 3), (5, 4, 3, 2, 1, 0), (2, 3, 1, 0, 4, 5))
PAIR = (DOCUMENTS[0], DOCUMENTS[1])
IRRELEVANT = "A recipe for tomato soup with basil."
IDENTICAL = DOCUMENTS[1]
DUPLICATES = (DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[3], DOCUMENTS[1])
# More than a batch holds; one text is longer than the others, and has spaces that must not be folded.
LONG: tuple[str, ...] = tuple(_request("forty_documents")["documents"])
# Requests of every kind, the smallest first. Requirements for every answer are judged on all of them.
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
# In each the other field is the one that answers.
FIELDS: tuple[dict[str, Any], ...] = tuple(_request("fields_that_disagree")["documents"])
UNICODE: tuple[str, ...] = tuple(_request("code_points")["documents"])
_SUBJECTS = ("llamas", "bread", "stocks", "pandas", "trains", "violins", "volcanoes", "tomatoes")


def requests_at_once() -> list[dict[str, Any]]:
    """Return requests for some threads, no two with the same number of documents or the same best."""
    return [
        {
            "query": f"a book about {subject}",
            "documents": [
                f"A book about {subject}." if place == number else f"Nothing here, page {number} of {place}."
                for place in range(number + 2)
            ],
            "return_documents": True,
        }
        for number, subject in enumerate(_SUBJECTS)
    ]
