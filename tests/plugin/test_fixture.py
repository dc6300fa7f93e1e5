"""The fixture `rerank_mock`: recorded requests, environment, clients, and isolation of the tests."""

import json
import os
import sys
import threading
import time
import unittest
import urllib.request
from typing import ClassVar

import pytest

from plugin_client import BODY, order, post


def test_the_mock_answers_and_records_the_requests(rerank_mock):
    assert order() == [1, 0]
    (request,) = rerank_mock.requests
    assert request == rerank_mock.last_request
    assert (request.query, request.documents, request.top_n) == ("llama", ["panda", "llama"], None)
    assert (request.method, request.path, request.status) == ("POST", "/v1/rerank", 200)
    assert (request.reply, request.reason, request.fault, request.model) == ("scored", None, None, "m")
    assert request.headers["CONTENT-type"] == request.headers["Content-Type"] == "application/json"
    assert request.headers.get("x-none") is None
    assert "authorization" not in request.headers
    assert rerank_mock.api_key not in repr(request)
    assert request.began <= request.ended


def test_the_error_says_that_there_were_no_requests(rerank_mock):
    assert rerank_mock.requests == []
    with pytest.raises(AssertionError, match=r"the mock at http://127\.0\.0\.1:[0-9]+ received no request"):
        _ = rerank_mock.last_request


def test_any_key_is_accepted(rerank_mock):
    rerank_mock.fail(503).then.fail(429)
    assert post(Authorization="Bearer test-key")[0] == 503
    assert post(Authorization="Bearer of my own")[0] == 429
    assert [request.status for request in rerank_mock.requests] == [503, 429]


@pytest.mark.slow
def test_requests_are_sorted_by_arrival(rerank_mock):
    rerank_mock.delay(1)
    slow = threading.Thread(target=post, args=({**BODY, "query": "first"},))
    slow.start()
    while rerank_mock.admin.call("GET", "faults")["queue"]:
        pass
    post({**BODY, "query": "second"})
    assert [request.query for request in rerank_mock.requests] == ["second"]
    slow.join()
    assert [(request.number, request.query) for request in rerank_mock.requests] == [(1, "first"), (2, "second")]


def test_a_long_body_is_kept(rerank_mock):
    documents = ["x" * 1000] * 500
    post({**BODY, "documents": documents})
    assert rerank_mock.last_request.documents == documents


def test_a_body_that_is_not_json_is_kept_as_text(rerank_mock):
    rerank_mock.expect_refusal(2)
    assert post(b"{")[0] == 400
    assert (rerank_mock.last_request.body, rerank_mock.last_request.text) == (None, "{")
    assert post([1])[0] == 400
    assert (rerank_mock.last_request.body, rerank_mock.last_request.query) == ([1], None)


PROXY = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}


@pytest.fixture
def proxied(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet")


def test_the_environment_is_patched_for_the_test(proxied, rerank_mock):
    assert os.environ["TOGETHER_API_KEY"] == rerank_mock.api_key
    assert os.environ["TOGETHER_BASE_URL"] == os.environ["TOGETHER_AI_API_BASE"] == rerank_mock.base_url
    assert os.environ["CO_API_URL"] == os.environ["COHERE_API_BASE"] == rerank_mock.url_for("cohere")
    assert os.environ["VOYAGE_API_BASE"] == f"{rerank_mock.base_url}/voyage"
    assert os.environ["NO_PROXY"].startswith("intranet,127.0.0.1,localhost,api.together.xyz")
    assert order() == [1, 0]


def test_a_test_can_change_the_environment_too(monkeypatch, rerank_mock):
    assert os.environ.get("NO_PROXY") == PROXY["NO_PROXY"]
    monkeypatch.delenv("TOGETHER_API_KEY")
    monkeypatch.setenv("TOGETHER_BASE_URL", "http://127.0.0.1:1")


def test_the_environment_is_restored_afterwards():
    assert {name: os.environ.get(name) for name in PROXY} == PROXY
    assert not {"TOGETHER_API_KEY", "TOGETHER_BASE_URL", "TOGETHER_AI_API_BASE", "CO_API_URL"} & os.environ.keys()


@pytest.mark.slow
class TestEveryTestStartsEmptyAtTheSameAddress:
    seen: ClassVar = []
    late: ClassVar = []

    def test_first(self, rerank_mock):
        self.seen.append((rerank_mock.base_url, rerank_mock.api_key))
        rerank_mock.delay(1)
        # Like a client left running: its answer arrives after the test.
        self.late.append(threading.Thread(target=ask, args=(rerank_mock.base_url,)))
        self.late[0].start()
        while rerank_mock.admin.call("GET", "faults")["queue"]:
            time.sleep(0.01)

    def test_second(self, rerank_mock):
        self.seen.append((rerank_mock.base_url, rerank_mock.api_key))
        assert rerank_mock.requests == []
        rerank_mock.fault("unsorted")
        self.late[0].join()
        assert order() == [0, 1]
        assert len(rerank_mock.requests) == 1

    def test_the_address_is_the_same(self, rerank_mock_server):
        assert self.seen == [rerank_mock_server, rerank_mock_server]


def ask(url):
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url + "/rerank", json.dumps(BODY).encode(), headers)).close()


def test_clients_and_transports_raise_import_error_without_httpx(rerank_mock, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)

    for make in (rerank_mock.client, rerank_mock.transport):
        with pytest.raises(ImportError, match=r'needs httpx: pip install "together-rerank-kit\[client\]"'):
            make()


def test_the_app_is_the_same_mock(rerank_mock):
    rerank_mock.fail(503)
    client = rerank_mock.app.test_client()

    answers = [client.post("/v1/rerank", json=BODY, headers={"Authorization": "Bearer x"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 200]
    rerank_mock.assert_called(times=2)


@pytest.mark.usefixtures("rerank_mock")
class TestUnittestClassesUseIt(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, rerank_mock):
        self.rerank_mock = rerank_mock

    def test_it(self):
        assert order() == [1, 0]
        self.rerank_mock.assert_called(times=1)

    @pytest.mark.rerank_mock(fault=503)
    def test_marked(self):
        assert post()[0] == 503


@pytest.mark.parametrize("_", range(20))
def test_a_client_that_disconnects_is_in_the_journal_immediately(rerank_mock, _):
    rerank_mock.delay(30)
    with pytest.raises(OSError, match="timed out"):
        post(timeout=0.02)
    assert [request.status for request in rerank_mock.requests] == [None]
    assert rerank_mock.last_request.ended - rerank_mock.last_request.began < 20
    assert rerank_mock.last_request.fault == "delay"


def test_a_disconnected_client_is_not_in_the_journal_of_the_next_test(rerank_mock):
    assert rerank_mock.requests == []
