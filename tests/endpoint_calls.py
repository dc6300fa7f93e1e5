"""Calls to an endpoint, without a server around it."""

import json

from together_rerank_mockserver.endpoint import Call, Endpoint
from together_rerank_spec import load

KEY = {"Authorization": "Bearer key", "Content-Type": "application/json"}


ENDPOINT = Endpoint(load())


def send(body, endpoint=ENDPOINT, headers=KEY):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = endpoint.answer(Call(headers, lambda size: content[:size]))
    return reply, json.loads(reply.body)


def body(**changes):
    return {"model": "m", "query": "llama", "documents": ["panda", "llama"], **changes}
