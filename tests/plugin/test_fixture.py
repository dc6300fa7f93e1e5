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


def test_faults_come_in_the_order_of_their_chain(passes):
    passes(
        """
import time

def statuses(count):
    return [post()[0] for _ in range(count)]

def test_chain(rerank_mock):
    rerank_mock.fail(503).then.fail(429, times=2, retry_after=1.5).then.ok(2).then.fail(500)
    assert statuses(7) == [503, 429, 429, 200, 200, 500, 200]
    assert [request.retry_after for request in rerank_mock.requests[1:3]] == [1.5, 1.5]
    assert [request.fault for request in rerank_mock.requests] == ["503", "429", "429", None, None, "500", None]

def test_retry_after(rerank_mock):
    rerank_mock.fail(429, retry_after=3).then.fail(429, retry_after=0).then.fail(429, retry_after="none")
    statuses(3)
    assert [request.retry_after for request in rerank_mock.requests] == [3, 0, None]

def test_body_fault(rerank_mock):
    rerank_mock.fault("unsorted", times=2)
    assert [order(), order(), order()] == [[0, 1], [0, 1], [1, 0]]

def test_delay(rerank_mock):
    rerank_mock.delay(0.2)
    began = time.monotonic()
    assert order() == [1, 0]
    assert 0.2 <= time.monotonic() - began < 5
    assert rerank_mock.last_request.ended - rerank_mock.last_request.began >= 0.19

def test_the_connection_breaks(rerank_mock):
    rerank_mock.fault("reset").then.fault("empty").then.fault("drip", pause=0.01).then.fail(504, delay=0.01)
    for _ in range(2):
        with pytest.raises(OSError):
            post()
    assert statuses(2) == [200, 504]
    assert [request.status for request in rerank_mock.requests] == [None, None, 200, 504]

def test_reset(rerank_mock):
    rerank_mock.fail(503)
    rerank_mock.rank([0])
    rerank_mock.expect_refusal()
    post()
    rerank_mock.fail(503)
    rerank_mock.reset()
    assert rerank_mock.requests == []
    assert order() == [1, 0]
"""
    )


def test_what_there_is_not_is_said_with_what_there_is(passes):
    passes(
        """
WRONG = {
    "no fault is called `unsotred`; did you mean `unsorted`?": lambda mock: mock.fault("unsotred"),
    "`delay` must be a number of seconds, not '1'": lambda mock: mock.delay("1"),
    "`delay` must be a number of seconds, not nan": lambda mock: mock.delay(float("nan")),
    "`delay` must be a whole number of milliseconds from 0": lambda mock: mock.delay(-1),
    "`times` must be an integer from 1": lambda mock: mock.fail(429, times=0),
    "fail.. takes an error status such as 429, not 200": lambda mock: mock.fail(200),
    "fail.. takes an error status such as 429, not '429'": lambda mock: mock.fail("429"),
    "no fault is called `418`": lambda mock: mock.fail(418),
    "`pause` is not known of `429`": lambda mock: mock.fault("429", pause=1),
    "`retry_after` must be a number of seconds": lambda mock: mock.fail(429, retry_after="soon"),
    "`rank` must list indexes": lambda mock: mock.rank(["0"]),
    "`rank` must list indexes of documents, whole": lambda mock: mock.rank([]),
    "`rank` must name each document once": lambda mock: mock.rank([1, 1]),
    "`rank_first` must be a text": lambda mock: mock.rank_first(containing=""),
    "`scores` has 1.5 for 0, and must have numbers from 0 to 1": lambda mock: mock.scores({0: 1.5}),
    "`scores` names `a`": lambda mock: mock.scores({"a": 1}),
    "`/documents` is missing": lambda mock: mock.explain({"model": "m", "query": "q"}),
}

@pytest.mark.parametrize("message", WRONG)
def test_wrong(rerank_mock, message):
    with pytest.raises(ValueError, match=message):
        WRONG[message](rerank_mock)
    assert order() == [1, 0]
"""
    )


def test_rankings_are_designed_and_pass_through_everything_else(passes):
    passes(
        """
THREE = {**BODY, "documents": ["panda", "llama", "a llama in Peru"]}

def test_rank(rerank_mock):
    rerank_mock.rank([2, 0, 1])
    assert order(THREE) == [2, 0, 1]
    assert order({**THREE, "top_n": 2}) == [2, 0]
    status, answer = post({**THREE, "return_documents": False})
    assert [each["relevance_score"] for each in answer["results"]] == [1, 2 / 3, 1 / 3]
    assert [each["document"] for each in answer["results"]] == [{}, {}, {}]
    assert {request.reply for request in rerank_mock.requests} == {"designed"}

def test_what_is_not_named_follows_as_usual(rerank_mock):
    rerank_mock.rank([0])
    assert order(THREE) == [0, 1, 2]

def test_rank_first(rerank_mock):
    rerank_mock.rank_first(containing="PANDA")
    assert order(THREE) == [0, 1, 2]
    objects = [{"title": "llama", "body": "bear"}, {"title": "panda", "body": "llama"}]
    rerank_mock.rank_first(containing="bear")
    assert order({**BODY, "documents": objects}) == [0, 1]
    assert order({**BODY, "documents": objects, "rank_fields": ["title"]}) == [0, 1]
    assert rerank_mock.last_request.reply == "scored"

def test_scores(rerank_mock):
    rerank_mock.scores({0: 0.25, 2: 1})
    status, answer = post(THREE)
    assert [(each["index"], each["relevance_score"]) for each in answer["results"]] == [(2, 1), (0, 0.25), (1, 0)]

def test_the_last_one_counts(rerank_mock):
    rerank_mock.rank([0])
    rerank_mock.rank([2])
    assert order(THREE) == [2, 1, 0]

def test_validation_and_faults_come_first(rerank_mock):
    rerank_mock.rank([0])
    rerank_mock.expect_refusal(2)
    rerank_mock.fail(503).then.fault("unsorted")
    assert post(THREE)[0] == 503
    assert post({**THREE, "top_n": 0})[0] == 400
    assert order(THREE) == [2, 1, 0]
    status, answer = post({**BODY, "documents": ["a"]})
    assert status == 200
    rerank_mock.rank([7])
    status, answer = post(THREE)
    assert status == 400
    assert answer["error"]["message"] == (
        "The ranking asked for names document 7, and the request has 3, counted from 0"
    )
    assert rerank_mock.last_request.reply == "misuse"
    rerank_mock.reset()

def test_explain(rerank_mock):
    rerank_mock.rank([0])
    order(THREE)
    best = rerank_mock.explain(rerank_mock.last_request)[0]
    assert (best["index"], best["whole"]) == (1, ["llama"])
    assert rerank_mock.explain(THREE)[0]["score"] == best["score"]
"""
    )


def test_the_environment_is_patched_for_the_test_and_restored(passes):
    passes(
        """
NAMES = ("TOGETHER_API_KEY", "TOGETHER_BASE_URL", "TOGETHER_AI_API_BASE", "NO_PROXY", "no_proxy")

@pytest.fixture
def proxied(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.delenv("no_proxy", raising=False)
    return {name: os.environ.get(name) for name in NAMES}

@pytest.fixture
def before(proxied):
    yield
    assert {name: os.environ.get(name) for name in NAMES} == proxied

def test_environment(before, rerank_mock, monkeypatch):
    assert os.environ["TOGETHER_API_KEY"] == rerank_mock.api_key
    assert os.environ["TOGETHER_BASE_URL"] == os.environ["TOGETHER_AI_API_BASE"] == rerank_mock.base_url
    assert os.environ["NO_PROXY"].startswith("intranet,127.0.0.1,localhost,api.together.xyz")
    monkeypatch.setenv("TOGETHER_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.undo()
    assert os.environ["TOGETHER_BASE_URL"] == rerank_mock.base_url
    assert order() == [1, 0]

def test_after():
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
    while rerank_mock.door.faults()["queue"]:
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
