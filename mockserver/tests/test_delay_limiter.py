"""The number of calls that wait is limited, and they end when the server stops."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import Client

from together_rerank_mockserver.api.errors import TooManyWaiting
from together_rerank_mockserver.http.flask_app import build_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.state.delay_limiter import DelayLimiter


def test_the_number_of_waiting_calls_is_limited_and_a_stop_ends_them():
    stopping = threading.Event()
    limiter = DelayLimiter(stopping, limit=2)

    with ThreadPoolExecutor(2) as calls:
        held = [calls.submit(limiter.wait, 600) for _ in range(2)]
        deadline = time.monotonic() + 5
        while limiter.waiting < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(TooManyWaiting, match="2 calls"):
            limiter.wait(600)
        limiter.wait(0.01)  # a short wait is not counted
        stopping.set()
        assert [each.result(5) for each in held] == [None, None]
    limiter.wait(600)  # the slots are free again, and a stopped limiter does not wait


@pytest.mark.parametrize("application", [WsgiApp, build_app])
def test_a_drip_counts_as_waiting_until_its_last_piece(application):
    client = Client(application(Mock(limiter=DelayLimiter(threading.Event(), limit=1))))
    body = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}

    def call(prefer, **options):
        return client.post(
            "/v1/rerank", json=body, headers={"Authorization": "Bearer key", "Prefer": prefer}, **options
        )

    for _ in range(3):
        assert call("fault=drip, pause=0", buffered=True).status_code == 200
    with call("fault=drip, pause=0") as dripping:
        refused = call("fault=drip, pause=0")
        assert refused.status_code == 503
        assert refused.headers["Connection"] == "close"
        assert refused.headers["x-mock-reply"] == "refused; fault=drip; by=header; not-applied"
        assert call("fault=bom").status_code == 200
        assert dripping.data
    assert call("fault=drip, pause=0").status_code == 200
