"""What a test gets with `rerank_mock`."""


def test_it_answers_and_tells_what_it_was_asked(passes):
    passes(
        """
def test_answers(rerank_mock):
    assert order() == [1, 0]
    (request,) = rerank_mock.requests
    assert request == rerank_mock.last_request
    assert (request.query, request.documents, request.top_n) == ("llama", ["panda", "llama"], None)
    assert (request.method, request.path, request.status) == ("POST", "/v1/rerank", 200)
    assert (request.reply, request.reason, request.fault, request.model) == ("scored", None, None, "m")
    assert request.headers["CONTENT-type"] == "application/json" and "Content-Type" in request.headers
    assert request.headers.get("x-none") is None and "authorization" not in request.headers
    assert rerank_mock.api_key not in repr(request)
    assert request.began <= request.ended

def test_nothing_came(rerank_mock):
    assert rerank_mock.requests == []
    with pytest.raises(AssertionError, match="no request came to http://127.0.0.1:"):
        rerank_mock.last_request

def test_any_key_will_do(rerank_mock):
    rerank_mock.fail(503).then.fail(429)
    assert post(Authorization="Bearer test-key")[0] == 503
    assert post(Authorization="Bearer of my own")[0] == 429
    assert [request.status for request in rerank_mock.requests] == [503, 429]

def test_requests_are_in_the_order_in_which_they_came(rerank_mock):
    import threading
    rerank_mock.delay(0.5)
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

def test_a_body_that_is_no_json(rerank_mock):
    rerank_mock.expect_refusal(2)
    assert post(b"{")[0] == 400
    assert (rerank_mock.last_request.body, rerank_mock.last_request.text) == (None, "{")
    assert post([1])[0] == 400
    assert (rerank_mock.last_request.body, rerank_mock.last_request.query) == ([1], None)
"""
    )


def test_the_environment_is_patched_for_the_test_and_restored(passes):
    passes(
        """
NAMES = ("TOGETHER_API_KEY", "TOGETHER_BASE_URL", "TOGETHER_AI_API_BASE", "NO_PROXY", "no_proxy")

BEFORE = {name: os.environ.get(name) for name in NAMES}

@pytest.fixture
def proxied(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet")

def test_environment(proxied, rerank_mock):
    assert os.environ["TOGETHER_API_KEY"] == rerank_mock.api_key
    assert os.environ["TOGETHER_BASE_URL"] == os.environ["TOGETHER_AI_API_BASE"] == rerank_mock.base_url
    assert os.environ["NO_PROXY"].startswith("intranet,127.0.0.1,localhost,api.together.xyz")
    assert order() == [1, 0]

def test_changes_of_the_test_itself(monkeypatch, rerank_mock):
    assert os.environ.get("NO_PROXY") == BEFORE["NO_PROXY"]
    monkeypatch.delenv("TOGETHER_API_KEY")
    monkeypatch.setenv("TOGETHER_BASE_URL", "http://127.0.0.1:1")

def test_after():
    assert {name: os.environ.get(name) for name in NAMES} == BEFORE
    assert not any(name in os.environ for name in NAMES[:3])
"""
    )


def test_every_test_begins_afresh_at_the_same_address(passes):
    passes(
        """
import threading
import time

seen = []
late = []

def test_first(rerank_mock):
    seen.append((rerank_mock.base_url, rerank_mock.api_key))
    rerank_mock.delay(0.5)
    # As a client does that was left running: its answer comes when the test is over.
    late.append(threading.Thread(target=lambda url=os.environ["TOGETHER_BASE_URL"]: slowly(url)))
    late[0].start()
    while rerank_mock.admin.call("GET", "faults")["queue"]:
        time.sleep(0.01)

def slowly(url):
    import json, urllib.request
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url + "/rerank", json.dumps(BODY).encode(), headers)).close()

def test_second(rerank_mock):
    seen.append((rerank_mock.base_url, rerank_mock.api_key))
    assert rerank_mock.requests == []
    rerank_mock.fault("unsorted")
    late[0].join()
    assert order() == [0, 1]
    assert len(rerank_mock.requests) == 1

def test_same(rerank_mock_server):
    assert seen == [rerank_mock_server, rerank_mock_server]
"""
    )


def test_clients_and_transports_are_made_with_httpx_or_say_what_is_missing(passes):
    passes(
        """
import sys

def test_it(rerank_mock, monkeypatch):
    try:
        import httpx
    except ImportError:
        pass
    monkeypatch.setitem(sys.modules, "httpx", None)
    for ask in (rerank_mock.client, rerank_mock.transport):
        with pytest.raises(ImportError, match=r'needs httpx: pip install "together-rerank-kit\\[client\\]"'):
            ask()

def test_the_app_is_the_same_mock(rerank_mock):
    rerank_mock.fail(503)
    client = rerank_mock.app.test_client()
    headers = {"Authorization": "Bearer x"}
    assert client.post("/v1/rerank", json=BODY, headers=headers).status_code == 503
    assert client.post("/v1/rerank", json=BODY, headers=headers).status_code == 200
    rerank_mock.assert_called(times=2)
"""
    )


def test_unittest_classes_use_it(passes):
    passes(
        """
import unittest

@pytest.mark.usefixtures("rerank_mock")
class TestSearch(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, rerank_mock):
        self.rerank_mock = rerank_mock

    def test_it(self):
        self.assertEqual(order(), [1, 0])
        self.rerank_mock.assert_called(times=1)

    @pytest.mark.rerank_mock(fault=503)
    def test_marked(self):
        self.assertEqual(post()[0], 503)
"""
    )


def test_a_client_that_leaves_is_in_the_journal_at_once(passes):
    passes(
        """
@pytest.mark.parametrize("_", range(20))
def test_leaves(rerank_mock, _):
    rerank_mock.delay(30)
    with pytest.raises(OSError):
        post(timeout=0.02)
    assert [request.status for request in rerank_mock.requests] == [None]
    assert rerank_mock.last_request.ended - rerank_mock.last_request.began < 5
    assert rerank_mock.last_request.fault == "delay"

def test_leaves_by_latency(rerank_mock):
    assert rerank_mock.requests == []
"""
    )
