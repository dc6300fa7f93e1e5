"""An HTTP client for tests of the plugin, which needs only the standard library."""

import json
import os
import urllib.error
import urllib.request

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}


def post(body=None, *, timeout=20, path="/v1/rerank", **headers):
    """Send a rerank request to the mock; return the status and the body."""
    content = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
    key = {"Authorization": "Bearer " + os.environ["TOGETHER_API_KEY"], "Content-Type": "application/json"}
    url = os.environ["TOGETHER_BASE_URL"] + path
    request = urllib.request.Request(url, content, {**key, **headers}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def order(body=None):
    """Send a rerank request to the mock; return the indexes in the order of the answer."""
    status, answer = post(body)
    assert status == 200, answer
    return [result["index"] for result in answer["results"]]
