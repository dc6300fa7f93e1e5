"""The exported exchanges, served by the tools that they are exported for. Run by `make contract-real`."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import together_rerank_fixtures as fixtures
from mock_process import COMMAND, environment
from snippets import ROOT, snippets
from stranger_process import free_port, started
from together_rerank_fixtures.exchange import Request, parse
from together_rerank_fixtures.named_examples import is_example
from together_rerank_fixtures.wiremock import mapping
from together_rerank_spec import load, read

MODULES = Path(sys.prefix) / "node/node_modules"
EXCHANGES = fixtures.all()
SHOWN = [exchange for exchange in EXCHANGES if is_example(exchange)]
ROUTES = load().routes
PAGE = [each for each in snippets("docs/fixtures.md") if each.language == "text"]
VALID = fixtures.get("success/strings").request


def exported(form, folder):
    """Export to *folder*; return how many exchanges that is, by the command's own word."""
    command = [COMMAND, "fixtures", "export", folder, "--format", form]
    told = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stderr
    return int(re.search(r": (\d+) ", told)[1])


@pytest.fixture(scope="module")
def wiremock(tmp_path_factory):
    """WireMock's address, and how many exchanges were exported to it."""
    folder, port = tmp_path_factory.mktemp("wiremock"), free_port()
    count = exported("wiremock", folder / "root")
    (jar,) = MODULES.glob("wiremock/build/wiremock-standalone-*.jar")
    options = shown_options("wiremock@", port, {"stubs": folder / "root"})
    with started(["java", "-jar", jar, *options], port, folder / "log"):
        yield port, count


@pytest.fixture(scope="module")
def prism(tmp_path_factory):
    """Prism's address, the document that it serves, and how many exchanges are said to be in it."""
    folder, port = tmp_path_factory.mktemp("prism"), free_port()
    count = exported("openapi", folder / "root")
    path = folder / "root/openapi.yaml"
    options = shown_options("@stoplight/prism-cli@", port, {"document/openapi.yaml": path})
    with started(["node", MODULES / "@stoplight/prism-cli/dist/index.js", *options], port, folder / "log"):
        yield port, read(path), count


def shown_options(tool, port, paths):
    """What the page has after `npx TOOL@...`, with *port* for its port and *paths* for its own.

    Tools are started without npx, which would leave them behind when it is ended.
    """
    (start,) = [each for each in PAGE if each.text.startswith(f"npx {tool}")]
    return [paths.get(word, word) for word in start.at(port).split()[2:]]


def assert_shown(port, place):
    """Run the request that the page has in *place* among what needs a tool; it prints what is printed below it."""
    request = PAGE[place]
    ran = subprocess.run(["bash", "-c", request.at(port)], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == request.output.strip()


def send(port, request, *, path=None, content=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = request.content if content is None else content
    connection.request(request.method, path or request.path, body or None, {**request.headers, **headers})
    response = connection.getresponse()
    received = response.read()
    connection.close()
    return response, received


def get(port, path):
    return json.loads(send(port, Request("GET", path, {}, None, b""))[1])


def post(port, path, value):
    return json.loads(send(port, Request("POST", path, {}, None, json.dumps(value).encode()))[1])


def answering(exchange):
    """The exchange that wins its request: of two, the one that is not the kit's."""
    alike = [each for each in EXCHANGES if each.request == exchange.request]
    return min(alike, key=lambda each: each.source["kind"] == "kit")


def test_wiremock_has_every_exchange(wiremock):
    port, count = wiremock

    mappings = get(port, "/__admin/mappings")

    assert mappings["meta"]["total"] == count == len(EXCHANGES)
    assert sorted(each["name"] for each in mappings["mappings"]) == [exchange.name for exchange in EXCHANGES]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_wiremock_answers_byte_for_byte(wiremock, exchange):
    expected = answering(exchange).response
    for path in ROUTES if exchange.request.path in ROUTES else [exchange.request.path]:
        response, received = send(wiremock[0], exchange.request, path=path)

        assert (response.status, received) == (expected.status, expected.content)
        assert {name: response.headers[name] for name in expected.headers} == expected.headers


JSON = [exchange for exchange in EXCHANGES if exchange.request.body is not None]


@pytest.mark.parametrize("exchange", JSON, ids=lambda exchange: exchange.name)
def test_wiremock_takes_a_body_however_it_is_written(wiremock, exchange):
    content = json.dumps(exchange.request.body, indent=2).encode()

    response, received = send(wiremock[0], exchange.request, content=content)

    assert (response.status, received) == (
        answering(exchange).response.status,
        answering(exchange).response.content,
    )


FORCED = [exchange for exchange in EXCHANGES if exchange.forced]


@pytest.mark.parametrize("exchange", FORCED, ids=lambda exchange: exchange.name)
def test_wiremock_can_be_asked_for_what_no_request_brings_about(wiremock, exchange):
    own = {"model": "mine", "query": exchange.name, "documents": [{"text": "mine"}], "top_n": 1}

    response, received = send(
        wiremock[0], exchange.request, content=json.dumps(own).encode(), Authorization="bearer sk-1"
    )

    assert (response.status, received) == (exchange.response.status, exchange.response.content)


DOCUMENTS = VALID.body["documents"]
UNLIKE = {
    "another query": {"query": "unlike all"},
    "another order": {"documents": DOCUMENTS[::-1]},
    "a document less": {"documents": DOCUMENTS[:-1]},
    "a field more": {"user": "me"},
}


def test_wiremock_answers_as_the_page_shows(wiremock):
    assert_shown(wiremock[0], 1)


@pytest.mark.parametrize("change", UNLIKE.values(), ids=UNLIKE)
def test_wiremock_knows_no_answer_to_what_is_unlike_all(wiremock, change):
    content = json.dumps({**VALID.body, **change}).encode()

    assert_unmatched(*send(wiremock[0], VALID, content=content))


def test_wiremock_tells_a_key_a_type_a_path_and_a_number_apart(wiremock):
    port = wiremock[0]
    floating = fixtures.get("success/top_n_float").request

    assert_unmatched(*send(port, VALID, Authorization="Basic YTpi"))
    assert_unmatched(*send(port, VALID, **{"Content-Type": "text/plain"}))
    assert_unmatched(*send(port, VALID, path="/v1/embeddings"))
    assert_unmatched(*send(port, floating, content=floating.content.replace(b"2.0", b"2")))


PLAIN = {"model": "m", "query": "what WireMock takes for one", "documents": ["a"]}
ALIKE = {
    "a placeholder": ({"body": {**PLAIN, "query": "${json-unit.any-string}", "top_n": 2}}, "Bearer YOUR_KEY"),
    "an integer": ({"body": {**PLAIN, "top_n": 2}}, "Bearer YOUR_KEY"),
    "a float": ({"body": {**PLAIN, "top_n": 2.0}}, "Bearer YOUR_KEY"),
    "a wrong key": ({"body": {**PLAIN, "top_n": 2}}, "Bearer WRONG_KEY"),
    "what follows": ({"text": json.dumps({**PLAIN, "top_n": 2}) + " more"}, "Bearer YOUR_KEY"),
    "a mark before": ({"text": "\ufeff" + json.dumps({**PLAIN, "top_n": 2})}, "Bearer YOUR_KEY"),
}


@pytest.fixture
def alike(wiremock):
    """Exchanges of a test's own, in WireMock while it runs, the wide ones last, which else win."""
    exchanges = [own(name, *sent) for name, sent in ALIKE.items()]
    ids = [post(wiremock[0], "/__admin/mappings", mapping(each))["id"] for each in exchanges[::-1]]
    yield exchanges
    for each in ids:
        send(wiremock[0], Request("DELETE", f"/__admin/mappings/{each}", {}, None, b""))


def own(name, sent, key):
    headers = {"Authorization": key, "Content-Type": "application/json"}
    data = {
        "shows": "Mine.",
        "source": {"kind": "kit"},
        "request": {"method": "POST", "path": "/v1/rerank", "headers": headers, **sent},
        "response": {"status": 200, "headers": {"Content-Type": "text/plain"}, "text": f"\ufeff{name}, é\r\n"},
    }
    return parse(f"mine/{name}", json.dumps(data).encode(), name)


def test_wiremock_tells_apart_what_it_would_take_for_one(wiremock, alike):
    answers = [send(wiremock[0], each.request)[1] for each in alike]

    assert answers == [each.response.content for each in alike]


def assert_unmatched(response, _received):
    assert response.status == 404
    assert "Matched-Stub-Id" not in response.headers


def test_prism_is_given_every_example(prism):
    _, document, count = prism

    names = [
        name
        for response in document.operation["responses"].values()
        for media in response["content"].values()
        for name in media.get("examples", {})
    ]

    assert sorted(names) == [exchange.name for exchange in SHOWN]
    assert len(names) == count > 50


@pytest.mark.parametrize("exchange", SHOWN, ids=lambda exchange: exchange.name)
def test_prism_answers_with_the_example_that_is_asked_for(prism, exchange):
    port, document, _ = prism
    expected = exchange.response
    # What is no JSON never comes to where Prism looks at the preference.
    request = exchange.request if is_json(exchange.request.content) else VALID

    response, received = send(port, request, path="/rerank", Prefer=f"code={expected.status}, example={exchange.name}")

    assert (response.status, json.loads(received)) == (expected.status, expected.body)
    assert response.headers["Content-Type"] == expected.headers["Content-Type"].partition(";")[0]
    for name in document.operation["responses"][str(expected.status)].get("headers", {}):
        assert response.headers[name] == expected.headers.get(name, response.headers[name])


def is_json(content):
    try:
        json.loads(content.decode() or "null", parse_constant=lambda _: 1 / 0)
    except (ArithmeticError, ValueError):
        return False
    return True


def test_prism_on_its_own_answers_as_the_document_has_it(prism):
    first = fixtures.get("success/document_example").response.body

    assert json.loads(send(prism[0], VALID, path="/rerank")[1]) == first
    assert send(prism[0], VALID, path="/rerank", content=b"{}")[0].status == 400


def test_prism_answers_as_the_page_shows(prism):
    assert_shown(prism[0], 3)


def test_the_page_shows_what_is_tried():
    locked = json.loads((ROOT / "requirements/node/package.json").read_text())["dependencies"]
    shown = [each.text.split()[1] for each in PAGE if each.text.startswith("npx ")]

    assert sorted(shown) == sorted(f"{name}@{version}" for name, version in locked.items())
    assert len(PAGE) == 4
