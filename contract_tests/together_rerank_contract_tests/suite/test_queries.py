"""Queries of one word and of many."""

from together_rerank_contract_tests.suite.assertions import assert_query_decides, assert_ranks_first
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import document, should
from together_rerank_contract_tests.suite.samples import LONG_QUERY, TWO_SUBJECTS

_QUERY = document("/components/schemas/RerankRequest/properties/query/description")


@should("RR-QUERY-001", _QUERY, requests=2, confirmed=True)
def test_one_word_is_a_query(endpoint: Endpoint) -> None:
    """A query of one word decides which document ranks first.

    A search for one word returns passages about another subject.
    """
    assert_query_decides(endpoint, "bread", "llamas")


@should("RR-QUERY-002", _QUERY, requests=3, confirmed=True)
def test_every_word_of_a_long_query_counts(endpoint: Endpoint) -> None:
    """The first and the last word of a long query can decide which document ranks first.

    A chat client sends its whole question, and the subject may be any word of it.
    """
    assert_query_decides(endpoint, f"{LONG_QUERY} bread", f"{LONG_QUERY} llamas")
    assert_ranks_first(endpoint, f"Llamas: {LONG_QUERY}", TWO_SUBJECTS, 1)


@should("RR-QUERY-003", _QUERY, requests=5, confirmed=True)
def test_a_query_holds_what_a_string_can_hold(endpoint: Endpoint) -> None:
    """A query with quotes, several lines, or letters outside ASCII decides which document ranks first.

    A search with quotes, line breaks or accents returns passages about another subject.
    """
    assert_ranks_first(endpoint, "\"llamas\" in 'Peru' \\ {0} 100%", TWO_SUBJECTS, 1)
    assert_query_decides(endpoint, "What is this about?\nbread", "What is this about?\nllamas")
    for position, query in enumerate(("Größe", "Gefühl")):
        assert_ranks_first(endpoint, query, ("Die Größe der Stadt.", "Das Gefühl der Ruhe."), position)
