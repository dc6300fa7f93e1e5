"""The effect of `rank_fields` on documents that are objects."""

import json
from itertools import combinations

from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_order, assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    should,
)
from together_rerank_contract_tests.suite.samples import DOCUMENTS, FIELDS, IRRELEVANT, QUERY

_RANK_FIELDS = "/components/schemas/RerankRequest/properties/rank_fields/description"
_NEEDED = ("request.rank_fields",)
# Allow for the format in which a server turns an object into text: it affects the score.
_OF_SPAN = 0.05


def _are_equal(answer: Answer) -> bool:
    return len({*answer.scores.values()}) == 1


def _check_equal(endpoint: Endpoint, one: Answer, other: Answer, comparison: str) -> None:
    measured = endpoint.pointwise
    within = max(measured.equal_across_batches, _OF_SPAN * measured.span)
    assert_same_scores(one.scores, other.scores, within, comparison, other.exchange)


@should("RR-FIELDS-001", document(_RANK_FIELDS), requests=2, confirmed=True, needs=_NEEDED)
def test_rank_fields_is_a_projection(endpoint: Endpoint) -> None:
    """With `rank_fields`, documents are scored as if they had only these fields.

    Fields that the client leaves out on purpose, such as ids and dates, still affect the ranking.
    """
    projected = endpoint.rerank(QUERY, [{"text": each["text"]} for each in FIELDS])
    chosen = endpoint.rerank(QUERY, FIELDS, rank_fields=["text"])
    _check_equal(endpoint, projected, chosen, "as for documents with only `text`")


@should("RR-FIELDS-002", document(_RANK_FIELDS), requests=1, confirmed=True, needs=_NEEDED)
def test_rank_fields_decides_the_ranking(endpoint: Endpoint) -> None:
    """The fields in `rank_fields` decide which document ranks first.

    A client that ranks by title gets a ranking by text, without an error.
    """
    for field, best in (("title", 0), ("text", 1)):
        answer = endpoint.rerank(QUERY, FIELDS, rank_fields=[field])
        if answer.best != best:
            expected = f"document {best} first, because only its `{field}` matches the query"
            raise RequirementFailed(expected, f"document {answer.best} first", answer.exchange)


@must("RR-FIELDS-006", document(_RANK_FIELDS), requests=3, confirmed=True, needs=("whole objects",))
def test_every_field_is_ranked_by_default(endpoint: Endpoint) -> None:
    """Without `rank_fields`, documents are ranked by all their fields, whatever their names.

    Documents with a `headline` or a `body` all get the same score, and the ranking is random.
    """
    headlines = [{"text": "See the headline.", "headline": each} for each in DOCUMENTS]
    years = [{"text": "Annual report", "year": year} for year in (2017, 2019, 2021)]
    nested = [{"text": "See the source.", "source": {"name": each}} for each in DOCUMENTS[:3]]
    for query, name, objects in ((QUERY, "headline", headlines), ("2019", "year", years), (QUERY, "source", nested)):
        answer = endpoint.rerank(query, objects)
        # A model that does not tell the same texts apart, such as numbers, does not show which fields are ranked.
        if _are_equal(answer) and not _are_equal(endpoint.rerank(query, [json.dumps(each) for each in objects])):
            expected = f"different scores, because each `{name}` is another"
            raise RequirementFailed(expected, f"{answer.listed_scores[0]:g} for each document", answer.exchange)


@must("RR-FIELDS-007", document(_RANK_FIELDS), requests=3, confirmed=True, needs=(*_NEEDED, "whole objects"))
def test_rank_fields_has_an_effect(endpoint: Endpoint) -> None:
    """Each name in `rank_fields` changes the scores, if the texts of the fields differ.

    The server ignores `rank_fields`, or all but one of its names, and nobody notices.
    """
    if endpoint.measured.is_listwise:
        raise NotApplicable("scores depend on the other documents in the request")
    # The first document lacks both fields.
    objects = [{"note": IRRELEVANT}, *({"headline": each["title"], "body": each["text"]} for each in FIELDS)]
    fields = (["headline"], ["body"], ["headline", "body"])
    answers = [endpoint.rerank(QUERY, objects, rank_fields=names, top_n=len(objects)) for names in fields]
    for (one, first), (other, second) in combinations(zip(fields, answers, strict=True), 2):
        if first.scores == second.scores and not _are_equal(endpoint.reference):
            expected = f"other scores with `rank_fields` {json.dumps(other)} than with {json.dumps(one)}"
            raise RequirementFailed(expected, f"the scores {second.listed_scores} for both", second.exchange)


@info(
    "RR-FIELDS-003",
    kit("the document calls it a list of keys to rank by; a template may still depend on its sequence"),
    requests=2,
    confirmed=True,
    needs=(*_NEEDED, "whole objects"),  # others may rank by one field only
)
def test_the_sequence_of_rank_fields_does_not_matter(endpoint: Endpoint) -> None:
    """The sequence of the names in `rank_fields` does not change the scores.

    Two services that list the same fields in a different sequence get different scores.
    """
    one = endpoint.rerank(QUERY, FIELDS, rank_fields=["title", "text"])
    other = endpoint.rerank(QUERY, FIELDS, rank_fields=["text", "title"])
    _check_equal(endpoint, one, other, "as in the other sequence")


@info(
    "RR-FIELDS-004",
    kit("a JSON object is unordered; a server that ranks the JSON text depends on the sequence of its keys"),
    requests=2,
    confirmed=True,
    needs=("whole objects",),
)
def test_the_sequence_of_keys_in_a_document_does_not_matter(endpoint: Endpoint) -> None:
    """The sequence of the keys in a document does not change the scores.

    The same document gets two scores if two serialisers write its keys in a different sequence.
    """
    one = endpoint.rerank(QUERY, FIELDS)
    other = endpoint.rerank(QUERY, [dict(reversed(each.items())) for each in FIELDS])
    _check_equal(endpoint, one, other, "as in the other sequence")


@info(
    "RR-FIELDS-005",
    kit("only the text contains words; a server that ranks the JSON text sees more"),
    requests=1,
    confirmed=True,
    needs=("objects",),
)
def test_strings_and_objects_rank_the_same(endpoint: Endpoint) -> None:
    """A document ranks the same whether it is a string or `{"text": ...}`.

    Scores shift when a client moves from strings to objects.
    """
    objects = endpoint.rerank(QUERY, [{"text": each} for each in DOCUMENTS])
    within = endpoint.pointwise.equal_across_batches
    assert_same_order(endpoint.reference.scores, objects.scores, within, objects.exchange)
