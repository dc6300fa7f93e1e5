"""The audit finds what is wrong with a pipeline, and accuses no careful one."""

import inspect

import pytest

from careful_pipelines import CAREFUL
from reranker import CLIENT, TOP_N, Unusable, admin, checked, request  # noqa: F401  # admin is a fixture
from together_rerank_mockserver.audit.rerank_audit import RerankAudit
from together_rerank_mockserver.cli.audit import PASSAGES, QUERY
from wrong_pipelines import WRONG


@pytest.fixture
def audit(admin):
    """Return a function that audits a function, or a new instance of a class."""

    def run(pipeline, **options):
        search = pipeline() if inspect.isclass(pipeline) else pipeline
        options = {"query": QUERY, "passages": PASSAGES, "top_n": TOP_N, "patience": 2, **options}
        return RerankAudit(admin, "test", (), str)(search, **options)

    return run


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_pipeline_is_found(audit, name):
    wrong = WRONG[name]

    report = audit(wrong.search, only=wrong.outcomes, **wrong.options)

    assert {row.name: row.outcome.value for row in report.rows} == wrong.outcomes
    with pytest.raises(AssertionError, match="cases fail"):
        report.assert_no_silent_failure()


@pytest.mark.slow
@pytest.mark.parametrize("name", CAREFUL)
def test_a_careful_pipeline_is_accused_of_nothing(audit, name):
    careful = CAREFUL[name]

    report = audit(careful.search, **careful.options)

    report.assert_no_silent_failure()
    assert report.warnings == []
    assert {row.name: row.outcome.value for row in report.rows if row.name in careful.outcomes} == careful.outcomes


def test_what_harms_the_provider_is_found_once_for_each_case(audit):
    def retry(query, passages):
        for _ in range(5):
            response = CLIENT.post(**request(query, passages))
            if response.status_code == 200:
                return [index for index, _ in checked(response.json(), passages)]
        raise Unusable("five attempts failed")

    report = audit(retry, only=["ranking", "401", "422", "429", "503", "429-retry-after", "outage"])

    report.assert_no_silent_failure()
    assert {row.name: [each.rule for each in row.findings] for row in report.rows} == {
        "ranking": [],
        "401": ["retried-not-retryable"],
        "422": ["resent-invalid"],
        "429": ["ignored-retry-after"],
        "429-retry-after": ["ignored-retry-after"],
        "503": ["retry-storm"],
        "outage": ["retry-storm"],
    }


def test_a_loop_around_a_client_that_numbers_its_retries_is_found(audit):
    def retry(query, passages):
        for _ in range(4):
            sent = request(query, passages)
            sent["headers"]["x-stainless-retry-count"] = "0"
            response = CLIENT.post(**sent)
            if response.status_code == 200:
                return [index for index, _ in checked(response.json(), passages)]
        raise Unusable("four attempts failed")

    (row,) = audit(retry, only=["401"]).rows

    assert [each.rule for each in row.findings] == ["retried-not-retryable"]
