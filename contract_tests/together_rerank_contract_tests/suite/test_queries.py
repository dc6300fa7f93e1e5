"""Queries of one word and of many."""

from together_rerank_contract_tests.suite.assertions import assert_query_decides
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import document, should
from together_rerank_contract_tests.suite.samples import LONG_QUERY

_QUERY = document("/components/schemas/RerankRequest/properties/query/description")


@should("RR-QUERY-001", _QUERY, requests=2, confirmed=True)
def test_one_word_is_a_query(endpoint: Endpoint) -> None:
    """A query of one word decides as well.

    Users type one word.
    """
    assert_query_decides(endpoint, "bread", "llamas")


@should("RR-QUERY-002", _QUERY, requests=2, confirmed=True)
def test_the_last_word_of_a_long_query_decides(endpoint: Endpoint) -> None:
    """The last word of a long query decides if the words before it do not.

    A chat client sends its whole question, and the subject may be its last word.
    """
    assert_query_decides(endpoint, f"{LONG_QUERY} bread", f"{LONG_QUERY} llamas")
