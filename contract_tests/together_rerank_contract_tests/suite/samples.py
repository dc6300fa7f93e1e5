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
OTHER_QUERY: str = _request("two_subjects")["query"]
TWO_SUBJECTS: tuple[str, ...] = tuple(_request("two_subjects")["documents"])
OBJECTS: tuple[dict[str, Any], ...] = tuple(_request("three_objects")["documents"])
# In each document, a different field answers the query.
FIELDS: tuple[dict[str, Any], ...] = tuple(_request("fields_that_disagree")["documents"])
UNICODE: tuple[str, ...] = tuple(_request("code_points")["documents"])
# Objects as they are stored: values of every type, a large integer, other names, and missing fields.
TYPED_OBJECTS: tuple[dict[str, Any], ...] = (
    {"title": "Llamas", "year": 2019, "rating": 4.5, "price": -0.25, "public": True, "draft": False, "note": None},
    {"title": "Peru", "id": 9007199254740993, "author": {"name": "Ann", "ids": [1, 2]}, "tags": ["andes", 7, None]},
    {"headline": "The mountains of Peru", "größe": "12 kB", "empty": "", "list": [], "map": {}},
    {"text": "Pandas eat bamboo."},
)
# Texts that hold whatever a string can hold; each group is one request, so that one refused text hides no other group.
TEXTS: tuple[tuple[str, ...], ...] = (
    ("", " ", "\n", "\t \r\n", "\u00a0", "\u3000\u2003", "x", "7", "-", "Llamas"),
    (
        " before",
        "after ",
        "\n\nlines\nof\r\ntext\rhere\n",
        "two  spaces\tand a tab\t",
        "a\u00a0b\u2009c",
        "para\u2029line\u2028",
    ),
    (
        "a\u200bb",
        "soft\u00adhyphen",
        "\ufeffmark",
        "\u202eright\u202c",
        "bell\x07",
        "\x1b[31mred\x1b[0m",
        "nul\x00nul",
        "\x7f\x85",
    ),
    (
        "&lt;b&gt; &amp; <i>x</i>",
        "%41%20+",
        "C:\\new\\table \\u0041",
        '{"a": "b"}',
        "\"quoted\" 'single'",
        "a/b//c",
        "null",
        "$HOME ${x}",
    ),
    (
        "Polish",
        "polish",
        "POLISH",
        "polish ",
        "Polish.",
        "résumé",
        "resume",
        "stra\u00dfe",
        "strasse",
        "\ufb01n",
        "fin",
    ),
    (
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U00010348",
        "\ufffd",
        "\U0010ffff",
        "e\u0301",
        "\u1112\u1161\u11ab",
        "\ue000",
    ),
)
# A text of 12 kB whose last words answer the query.
LONG_TEXT = (
    "".join(f"Page {page} is about nothing of interest here. " for page in range(1, 261)) + "Llamas live in Peru."
)
# Requests of every kind, the smallest first. Requirements for every response check the responses to all of them.
QUICK_KINDS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    (PAIR, {}),
    (PAIR, {"return_documents": False}),
    ((DOCUMENTS[1],), {"return_documents": True}),
    ((IDENTICAL, IDENTICAL, *DOCUMENTS[2:4]), {"top_n": 4, "return_documents": True}),
    (DOCUMENTS, {}),
    (DOCUMENTS, {"top_n": 1}),
    ((*UNICODE, *TEXTS[1]), {"top_n": 10, "return_documents": True}),
    (LONG, {"top_n": 36, "return_documents": True}),
)
KINDS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    *QUICK_KINDS,
    (DOCUMENTS, {"top_n": len(DOCUMENTS) - 1}),
    (DOCUMENTS, {"top_n": len(DOCUMENTS)}),
    (DOCUMENTS, {"top_n": 2, "return_documents": False}),
    (DOCUMENTS, {"top_n": 3, "return_documents": True}),
    (DOCUMENTS, {"top_n": 4}),
    (UNICODE, {"return_documents": True}),
    (LONG, {"return_documents": True}),
    (LONG, {"top_n": 35, "return_documents": False}),
    (TYPED_OBJECTS, {"return_documents": True}),
    (TYPED_OBJECTS, {"return_documents": True, "top_n": 2}),
    (TYPED_OBJECTS, {"return_documents": False}),
    (TYPED_OBJECTS, {"return_documents": True, "rank_fields": ["title", "text"]}),
)
ESCAPED = ("Llamas & <b>pandas</b> / \\ \" 'q' \\u0041", "Perú: größe, 日本語, 👩\u200d👧, \u2028", "tab\tnew\nline")
NOT_JSON = b'{"model": '
# Too deep for code that calls itself for each level, and not too deep for a parser.
DEEP_DOCUMENT = b'{"text": ' + 200 * b"[" + 200 * b"]" + b"}"
# One word each, so that a request with a thousand documents has few tokens.
ONE_WORD = "heron"
_BATCHES = (0, 3, 31, 32, 63, 64, 99, 100, 127, 128, 255, 256, 511, 512, 767, 998)
_LETTERS = "bcdfgklmnp"


def long_list(count: int) -> list[str]:
    """Return *count* different documents of a word or two; those at the edges of usual batches answer `ONE_WORD`."""
    fillers = (
        "".join(_LETTERS[number // power % 10] for power in (100, 10, 1)) + "u" * (number // 1000)
        for number in range(count)
    )
    return [f"{ONE_WORD} {filler}" if position in _BATCHES else filler for position, filler in enumerate(fillers)]


LONG_QUERY = "please look through every one of these short passages and tell me which of them says the most about"
_SUBJECTS = ("llamas", "bread", "stocks", "pandas", "trains", "violins")


def _about(*subjects: str) -> list[str]:
    return [f"A book about {subject}." for subject in subjects]


def concurrent_requests() -> list[dict[str, Any]]:
    """Return requests to send at the same time: of different lengths, of equal lengths, and with the same query."""
    requests = [
        {"query": f"a book about {subject}", "documents": [*_about(*_SUBJECTS[: number + 1]), f"Page {number}."]}
        for number, subject in enumerate(_SUBJECTS[:3])
    ]
    requests += [
        {"query": f"a book about {_SUBJECTS[0]}", "documents": _about(*_SUBJECTS[number:], *_SUBJECTS[:number])}
        for number in range(3)
    ]
    requests += [
        {
            "query": f"a book about {_SUBJECTS[number]}",
            "documents": [f"Page {number}.", *_about(_SUBJECTS[number])],
        }
        for number in range(2)
    ]
    return [{**each, "return_documents": True} for each in requests]


def successive_requests() -> list[tuple[str, tuple[str, ...], int]]:
    """Return queries and documents to send one after the other, each with the position of an earlier request.

    A request has the query, the documents, or the beginnings of both in common with the earlier one, but the ranking
    must be another.
    """
    prefix = "In the large library of the old town there is a shelf with a well known book about "
    first, second = (f"{prefix}{subject}" for subject in _SUBJECTS[:2])
    about = tuple(_about(*_SUBJECTS[:2]))
    return [
        (first, about, 0),
        (second, about, 0),
        (first, about[::-1], 0),
        (first.upper(), about[::-1], 0),
        (first, (first, second), 0),
        (first, (second, first), 4),
    ]
