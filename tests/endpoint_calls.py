"""Calls to an endpoint, without a server around it."""

import json
from threading import Event

from together_rerank_mockserver.api.messages import Call
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.mock_state import MockState
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_spec import load

KEY = {"Authorization": "Bearer key", "Content-Type": "application/json"}


def endpoint_of(document=None, settings=None, limiter=None):
    """Return the endpoint of the operation of *document*, by default Together's, alone in its mock."""
    document = document or load()
    return Endpoint(document, MockState(document, settings or Settings(), limiter or DelayLimiter(Event())))


ENDPOINT = endpoint_of()


class Pauses(DelayLimiter):
    """Calls *pause* with the seconds instead of waiting."""

    def __init__(self, pause):
        super().__init__(Event())
        self.wait = lambda seconds, _=None: pause(seconds)


def send(body, endpoint=ENDPOINT, headers=KEY, *, parse=True, raw_socket=False):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = endpoint.answer(Call(headers, lambda size: content[:size], raw_socket))
    return (reply, json.loads(reply.body)) if parse else reply


def body(**changes):
    return {"model": "m", "query": "llama", "documents": ["panda", "llama"], **changes}
