"""The requests of the requirements, from the library: short, with documents that any reranker can tell apart."""

from itertools import zip_longest
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
PERMUTATIONS = ((4, 2, 0, 5, 1, 3), (2, 3, 1, 0, 4, 5))
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
    {
        "title": "Llamas",
        "year": 2019,
        "rating": 4.123456789012,
        "price": -0.25,
        "public": True,
        "draft": False,
        "note": None,
    },
    {"title": "Peru", "id": 9007199254740993, "author": {"name": "Ann", "ids": [1, 2]}, "tags": ["andes", 7, None]},
    {"headline": "The mountains of Peru", "größe": "12 kB", "empty": "", "list": [], "map": {}},
    {"text": "Pandas eat bamboo."},
)
# A text of 12 kB whose last words answer the query.
LONG_TEXT = "".join(f"Page {page} is about nothing of interest. " for page in range(1, 301)) + "Llamas live in Peru."
_LONG_START = LONG_TEXT[:1_200]
# Texts with any character that a string can have; each group is one request.
TEXTS: tuple[tuple[str, ...], ...] = (
    ("", " ", "\n", "\t \r\n", "\u00a0", "\u3000\u2003", "x", "7", "-", "Llamas"),
    (
        " before",
        "after ",
        "\n\nlines\nof\r\ntext\rhere\n",
        "two  spaces\tand a tab\t",
        "a\u00a0b\u2009c",
        "\u2029p\u2028",
    ),
    ("a\u200bb", "soft\u00adhyphen", "\ufeffmark", "\u202eright\u202c", "\u2764\ufe0f"),
    ("bell\x07", "\x1b[31mred\x1b[0m", "nul\x00nul", "\x7f\x85", "back\b\f"),
    (
        "&lt;b&gt; &amp; <i>x</i>",
        "%41%20+ 100%",
        "C:\\new \\\\host \\u0041",
        '{"a": "b"}',
        "\"q\" 'q'",
        "a/b//c",
        "null",
        "${x}",
    ),
    (
        "\u201cquoted\u201d \u2013 \u2018text\u2019 \u2014 and\u2026",
        "[CLS] a [SEP] </s> <|endoftext|> [PAD]",
        "{0} %s %d {{name}}",
        "1.",
        ".",
        "...",
    ),
    (
        "Polish",
        "polish",
        "POLISH",
        "polish ",
        "Polish.",
        "résumé",
        "re\u0301sume\u0301",
        "resume",
        "straße",
        "strasse",
        "\ufb01n",
        "fin",
    ),
    ("👨\u200d👩\u200d👧", "\U00010348", "\ufffd", "\U0010ffff", "e\u0301", "\u1112\u1161\u11ab", "\ue000", *UNICODE),
    (f"{_LONG_START}Llamas.", "Short.", f"{_LONG_START}Bread.", "Llamas in the mountains."),
)
_ALL_TEXTS = [text for group in TEXTS for text in group]
# The same texts as values in objects with the same title.
TEXTS_IN_OBJECTS: tuple[dict[str, Any], ...] = (
    *(
        {"Title": "Notes", "lead": lead, "body": body, "end": end}
        for lead, body, end in zip_longest(*[iter(_ALL_TEXTS)] * 3, fillvalue="")
    ),
    {"Title": "Long", "body": LONG_TEXT[:3_000]},
    {},
)
QUICK_TEXTS = ((*UNICODE, *TEXTS[1]),)
# Requests of every kind, the smallest first. Requirements for every response check the responses to all of them.
QUICK_KINDS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    (PAIR, {}),
    (PAIR, {"return_documents": False}),
    ((DOCUMENTS[1],), {"return_documents": True}),
    ((IDENTICAL, IDENTICAL, *DOCUMENTS[2:4]), {"top_n": 4, "return_documents": True}),
    (DOCUMENTS, {}),
    (DOCUMENTS, {"top_n": 1}),
    (LONG, {"top_n": 36, "return_documents": True}),
)
KINDS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    *QUICK_KINDS,
    (DOCUMENTS, {"top_n": len(DOCUMENTS) - 1}),
    (DOCUMENTS, {"top_n": len(DOCUMENTS)}),
    (DOCUMENTS, {"top_n": 3, "return_documents": False}),
    (LONG, {"return_documents": True}),
    (LONG, {"top_n": 35, "return_documents": False}),
    ((OBJECTS[1], OBJECTS[1], OBJECTS[0]), {"return_documents": True, "top_n": 3}),
    (TYPED_OBJECTS, {"return_documents": True}),
    (TYPED_OBJECTS, {"return_documents": True, "top_n": 2}),
    (TYPED_OBJECTS, {"return_documents": False}),
    (
        # Two objects are equal in the fields that are ranked.
        (*TYPED_OBJECTS, {"title": "Llamas", "year": 1984}),
        {"return_documents": True, "rank_fields": ["title", "text"], "top_n": 4},
    ),
)
ESCAPED = (
    "Llamas & <b>pandas</b> / \\ \" 'q' \\u0041",
    "Perú: größe, 日本語, 👩\u200d👧, \u2028",
    "tab\tnew\nline",
)
NOT_JSON = b'{"model": '
# Too deep for code that calls itself for each level, and not too deep for a parser.
DEEP_DOCUMENT = b'{"text": ' + 200 * b"[" + 200 * b"]" + b"}"
# One word each, so that a request with a thousand documents has few tokens.
ONE_WORD = "heron"
_BATCHES = (0, 3, 31, 32, 63, 64, 99, 100, 127, 128, 255, 256, 511, 512, 767, 998)
# The lengths of the lists that are compared with short ones.
LIST_LENGTHS = (64, 130, 1_000)
# One document is much longer than the others.
_LONG_AT = 7
_LETTERS = "bcdfgklmnp"


def long_list(count: int) -> list[str]:
    """Return *count* different documents of a word or two; those at the edges of usual batches answer `ONE_WORD`."""
    fillers = (
        "".join(_LETTERS[number // power % 10] for power in (100, 10, 1)) + "u" * (number // 1000)
        for number in range(count)
    )
    documents = [
        f"{ONE_WORD} {filler}" if position in _BATCHES else f"{filler} {'k' * (position % 7)}".strip()
        for position, filler in enumerate(fillers)
    ]
    return [*documents[:_LONG_AT], " ".join(["page"] * 250), *documents[_LONG_AT + 1 :]]


LONG_QUERY = "Considering everything throughout these passages, identify whichever discusses"
# The last word of each differs.
ALIKE = ("Considerable documentation exists regarding bread.", "Considerable documentation exists regarding llamas.")
# Requests that an endpoint may refuse, but that must not break it.
ODD_REQUESTS: tuple[dict[str, Any], ...] = (
    {"query": "", "documents": PAIR},
    {"query": " \n", "documents": PAIR},
    {"query": "llamas in Peru, " * 80, "documents": PAIR},
    {"query": QUERY, "documents": PAIR, "rank_fields": ["text"]},
    {"query": QUERY, "documents": PAIR, "top_n": 20_000},
    # These are not valid.
    {"query": 7, "documents": PAIR},
    {"query": QUERY, "documents": [None]},
    {"query": QUERY, "documents": {"text": "Llamas."}},
)
_SUBJECTS = ("llamas", "pandas", "stocks")


def _about(*subjects: str) -> tuple[str, ...]:
    return tuple(f"A book about {subject}." for subject in subjects)


def concurrent_requests() -> list[dict[str, Any]]:
    """Return requests to send at the same time: some have the query, the documents or the form of another."""
    first, second, third = (f"a book about {subject}" for subject in _SUBJECTS)
    about = _about(*_SUBJECTS)
    return [
        {"query": first, "documents": about, "return_documents": True},
        {"query": first, "documents": (*about[1:], about[0]), "return_documents": True},
        {"query": second, "documents": about, "return_documents": True, "top_n": 1},
        {"query": third, "documents": ("Page 1.", *about[2:]), "return_documents": False},
    ]


def successive_requests() -> list[tuple[str, tuple[str, ...], int | None]]:
    """Return queries and documents to send one after the other, each with the position of an earlier request.

    A request has the query, the documents, or the beginnings of both in common with the earlier one, but the ranking
    must be another. With None, only the texts must be its own.
    """
    # Longer than a hundred characters, and not longer than the 32 tokens that some models read.
    prefix = "In the large library of the old town, behind the wooden door next to the bakery, there is also somewhere "
    first, second = (f"{prefix}a book about {subject}" for subject in _SUBJECTS[:2])
    alike = tuple(f"{prefix * 2}{each}" for each in _SUBJECTS[:2])
    about = _about(*_SUBJECTS[:2])
    return [
        (first, about, None),
        (second, about, 0),
        (first, about[::-1], 0),
        (first, alike, None),
        (first, alike[::-1], 3),
        (first.upper(), (about[0].upper(), about[1]), None),
        (first, ("A book about  llamas.", about[1]), None),
        (first, ("A book about ", "llamas.A book about pandas."), None),
        (first, (about[0], "Page 1.", about[1]), None),
        (first, (about[0], "Page 2.", about[1]), None),
    ]
