"""The fixture serves other rerank APIs, and records their requests with the names of Together's API."""

import httpx
import pytest


def cohere(rerank_mock, **changes):
    body = {"model": "rerank-v3.5", "query": "llama", "documents": ["panda", "llama"], **changes}
    headers = {"Authorization": f"Bearer {rerank_mock.api_key}"}
    return httpx.post(f"{rerank_mock.url_for('cohere')}/v2/rerank", json=body, headers=headers, trust_env=False)


def nim(rerank_mock):
    body = {"query": {"text": "llama"}, "passages": [{"text": "panda"}, {"text": "llama"}]}
    url = f"{rerank_mock.url_for('nim')}/v1/retrieval/nvidia/a-model/reranking"
    return httpx.post(url, json=body, headers={"Authorization": f"Bearer {rerank_mock.api_key}"}, trust_env=False)


def test_a_fault_and_a_ranking_apply_to_each_api(rerank_mock):
    rerank_mock.fail(429, retry_after=7).then.fault("score-string")
    rerank_mock.rank([0])

    limited, wrong, right = cohere(rerank_mock), nim(rerank_mock), nim(rerank_mock)

    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert wrong.json()["rankings"][0] == {"index": 0, "logit": "1.0"}
    assert [each["index"] for each in right.json()["rankings"]] == [0, 1]


def test_a_status_of_another_api_can_be_requested(rerank_mock):
    rerank_mock.fail(498)

    assert cohere(rerank_mock).status_code == 498


def test_requests_are_compared_by_the_names_of_together(rerank_mock):
    nim(rerank_mock)

    rerank_mock.assert_called(times=1, query="llama", documents=["panda", "llama"], model="nvidia/a-model")
    assert rerank_mock.last_request.body["passages"] == [{"text": "panda"}, {"text": "llama"}]
    assert rerank_mock.last_request.reply == "scored; dialect=nim"
    assert [row["index"] for row in rerank_mock.explain(rerank_mock.last_request)] == [1, 0]


def test_findings_are_about_the_canonical_request(rerank_mock):
    cohere(rerank_mock, top_n=5)

    assert [finding.rule for finding in rerank_mock.resilience()] == ["top-n-too-large"]


def test_an_unknown_api_is_an_error(rerank_mock):
    with pytest.raises(ValueError, match="there is no dialect 'klingon'; known: cohere, "):
        rerank_mock.url_for("klingon")


def test_an_invalid_request_to_an_api_with_another_status_is_refused(rerank_mock):
    rerank_mock.expect_refusal()
    headers = {"Authorization": f"Bearer {rerank_mock.api_key}"}

    refused = httpx.post(f"{rerank_mock.url_for('jina')}/v1/rerank", json={}, headers=headers, trust_env=False)

    assert refused.status_code == 422
