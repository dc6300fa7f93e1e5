"""What `rank_fields` does to documents that are objects."""

from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_order, assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, document, info, kit, should
from together_rerank_contract_tests.suite.samples import DOCUMENTS, FIELDS, QUERY

_RANK_FIELDS = "/components/schemas/RerankRequest/properties/rank_fields/description"
# How a server writes an object as text leaves its trace in the score.
_OF_SPAN = 0.05


def _hold_equal(endpoint: Endpoint, one: Answer, other: Answer, wanted: str) -> None:
    measured = endpoint.tolerance
    within = max(measured.equal_across_batches, _OF_SPAN * measured.span)
    assert_same_scores(one.scores, other.scores, within, wanted, other.exchange)


@should("RR-FIELDS-001", document(_RANK_FIELDS), requests=2, confirmed=True)
def test_rank_fields_is_a_projection(endpoint: Endpoint) -> None:
    """`rank_fields` ranks as if the documents had these fields alone.

    Fields that were left out on purpose, such as ids and dates, still affect the order.
    """
    projected = endpoint.rerank(QUERY, [{"text": each["text"]} for each in FIELDS])
    chosen = endpoint.rerank(QUERY, FIELDS, rank_fields=["text"])
    _hold_equal(endpoint, projected, chosen, "as when it has nothing but `text`")


@should("RR-FIELDS-002", document(_RANK_FIELDS), requests=1, confirmed=True)
def test_rank_fields_acts(endpoint: Endpoint) -> None:
    """`rank_fields` decides which document is best.

    A client that ranks by title gets a ranking by text, and no error.
    """
    for field, best in (("title", 0), ("text", 1)):
        answer = endpoint.rerank(QUERY, FIELDS, rank_fields=[field])
        if answer.best != best:
            expected = f"document {best} first, for it alone has the query in `{field}`"
            raise RequirementFailed(expected, f"document {answer.best} first", answer.exchange)


@info(
    "RR-FIELDS-003",
    kit("the document calls it a list of keys to rank by; a template may still follow its order"),
    requests=2,
    confirmed=True,
)
def test_the_order_of_rank_fields_does_not_matter(endpoint: Endpoint) -> None:
    """The order of `rank_fields` does not matter.

    Two services that list the same fields differently get different scores.
    """
    one = endpoint.rerank(QUERY, FIELDS, rank_fields=["title", "text"])
    other = endpoint.rerank(QUERY, FIELDS, rank_fields=["text", "title"])
    _hold_equal(endpoint, one, other, "as in the other order")


@info(
    "RR-FIELDS-004",
    kit("the members of a JSON object have no order; a server that ranks the text of the JSON sees one"),
    requests=2,
    confirmed=True,
)
def test_the_order_of_keys_in_a_document_does_not_matter(endpoint: Endpoint) -> None:
    """The order of an object's keys does not matter.

    The same document from two serialisers gets two scores.
    """
    one = endpoint.rerank(QUERY, FIELDS)
    other = endpoint.rerank(QUERY, [dict(reversed(each.items())) for each in FIELDS])
    _hold_equal(endpoint, one, other, "as in the other order")


@info(
    "RR-FIELDS-005",
    kit("only the text has words in it; a server that ranks the text of the JSON sees more"),
    requests=1,
    confirmed=True,
)
def test_strings_and_objects_rank_the_same(endpoint: Endpoint) -> None:
    """A text is ranked the same as a string and as `{"text": ...}`.

    Scores shift when a client moves from strings to objects.
    """
    objects = endpoint.rerank(QUERY, [{"text": each} for each in DOCUMENTS])
    within = endpoint.tolerance.equal_across_batches
    assert_same_order(endpoint.reference.scores, objects.scores, within, objects.exchange)
