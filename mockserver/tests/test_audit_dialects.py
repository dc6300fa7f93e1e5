"""The audit of a pipeline that calls another API than Together's."""

import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from together_rerank_mockserver.audit.outcome import Outcome
from together_rerank_mockserver.audit.rerank_audit import RerankAudit
from together_rerank_mockserver.audit.run import local_mock

PASSAGES = ["Pandas eat bamboo.", "The sun rises.", "Polar bears hunt.", "Llamas live in Peru."]


@pytest.mark.parametrize(("fault", "outcome"), [("usage-wrong-sum", Outcome.NOT_SHOWN), ("unsorted", Outcome.WRONG)])
def test_a_fault_that_the_api_has_no_place_for_is_not_shown(fault, outcome):
    with local_mock() as admin:

        def search(query, passages):
            body = json.dumps({"model": "rank", "query": query, "documents": passages}).encode()
            headers = {"Authorization": "Bearer key", "Content-Type": "application/json"}
            with closing(http.client.HTTPConnection(urlsplit(admin.url).netloc, timeout=10)) as connection:
                connection.request("POST", "/cohere/v2/rerank", body, headers)
                return [each["index"] for each in json.load(connection.getresponse())["results"]]

        audit = RerankAudit(admin, "test", (), str)
        (row,) = audit(search, query="llamas", passages=PASSAGES, only=[fault]).rows

    assert row.outcome is outcome
