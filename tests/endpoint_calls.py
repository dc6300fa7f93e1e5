"""Calls to an endpoint, without a server around it."""

import json

from together_rerank_mockserver.call import Call
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_spec import load

KEY = {"Authorization": "Bearer key", "Content-Type": "application/json"}


ENDPOINT = Endpoint(load())


def send(body, endpoint=ENDPOINT, headers=KEY, *, parse=True, raw_socket=False):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = endpoint.answer(Call(headers, lambda size: content[:size], raw_socket))
    return (reply, json.loads(reply.body)) if parse else reply


def body(**changes):
    return {"model": "m", "query": "llama", "documents": ["panda", "llama"], **changes}
