"""A mock with something on each page of the console, for the tests in a browser and for the pictures of the docs."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

DOCUMENTS = [
    "Pandas live in China.",
    "A llama, seen in Peru.",
    "Llamas in Peru",
    "The capital of Peru is Lima.",
    "Alpacas and llamas are camelids from South America.",
]
BODY = {"model": "Salesforce/Llama-Rank-v1", "query": "llamas in Peru", "documents": DOCUMENTS}
FIELDS = [{"title": "Llamas", "text": "They live in Peru"}, {"title": "Peru", "text": "A country in South America"}]


def call(url, path="/v1/rerank", body=None, method="POST", key="any-key"):
    """Send a request to the mock at *url*; return the status and the body, a JSON value if it is JSON."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else content, headers)
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    return response.status, json.loads(answer) if answer.startswith(("{", "[")) else answer


def fill(url):
    """Send requests of several kinds to the mock at *url*, and leave faults and rankings in its queues."""
    for query in ("pandas", "capital of Peru", "camelids") * 20:
        call(url, body=BODY | {"query": query})
    call(url, "/__admin/faults", {"fault": "429", "times": 2, "then": {"delay": 20}})
    for _ in range(4):
        call(url, body=BODY)
    call(url, "/cohere/v2/rerank", {"model": "rerank-v3.5", "query": "llamas", "documents": DOCUMENTS, "top_n": 2})
    call(url, body=BODY | {"model": "mock/unsorted"})
    call(url, body=BODY | {"model": "mock/503"})
    call(url, body="{nonsense")
    call(url, body=BODY | {"documents": FIELDS, "rank_fields": ["title"]})
    call(url, body=BODY)
    call(url, body=BODY, key="test-search")
    faults = {"fault": "503", "times": 3, "then": {"fault": "unsorted", "then": {"fault": "429", "times": "always"}}}
    call(url, "/__admin/faults?namespace=test-search", faults)
    call(url, "/__admin/ranking?namespace=test-search", {"rank": [3, 0]}, "PUT")


def pages(url):
    """Return the paths of the pages about the mock at *url*, by name; `fill` has filled it."""
    requests = call(url, "/__admin/requests", method="GET")[1]["requests"]
    forced = next(each["request_id"] for each in requests if each["status"] == 429)
    fields = next(each["request_id"] for each in requests if "rank_fields" in str(each["body"]))
    console = "/__admin/console"
    return {
        "journal": "/__admin/",
        "empty": "/__admin/?namespace=test-new",
        "request": f"{console}/requests/{forced}",
        "explain": f"{console}/explain?request={requests[-1]['request_id']}",
        "fields": f"{console}/explain?request={fields}",
        "faults": f"{console}/faults?namespace=test-search&fault=429",
        "rankings": f"{console}/rankings?namespace=test-search&order=2&order=0",
        "namespaces": f"{console}/namespaces",
        "metrics": f"{console}/metrics",
        "report": f"{console}/report",
        "sign-in": f"{console}/sign-in",
    }
