"""Scripts in a Redis, from an event loop: each has its result, those of one moment are sent together, none hangs."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from slow_proxy import SlowProxy
from together_rerank_mockserver.api.errors import StateUnavailable
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.granian_calls import GranianCalls
from together_rerank_mockserver.server.granian_front import GranianFront
from together_rerank_mockserver.server.thread_pool import ThreadPool
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.async_store import AsyncStore
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.store import ScriptCall, Store

KEYS = ["together-rerank-mock:namespace:default"]
BODY = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]}).encode()


def draw(purpose):
    return ScriptCall("draw", KEYS, [purpose, 60])


@asynccontextmanager
async def store_of(url):
    store = AsyncStore(Store(url))
    yield store
    await store._client.aclose()


@pytest.fixture
def proxy(redis):
    proxy = SlowProxy(redis.port)
    yield proxy
    proxy.stop()


def test_each_script_has_its_result_and_those_of_one_moment_are_sent_together(proxy):
    async def run():
        async with store_of(proxy.url) as store:
            await store.run(draw("first"))
            before = proxy.requests
            answers = await asyncio.gather(*(store.run(draw(purpose)) for purpose in "abcab" * 20))
            return answers, proxy.requests - before

    answers, requests = asyncio.run(run())

    assert answers[:5] == [0, 0, 0, 1, 1]
    assert answers[-5:] == [38, 38, 19, 39, 39]
    assert requests < 5


def test_scripts_are_sent_again_to_a_redis_that_does_not_know_them(redis):
    async def run():
        async with store_of(f"{redis.url}/0") as store:
            await store.run(draw("a"))
            redis.client.script_flush()
            return await asyncio.gather(store.run(draw("a")), store.run(ScriptCall("flight", ["nothing"], [])))

    assert asyncio.run(run()) == [1, 0]


def test_a_script_that_fails_leaves_the_others_their_results(redis):
    redis.client.set("text", "not a hash")

    async def run():
        async with store_of(f"{redis.url}/0") as store:
            script_calls = [draw("a"), ScriptCall("draw", ["text"], ["a", 60]), draw("a")]
            return await asyncio.gather(*map(store.run, script_calls), return_exceptions=True)

    first, failed, last = asyncio.run(run())

    assert (first, last) == (0, 1)
    assert isinstance(failed, StateUnavailable)


def test_a_script_that_cannot_be_sent_does_not_stop_later_ones(redis):
    async def run():
        async with store_of(f"{redis.url}/0") as store:
            async with asyncio.timeout(5):
                with pytest.raises(StateUnavailable, match="UnicodeEncodeError"):
                    await store.run(draw("\ud800"))
                return await store.run(draw("a"))

    assert asyncio.run(run()) == 0


def test_a_cancelled_script_leaves_the_others_their_results(redis):
    async def run():
        async with store_of(f"{redis.url}/0") as store:
            cancelled, kept = store.run(draw("a")), store.run(draw("a"))
            cancelled.cancel()
            return await kept

    assert asyncio.run(run()) == 1


def test_a_redis_that_stalls_or_ends_is_unavailable_and_later_available_again(proxy, redis):
    async def run():
        async with store_of(proxy.url) as store:
            await store.run(draw("a"))
            proxy.delay_s = None
            with pytest.raises(StateUnavailable, match=r"the Redis at 127\.0\.0\.1 failed: TimeoutError"):
                await store.run(draw("a"))
            proxy.delay_s = 0
            await store.run(draw("a"))
            redis.kill()
            with pytest.raises(StateUnavailable):
                await store.run(draw("a"))
            redis.start()
            return await store.run(draw("a"))

    assert asyncio.run(run()) == 0


class Protocol:
    """What granian passes for one call."""

    async def __call__(self):
        return BODY

    def response_bytes(self, status, headers, _):
        self.status, self.headers, self.thread = status, dict(headers), threading.current_thread()


def answers(application, *headers):
    """Answer a call with each of *headers* at the same time; return their protocol objects."""

    async def run():
        application.__rsgi_init__(asyncio.get_running_loop())
        sent = [Protocol() for _ in headers]
        await asyncio.gather(
            *(application.__rsgi__(scope(each), protocol) for each, protocol in zip(headers, sent, strict=True))
        )
        await application._store._client.aclose()
        return sent

    return asyncio.run(run())


def scope(headers):
    names = {"host": "x", "authorization": "Bearer key", "content-type": "application/json"}
    return SimpleNamespace(
        method="POST",
        path="/v1/rerank",
        query_string="",
        http_version="1.1",
        scheme="http",
        client="127.0.0.1:5000",
        server="127.0.0.1:4010",
        headers=names | {"content-length": str(len(BODY))} | headers,
    )


def application(url):
    limiter = DelayLimiter(threading.Event())
    return GranianCalls(GranianFront(WsgiApp(Mock(Settings(state=url), limiter)), limiter, 30), ThreadPool(10))


def test_calls_run_scripts_from_the_loop_and_wait_in_other_threads(redis):
    own = threading.current_thread()
    usual, refused, late, *more = answers(
        application(f"{redis.url}/0"), {}, {"authorization": ""}, {"prefer": "delay=1"}, *[{}] * 20
    )

    assert [each.status for each in (usual, refused, late)] == [200, 401, 200]
    assert usual.thread is own
    assert own not in (refused.thread, late.thread)
    assert len({each.headers["x-request-id"] for each in (usual, late, *more)}) == 22


def test_a_call_without_its_redis_gets_503_in_the_thread_of_the_loop(redis):
    calls = application("redis://127.0.0.1:1/0")

    (answer,) = answers(calls, {})

    assert (answer.status, answer.headers["x-mock-reply"]) == (503, "state-unavailable")
    assert answer.thread is threading.current_thread()
