"""The requests that an endpoint is judged by: short, with documents that any reranker tells apart."""

from __future__ import annotations

from typing import Any

QUERY = "llamas in the mountains of Peru"
DOCUMENTS = (
    "The stock market fell sharply on Monday.",
    "Llamas live in the mountains of Peru.",
    "Peru is a country in South America.",
    "Pandas eat bamboo in China.",
    "Llamas and alpacas are raised for their wool.",
    "The mountains of Switzerland attract climbers.",
)
# Its first documents alone keep their places, so that only the company changes.
SUBSET = 4
# Other orders of the same documents, none the reverse of another.
ORDERS = ((4, 2, 0, 5, 1, 3), (5, 4, 3, 2, 1, 0), (2, 3, 1, 0, 4, 5))
PAIR = (DOCUMENTS[0], DOCUMENTS[1])
IRRELEVANT = "A recipe for tomato soup with basil."

IDENTICAL = "Llamas live in the mountains of Peru."
DUPLICATES = (DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[3], DOCUMENTS[1])

# More than a batch holds; one text is longer than the others, and has spaces that must not be folded.
LONG = (
    *(f"Page {number}: nothing of interest, only the number {number * 7919}." for number in range(20)),
    "  Llamas live  in the mountains of Peru. "
    + "They are kept for their wool, and carry loads on narrow paths. " * 9
    + " ",
    *(f"Page {number}: the mountains, and the number {number * 7919}." for number in range(21, 40)),
    DOCUMENTS[1],
)

OTHER_QUERY = "how to bake bread"
TWO_SUBJECTS = ("To bake bread, knead the dough and bake it in the oven.", "Llamas live in the mountains of Peru.")

OBJECTS: tuple[dict[str, Any], ...] = (
    {"title": "Bread", "text": "Knead the dough and bake it."},
    {"title": "Llamas", "text": "They live in the mountains of Peru."},
    {"title": "Stocks", "text": "The market fell on Monday."},
)
# In each the other field is the one that answers.
FIELDS = (
    {"title": "llamas in the mountains of Peru", "text": "The stock market fell sharply on Monday."},
    {"title": "The stock market fell sharply on Monday.", "text": "llamas in the mountains of Peru"},
)

UNICODE = (
    "日本語の文書です。",
    "Family: \U0001f468\u200d\U0001f469\u200d\U0001f467, flag: \U0001f1f5\U0001f1ea.",
    "Cafe\u0301 au lait, na\u0131ve, ß, हिन्दी, עברית.",
    'Quotes " and \\ and / and <b>tags</b> & tab\there.',
)

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
