"""What `rank_fields` does to documents that are objects."""

from __future__ import annotations

from together_rerank_contract_tests import tolerance
from together_rerank_contract_tests.answer import Answer
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, requirement
from together_rerank_contract_tests.samples import DOCUMENTS, FIELDS, QUERY

_RANK_FIELDS = "/components/schemas/RerankRequest/properties/rank_fields/description"
# How a server writes an object as text leaves its trace in the score.
_OF_SPAN = 0.05


def _hold_equal(endpoint: Endpoint, one: Answer, other: Answer, wanted: str) -> None:
    measured = endpoint.tolerance
    within = max(measured.equal_across_batches, _OF_SPAN * measured.span)
    index = tolerance.unequal(one.scores, other.scores, within)
    if index is not None:
        expected = f"{one.scores[index]:g} for document {index}, {wanted}"
        raise Unmet(expected, f"{other.scores[index]:g}", other.exchange)


@requirement(
    "RR-FIELDS-001",
    "`rank_fields` ranks as if the documents had these fields alone.",
    Level.SHOULD,
    document(_RANK_FIELDS),
    why="Ids and dates that were left out on purpose decide the order all the same.",
    requests=2,
    confirmed=True,
)
def test_rank_fields_is_a_projection(endpoint: Endpoint) -> None:
    projected = endpoint.rerank(QUERY, [{"text": each["text"]} for each in FIELDS])
    chosen = endpoint.rerank(QUERY, FIELDS, rank_fields=["text"])
    _hold_equal(endpoint, projected, chosen, "as when it has nothing but `text`")


@requirement(
    "RR-FIELDS-002",
    "`rank_fields` decides which document is best.",
    Level.SHOULD,
    document(_RANK_FIELDS),
    why="Who ranks by title gets the ranking by text, and no error.",
    requests=1,
    confirmed=True,
)
def test_rank_fields_acts(endpoint: Endpoint) -> None:
    for field, best in (("title", 0), ("text", 1)):
        answer = endpoint.rerank(QUERY, FIELDS, rank_fields=[field])
        if answer.best != best:
            expected = f"document {best} first, for it alone has the query in `{field}`"
            raise Unmet(expected, f"document {answer.best} first", answer.exchange)


@requirement(
    "RR-FIELDS-003",
    "The order of `rank_fields` does not matter.",
    Level.INFO,
    kit("the document calls it a list of keys to rank by; a template may still follow its order"),
    why="Two services that list the same fields differently get different scores.",
    requests=2,
    confirmed=True,
)
def test_the_order_of_rank_fields_does_not_matter(endpoint: Endpoint) -> None:
    one, other = (
        endpoint.rerank(QUERY, FIELDS, rank_fields=fields) for fields in (["title", "text"], ["text", "title"])
    )
    _hold_equal(endpoint, one, other, "as in the other order")


@requirement(
    "RR-FIELDS-004",
    "The order of an object's keys does not matter.",
    Level.INFO,
    kit("the members of a JSON object have no order; a server that ranks the text of the JSON sees one"),
    why="The same document from two serialisers gets two scores.",
    requests=2,
    confirmed=True,
)
def test_the_order_of_keys_in_a_document_does_not_matter(endpoint: Endpoint) -> None:
    one = endpoint.rerank(QUERY, FIELDS)
    other = endpoint.rerank(QUERY, [dict(reversed(each.items())) for each in FIELDS])
    _hold_equal(endpoint, one, other, "as in the other order")


@requirement(
    "RR-FIELDS-005",
    'A text is ranked the same as a string and as `{"text": ...}`.',
    Level.INFO,
    kit("only the text has words in it; a server that ranks the text of the JSON sees more"),
    why="Scores shift when a client moves from strings to objects.",
    requests=1,
    confirmed=True,
)
def test_strings_and_objects_rank_the_same(endpoint: Endpoint) -> None:
    strings = endpoint.reference
    objects = endpoint.rerank(QUERY, [{"text": each} for each in DOCUMENTS])
    pair = tolerance.inverted(strings.scores, objects.scores, endpoint.tolerance.equal_across_batches)
    if pair is not None:
        high, low = pair
        expected = f"document {high} above document {low}, as with strings"
        raise Unmet(expected, f"{objects.scores[high]:g} below {objects.scores[low]:g}", objects.exchange)
