"""The console: its pages, the access to them, and text that tries to be markup."""

import json
import re
import shlex
import subprocess
from html.parser import HTMLParser
from http.client import HTTPConnection
from io import BytesIO
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest

from snippets import ROOT
from together_rerank_mockserver import MockServer
from together_rerank_mockserver.http.console.metrics_page import rates
from together_rerank_mockserver.http.console.origin import origin
from together_rerank_mockserver.http.flask_app import build_app, create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import dialect, dialects

KEY = {"Authorization": "Bearer key"}
DOCUMENTS = ["Pandas live in China.", "A llama, seen in Peru.", "Llamas in Peru"]
BODY = {"model": "m", "query": "llamas in Peru", "documents": DOCUMENTS}
PAGES = ["", "explain", "faults", "rankings", "namespaces", "metrics", "report", "sign-in"]
XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


def path_of(page):
    return f"/__admin/console/{page}" if page else "/__admin/"


class Page(HTMLParser):
    """What a page contains: its tags, its text without tags, and the fields of its forms."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.fields, self.links, self.texts = [], [], {}, [], []
        self.feed(html)
        self.text = re.sub(r" ([.,;:])", r"\1", " ".join(" ".join(self.texts).split()))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        if tag == "input" and given.get("type") != "hidden":
            self.fields[given.get("name")] = given.get("value")
        if tag == "a":
            self.links.append(given["href"])

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def client():
    return create_app().test_client()


def rerank(client, headers=KEY, path="/v1/rerank", **changes):
    return client.post(path, json=BODY | changes, headers=headers).headers["x-request-id"]


def shown(response, status=200):
    assert response.status_code == status, response.get_data(as_text=True)
    return Page(response.text)


def send(client, page, status=303, **fields):
    response = client.post(path_of(page), data=fields)
    assert response.status_code == status, response.get_data(as_text=True)
    return response


def state(client, route, namespace="default"):
    return client.get(f"/__admin/{route}?namespace={namespace}").json


# All pages


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("base_path", ["", "/rerank-mock"])
def test_each_page_has_one_title_labels_and_strict_headers(page, is_used, base_path):
    client = create_app(Settings(base_path=base_path)).test_client()
    if is_used:
        for _ in range(60):
            client.post(f"{base_path}/v1/rerank", json=BODY, headers=KEY)
        client.post(f"{base_path}/__admin/faults", json={"fault": "429", "times": "always"})
        client.put(f"{base_path}/__admin/ranking", json={"rank": [1]})

    response = client.get(base_path + path_of(page))
    found = shown(response)

    assert [tag for tag, _ in found.tags].count("h1") == 1
    assert len(found.ids) == len(set(found.ids))
    assert not [tag for tag, given in found.tags if "style" in given or any(name.startswith("on") for name in given)]
    assert [given["src"] for tag, given in found.tags if tag == "script"] == [f"{base_path}/__admin/console/console.js"]
    assert all(link.startswith((f"{base_path}/__admin/", "#")) for link in found.links)
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[:3] == ["default-src 'none'", "script-src 'self'", "style-src 'self'"]
    assert {"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} < set(policy)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("link", ["/__admin", "/__admin/"])
def test_the_journal_is_the_first_page(client, link):
    assert "Journal" in shown(client.get(link)).text
    assert client.head(link).status_code == 200
    assert client.post(link).status_code == 404


@pytest.mark.parametrize("name", dialects())
def test_each_page_answers_with_another_api_at_the_root(name):
    client = create_app(Settings(dialect=name)).test_client()

    for page in PAGES:
        assert client.get(path_of(page)).status_code == 200


def test_a_namespace_that_is_none_is_named(client):
    for page in ("", "explain", "faults", "rankings", "metrics"):
        found = shown(client.get(f"{path_of(page)}?namespace=other"), 400)
        assert "namespace must be default, or an accepted key" in found.text
        assert found.fields.get("namespace", "other") == "other"
        assert not [link for link in found.links if "=other" in link]


@pytest.mark.in_memory
@pytest.mark.parametrize("page", ["", "explain", "faults", "rankings", "namespaces", "metrics"])
def test_a_state_that_workers_do_not_share_is_explained(page):
    found = shown(create_app(Settings(workers=2)).test_client().get(path_of(page)), 501)

    assert "needs a state that all workers share" in found.text


@pytest.mark.in_memory
def test_a_redis_that_does_not_answer_is_explained():
    client = create_app(Settings(state="redis://127.0.0.1:1/0")).test_client()

    for page in ("", "faults", "metrics", "namespaces"):
        assert "Redis" in shown(client.get(path_of(page)), 503).text


def test_text_that_is_markup_is_shown_as_text():
    client = create_app().test_client()
    hostile = {"query": XSS, "documents": [XSS, {"title": XSS}], "model": XSS, "rank_fields": [XSS]}
    headers = KEY | {"X-Hostile": XSS, "Prefer": XSS}
    ids = [
        rerank(client, headers | {"Authorization": "Bearer test-<b>x"}, **hostile),
        rerank(client, headers, **hostile),
    ]
    client.post("/v1/rerank", data=XSS, headers=headers)
    client.get("/v1/<script>alert(1)</script>", headers=headers)
    client.put("/__admin/ranking", json={"rank": [XSS]})
    ids += [each["request_id"] for each in state(client, "requests")["requests"]]
    urls = [path_of(page) for page in PAGES]
    urls += [
        f"{path}?{query}" for path in urls for query in (f"text={XSS}", f"namespace={XSS}", f"fault={XSS}&order={XSS}")
    ]
    urls += [f"/__admin/console/requests/{each}" for each in [*ids, XSS]]
    urls += [f"/__admin/console/explain?request={each}" for each in [*ids, XSS]]
    urls += [f"{url}{'&' if '?' in url else '?'}namespace=test-<b>x" for url in list(urls)]
    responses = [client.get(url.replace("#", "%23")) for url in urls]
    every = dict.fromkeys(("query", "documents", "api", "top_n", "rank_fields", "model", "kind", "lines", "fault"), XSS)
    responses += [client.post(path_of(page), data=every | {"do": do}) for page in PAGES for do in ("queue", "set", XSS)]
    responses.append(upload(client, json.dumps(hostile_report()).encode(), XSS))

    seen = "".join(response.get_data(as_text=True) for response in responses)
    assert seen.count("&lt;script&gt;alert(1)") > 100
    assert [response for response in responses if response.status_code >= 500] == []
    for response in responses:
        if response.status_code == 303 or response.mimetype != "text/html":
            continue
        page = Page(response.text)
        assert [given for tag, given in page.tags if tag == "script"] == [
            {"src": "/__admin/console/console.js", "defer": None}
        ]
        assert not [tag for tag, given in page.tags if tag in ("img", "b") and "src" in given]
        assert "49" not in re.findall(r"\d+(?=</pre>)", response.get_data(as_text=True))


# Access


def signed_in(settings, base="", headers=()):
    client = create_app(settings).test_client()
    response = client.post(f"{base}/__admin/console/sign-in", data={"token": "sesame"}, headers=dict(headers))
    assert response.status_code == 303
    return client, response


@pytest.mark.parametrize("page", ["", "explain", "faults", "requests/x", "metrics"])
def test_a_page_asks_for_the_token_and_leads_back(page):
    client = create_app(Settings(admin_token="sesame")).test_client()
    first = client.get(f"{path_of(page)}?namespace=test-a")
    form = shown(first, 401)
    (onward,) = [given["value"] for tag, given in form.tags if given.get("name") == "onward"]

    refused = client.post("/__admin/console/sign-in", data={"token": "wrong", "onward": onward})
    accepted = client.post("/__admin/console/sign-in", data={"token": "sesame", "onward": onward})

    assert "Sign in" in form.text
    assert "not the token" in shown(refused, 401).text
    assert "Set-Cookie" not in refused.headers
    assert accepted.status_code == 303
    assert accepted.headers["Location"] == f"{path_of(page)}?namespace=test-a"
    assert client.get(path_of("metrics")).status_code == 200
    for response in (first, refused, accepted):
        assert "sesame" not in response.get_data(as_text=True) + str(response.headers)


@pytest.mark.parametrize(("headers", "is_secure"), [((), False), ((("X-Forwarded-Proto", "https"),), True)])
def test_the_cookie_is_bound_to_the_console_and_does_not_contain_the_token(headers, is_secure):
    _, response = signed_in(Settings(admin_token="sesame", base_path="/mock"), "/mock", headers)
    cookie = response.headers["Set-Cookie"]

    assert {"HttpOnly", "SameSite=Strict", "Path=/mock/__admin"} < set(cookie.split("; "))
    assert ("Secure" in cookie) is is_secure
    assert "Max-Age" not in cookie
    assert "Expires" not in cookie
    assert "sesame" not in cookie


def open_with(cookie, token):
    return create_app(Settings(admin_token=token)).test_client(use_cookies=False).get("/__admin/", headers=cookie)


def test_another_replica_with_the_token_accepts_the_cookie_and_one_with_another_token_does_not():
    _, response = signed_in(Settings(admin_token="sesame"))
    cookie = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}

    assert open_with(cookie, "sesame").status_code == 200
    assert open_with(cookie, "other").status_code == 401
    forged = {"Cookie": response.headers["Set-Cookie"].partition("=")[0] + "=é"}
    assert open_with(forged, "sesame").status_code == 401


def test_the_cookie_opens_the_console_and_not_the_routes_of_the_control_plane():
    client, _ = signed_in(Settings(admin_token="sesame"))

    assert client.get("/__admin/").status_code == 200
    for route in ("requests", "faults", "health", "nothing"):
        assert client.get(f"/__admin/{route}").status_code == 401
    assert client.post("/__admin/faults", json={"fault": "429"}).status_code == 401
    assert client.get("/__admin/", headers={"Authorization": "Bearer sesame"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost"}, 303),
        # A proxy has changed the host.
        ({"Origin": "https://mock.example", "Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://app.example"}, 403),
    ],
)
def test_a_form_of_another_page_cannot_use_the_cookie(headers, status):
    client, _ = signed_in(Settings(admin_token="sesame", cors=("http://app.example",)))

    sent = client.post(path_of("faults"), data={"do": "queue", "fault": "429"}, headers=headers)

    assert sent.status_code == status
    queue = client.get("/__admin/faults", headers={"Authorization": "Bearer sesame"}).json["queue"]
    assert len(queue) == (status == 303)


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://localhost:3000"])
def test_a_page_of_another_origin_is_rejected_without_a_token_too(client, origin):
    for page in ("faults", "rankings", "namespaces", "sign-in"):
        assert (
            client.post(path_of(page), data={"do": "queue", "fault": "429"}, headers={"Origin": origin}).status_code
            == 403
        )
    assert state(client, "faults")["queue"] == []


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example/__admin/", "/", "/__admin/\r\nX-A: b", ""])
def test_the_form_leads_nowhere_else(onward):
    client = create_app(Settings(admin_token="sesame")).test_client()

    sent = client.post("/__admin/console/sign-in", data={"token": "sesame", "onward": onward})

    assert sent.headers["Location"] == "/__admin/"
    assert "X-A" not in sent.headers


def test_signing_out_deletes_the_cookie():
    client, _ = signed_in(Settings(admin_token="sesame"))
    assert "sign out" in client.get("/__admin/").text

    client.post("/__admin/console/sign-out")

    assert client.get("/__admin/").status_code == 401


@pytest.mark.parametrize(
    ("settings", "headers", "why"),
    [
        ({"no_admin": True}, {}, "closed by --no-admin"),
        ({"host": "0.0.0.0"}, {}, "other machines can reach the mock"),
        ({}, {"Host": "evil.example"}, "accepts requests to localhost"),
        ({}, {"X-Forwarded-For": "10.0.0.1"}, "a proxy passes on"),
    ],
)
@pytest.mark.parametrize("page", ["", "faults", "sign-in"])
def test_a_closed_console_says_why_and_how_to_open_it(settings, headers, why, page):
    client = create_app(Settings(**settings)).test_client()

    for response in (client.get(path_of(page), headers=headers), client.post(path_of("sign-in"), headers=headers)):
        found = shown(response, 403)
        assert why in found.text
        assert "--admin-token TOKEN" in found.text


def test_style_and_script_are_public_because_the_form_for_the_token_needs_them():
    client = create_app(Settings(admin_token="sesame")).test_client()

    assert client.get("/__admin/console/console.css").content_type == "text/css; charset=utf-8"
    assert client.get("/__admin/console/console.js").content_type == "text/javascript; charset=utf-8"


def test_a_form_is_bounded(client):
    for page, size in (("sign-in", 300_000), ("faults", 300_000), ("report", 17_000_000)):
        assert shown(client.post(path_of(page), data={"token": "x" * size}), 413).text


# The journal


def test_the_journal_shows_requests_newest_first_with_their_origin(client):
    rerank(client)
    rerank(client, path="/cohere/v2/rerank", model="mock/429", query="pandas")
    client.post("/v1/rerank", data=b"\xff\0", headers=KEY)
    text = shown(client.get("/__admin/")).text

    assert "3 of 3 requests" in text
    places = [
        text.index(each) for each in ("refused because of the request", "fault 429 from the model", "ranked by words")
    ]
    assert places == sorted(places)
    assert "429 Too Many Requests" in text
    assert "llamas in Peru" in text


@pytest.mark.parametrize(
    ("reply", "words", "fault"),
    [
        ("scored; dialect=cohere", "ranked by words", None),
        ("replayed; name=success/strings", "a recorded answer, success/strings", None),
        ("scored; draw=0.734512", "ranked by words", None),
        ("chaos; fault=429; draw=0.061234", "fault 429 by chance", "429"),
        ("forced; fault=503; by=server; draw=0.734512", "fault 503 from --fault", "503"),
        ("forced; fault=522; by=header; undocumented", "fault 522 from the Prefer header", "522"),
        ("scored; fault=ok; by=queue", "ranked by words; fault ok from the queue", "ok"),
        (
            "refused; fault=unsorted; by=model; not-applied",
            "refused because of the request; fault unsorted from the model changed nothing",
            "unsorted",
        ),
        ("a-new-one", "a-new-one", None),
    ],
)
def test_the_origin_of_an_answer_is_said_in_words(reply, words, fault):
    assert origin(reply) == (words, fault)


def test_each_origin_of_the_docs_has_words():
    table = (ROOT / "docs" / "faults.md").read_text().partition("## What x-mock-reply says")[2].partition("## ")[0]
    firsts = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")][1:-1]
    replies = [reply for first in firsts for reply in re.findall(r"`([^`]+)`", first)]

    assert len(replies) > 15
    assert [reply for reply in replies if origin(reply).words == reply] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=4", 2),
        ("status=429", 1),
        ("status=none", 0),
        ("path=cohere", 1),
        ("reply=scored", 2),
        ("reply=by=model", 1),
        ("text=PERU", 1),
        ("text=peru&status=5", 0),
        ("", 4),
    ],
)
def test_the_journal_has_filters(client, query, found):
    rerank(client)
    rerank(client, path="/cohere/v2/rerank", query="x")
    rerank(client, query="y", model="mock/429")
    client.post("/v1/rerank", data=b"\xff\0", headers=KEY)

    assert f"{found} of 4 requests" in shown(client.get(f"/__admin/?{query}")).text


def test_a_request_is_found_by_its_id(client):
    wanted, _ = rerank(client), rerank(client, query="x")

    assert "1 of 2 requests" in shown(client.get(f"/__admin/?text={wanted}")).text


def test_the_journal_has_pages_which_keep_the_filters(client):
    for _ in range(51):
        rerank(client)
    first = shown(client.get("/__admin/?status=200&namespace=default"))
    (older,) = [link for link in first.links if "page=2" in link]
    second = shown(client.get(older))

    assert parse_qs(urlsplit(older).query) == {"page": ["2"], "status": ["200"]}
    assert "page 2 of 2" in second.text
    assert len([link for link in second.links if "/requests/" in link]) == 1
    for page in ("0", "-1", "x", "9" * 5000):
        assert "page 1 of 2" in shown(client.get(f"/__admin/?page={page}")).text
    assert "page 2 of 2" in shown(client.get("/__admin/?page=3")).text


def test_a_namespace_has_a_journal_of_its_own(client):
    rerank(client, {"Authorization": "Bearer test-a"})
    client.post("/__admin/faults?namespace=test-a&word=call17", json={"fault": "429"})
    rerank(client, {"Authorization": "Bearer test-a"}, query="call17")

    assert "0 of 0 requests" in shown(client.get("/__admin/")).text
    found = shown(client.get("/__admin/?namespace=test-a"))
    assert "1 of 1 requests" in found.text
    assert all("namespace=test-a" in link for link in found.links if link != "#main")
    assert "fault 429 from the queue" in shown(client.get("/__admin/?namespace=test-a+call17")).text


def test_a_request_is_shown_with_its_answer_and_reason(client):
    request_id = rerank(client, model="mock/429,retry_after=7")

    text = shown(client.get(f"/__admin/console/requests/{request_id}")).text

    for part in (
        "429 Too Many Requests",
        "forced; fault=429; by=model",
        "7.0 s",
        "content-type",
        '"query": "llamas in Peru"',
    ):
        assert part in text
    assert '"type": "dynamic_request_limited"' in text


def test_a_request_that_is_not_in_the_journal_any_more(client):
    assert "does not have the request gone any more" in shown(client.get("/__admin/console/requests/gone"), 404).text


def test_the_fault_of_a_request_can_be_queued_again(client):
    request_id = rerank(client, model="mock/unsorted")
    page = shown(client.get(f"/__admin/console/requests/{request_id}"))
    fields = {
        given["name"]: given["value"] for tag, given in page.tags if given.get("name") in ("namespace", "fault", "do")
    }

    send(client, "faults", **fields)

    assert state(client, "faults")["queue"] == [{"fault": "unsorted", "times": 1}]


@pytest.mark.served
@pytest.mark.parametrize(
    ("query", "path", "key"),
    [
        ('it\'s $HOME `date` \\ "x" \n é 東京', "/v1/rerank", "any-key"),
        ("llamas", "/cohere/v2/rerank", "test-a"),
        ("llamas", "/pinecone/rerank", "any-key"),
    ],
)
def test_the_command_of_a_request_sends_it_again(query, path, key):
    with MockServer() as mock:
        client = mock_client(mock)
        header = "Api-Key" if "pinecone" in path else "Authorization"
        documents = [{"text": "a"}] if "pinecone" in path else ["a"]
        headers = {header: key if header == "Api-Key" else f"Bearer {key}", "Prefer": "code=503"}
        namespace = key if key.startswith("test-") else "default"
        client("POST", path, {"model": "m", "query": query, "documents": documents}, headers)
        journal = client("GET", f"/__admin/requests?namespace={namespace}")["requests"]
        page = client("GET", f"/__admin/console/requests/{journal[0]['request_id']}?namespace={namespace}")
        command = Page(page).texts
        (curl,) = [text for text in command if text.startswith("curl ")]
        ran = subprocess.run(
            ["sh", "-c", curl], env={"KEY": "any-key", "PATH": "/usr/bin:/bin"}, capture_output=True, check=True
        )
        again = client("GET", f"/__admin/requests?namespace={namespace}")["requests"]

    assert len(again) == 2
    assert b"503" in ran.stdout
    assert again[1]["body"] == again[0]["body"]
    assert [each["status"] for each in again] == [503, 503]


def test_the_command_of_a_request_without_a_body_has_its_method(client):
    request_id = client.post("/v1/rerank", headers=KEY).headers["x-request-id"]

    page = shown(client.get(f"/__admin/console/requests/{request_id}"))

    assert [text for text in page.texts if text.startswith("curl -sS -i -X POST ")]


def mock_client(mock):
    def call(method, path, body=None, headers=()):
        connection = HTTPConnection(urlsplit(mock.url).netloc, timeout=10)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse().read().decode()
        connection.close()
        return answer if answer.startswith("<") else json.loads(answer)

    return call


def test_a_body_that_was_cut_is_named():
    client = create_app(Settings(journal_body=100)).test_client()
    request_id = rerank(client)

    text = shown(client.get(f"/__admin/console/requests/{request_id}")).text

    assert "The body was cut: the journal keeps 100 of its" in text
    assert "bytes, cut" in text
    assert "was cut" in shown(client.get(f"/__admin/console/explain?request={request_id}"), 400).text


# Explain


def marked(response):
    return re.findall(r'<mark class="(whole|part)">([^<]*)</mark>', response.text.partition("<ol")[2])


def test_explain_marks_what_matched_and_shows_the_points(client):
    response = send(client, "explain", 200, **BODY | {"documents": "\n".join(DOCUMENTS)})
    text = shown(response).text

    assert marked(response) == [
        *(("whole", each) for each in ("Llamas", "in", "Peru")),
        *(("part", "llama"), ("whole", "in"), ("whole", "Peru")),
        ("whole", "in"),
    ]
    assert text.index("1. document 2 score 1.000000") < text.index("2. document 1") < text.index("3. document 0")
    assert "8.40 of 28.5 points" in text
    assert "llamas: lla, lam, ama" in text


def test_the_bars_have_the_width_of_the_points(client):
    response = send(client, "explain", 200, query="a b", documents="a")
    bars = [given for tag, given in shown(response).tags if tag == "rect" and "x" in given]

    assert [(bar["class"], float(bar["width"])) for bar in bars if float(bar["width"])] == [
        ("whole", pytest.approx(100 * 8 / 18.5, abs=0.001)),
        ("length", pytest.approx(100 * 0.75 / 18.5, abs=0.001)),
    ]


def test_explain_says_what_rank_fields_and_a_ranking_changed(client):
    documents = json.dumps([{"title": "Llamas", "text": "They live in Peru"}, {"title": "Peru", "text": "A country"}])
    fields = {"query": "llamas in Peru", "documents": documents, "rank_fields": "title"}

    assert "Moved by rank_fields: from place 2 to 1" in shown(send(client, "explain", 200, **fields)).text
    client.put("/__admin/ranking", json={"rank": [0]})
    text = shown(send(client, "explain", 200, **fields)).text
    assert "Moved by the ranking that is set: from place 2 to 1" in text
    client.post("/__admin/ranking", json={"rank": [7]})
    misfit = shown(send(client, "explain", 200, **fields)).text
    assert "The next call is refused: The ranking override names document 7" in misfit
    assert len(state(client, "ranking")["queue"]) == 1


@pytest.mark.parametrize("namespace", ["default", "test-a"])
@pytest.mark.parametrize("name", dialects())
def test_an_empty_journal_shows_a_command_that_the_api_answers(name, namespace):
    client = create_app(Settings(dialect=name)).test_client()

    page = shown(client.get(f"/__admin/?namespace={namespace}"))
    (command,) = [text for text in page.texts if "curl " in text]
    words = shlex.split(command.replace("$KEY", "any-key"))
    headers = dict(each.split(": ", 1) for flag, each in pairwise(words) if flag == "-H")
    answer = client.post(urlsplit(words[-1]).path, data=words[words.index("--data-raw") + 1], headers=headers)

    assert answer.status_code == 200
    assert ("KEY=any-key" in words) == (namespace == "default")
    assert len(state(client, "requests", namespace)["requests"]) == 1


@pytest.mark.parametrize("name", dialects())
def test_the_answer_that_is_shown_is_the_one_that_the_api_gives(name, client):
    client.put("/__admin/ranking?namespace=test-a", json={"rank": [1]})
    page = shown(
        send(
            client,
            "explain",
            200,
            api=f"/{name}{dialect(name).operations[-1].routes[0]}",
            query="llamas",
            documents="\n".join(DOCUMENTS),
            top_n="2",
            namespace="test-a",
        )
    )
    blocks = [text for text in page.texts if text.startswith(("{\n", "[\n"))]
    (command,) = [text for text in page.texts if text.startswith("curl ")]
    words = shlex.split(command)
    headers = dict(each.split(": ", 1) for flag, each in pairwise(words) if flag == "-H")
    answer = client.post(urlsplit(words[-1]).path, data=words[words.index("--data-raw") + 1], headers=headers)

    assert answer.status_code == 200
    assert answer.headers["x-mock-reply"].startswith("designed")
    assert json.loads(blocks[0]) == json.loads(words[words.index("--data-raw") + 1])
    shown_answer, given = json.loads(blocks[1]), answer.json
    for each in (shown_answer, given):
        if isinstance(each, dict):
            each.pop("id", None)
    assert shown_answer == given


def test_a_model_in_the_path_is_escaped_once(client):
    api, model = "/nim/v1/retrieval/{model}/reranking", "org/a b%20é?"
    page = shown(send(client, "explain", 200, api=api, model=model, query="a", documents="a"))
    (command,) = [text for text in page.texts if text.startswith("curl ")]

    assert shlex.split(command)[-1].endswith("/nim/v1/retrieval/org/a%20b%2520%C3%A9%3F/reranking")
    assert f"POST {api.format(model=model)}" in page.text


@pytest.mark.parametrize("path", ["/v1/rerank", "/cohere/v2/rerank", "/vllm/v1/rerank"])
@pytest.mark.parametrize("documents", [DOCUMENTS, ["  a\nb", "c"], ["[x"]])
def test_a_request_of_the_journal_is_explained(client, path, documents):
    request_id = rerank(client, path=path, documents=documents, top_n=1)

    page = shown(client.get(f"/__admin/console/explain?request={request_id}"))

    assert page.fields["query"] == "llamas in Peru"
    assert f"Ranking of {len(documents)} document" in page.text
    assert f"POST {path}" in page.text


def test_a_request_with_null_for_top_n_is_explained(client):
    request_id = rerank(client, top_n=None)

    page = shown(client.get(f"/__admin/console/explain?request={request_id}"))

    assert page.fields["top_n"] == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"documents": "[1"}, "The list of documents is not JSON"),
        ({"documents": ""}, "documents"),
        ({"documents": "[" * 5000}, "JSON"),
        ({"top_n": "x"}, "top_n"),
        ({"api": "/nothing"}, "must be the path of an operation, not /nothing"),
    ],
)
def test_what_cannot_be_explained_is_refused_and_kept(client, changes, problem):
    page = shown(send(client, "explain", 400, **{"query": "my query", "documents": "a", **changes}), 400)

    assert "Not done:" in page.text
    assert problem in page.text
    assert page.fields["query"] == "my query"


def test_fields_that_an_api_does_not_have_are_named(client):
    text = shown(send(client, "explain", 200, api="/tei/rerank", query="a", documents="a", rank_fields="title")).text

    assert "This API has no rank_fields." in text


def test_many_and_long_documents_are_cut(client):
    text = shown(send(client, "explain", 200, query="a b", documents="\n".join(["a b " * 30_000, *(["a"] * 120)]))).text

    assert "(cut after 5000 characters)" in text
    assert "The first 100,000 of" in text
    assert "The best 100 are shown." in text
    assert "Ranking of 121 documents" in text


# Faults, rankings and namespaces


def test_the_catalogue_can_be_searched(client):
    every, some = (shown(client.get(path_of("faults") + query)) for query in ("", "?text=LATE"))

    assert "The answer is late" in some.text
    assert " 1 fault " in some.text
    assert int(re.search(r"(\d+) faults", every.text)[1]) > 50


def test_a_fault_is_queued_with_its_parameters(client):
    form = shown(client.get(path_of("faults") + "?fault=429"))
    assert {"fault", "times", "retry_after", "retry_after_ms", "body", "delay", "jitter"} <= form.fields.keys()

    send(client, "faults", do="queue", fault="429", times="2", retry_after="1s", delay="250ms", body="")
    location = send(client, "faults", do="queue", fault="unsorted", namespace="test-a").headers["Location"]

    assert state(client, "faults")["queue"] == [{"fault": "429", "times": 2, "delay": 250, "retry_after": 1}]
    assert state(client, "faults", "test-a")["queue"] == [{"fault": "unsorted", "times": 1}]
    assert location == "/__admin/console/faults?namespace=test-a#queue"
    assert "429 for 2 calls, delay 250, retry_after 1" in shown(client.get(path_of("faults"))).text
    send(client, "faults", do="clear")
    assert state(client, "faults")["queue"] == []


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"fault": "429x"}, 400, "there is no fault 429x"),
        ({"fault": "429", "times": "many"}, 400, "times must be an integer"),
        ({"fault": "429", "delay": "soon"}, 400, "delay must be"),
        ({"fault": "429", "namespace": "other"}, 400, "namespace must be"),
        ({"do": "dance"}, 400, "do must be"),
        ({"fault": "hang"}, 501, "hang needs the raw socket"),
    ],
)
def test_a_fault_that_is_refused_stays_in_the_form(client, fields, status, problem):
    page = shown(send(client, "faults", status, **{"do": "queue", "fault": "500", **fields}), status)

    assert problem in page.text
    assert page.fields["fault"] == fields.get("fault", "500")
    assert state(client, "faults")["queue"] == []


def test_a_fault_is_queued_for_the_calls_with_a_word():
    client = create_app(Settings(api_keys=("test-a",))).test_client()

    send(client, "faults", do="queue", fault="429", namespace="test-a call17")

    assert client.post("/v1/rerank", json=BODY, headers={"Authorization": "Bearer test-a"}).status_code == 200
    hit = client.post("/v1/rerank", json=BODY | {"query": "CALL17"}, headers={"Authorization": "Bearer test-a"})
    assert hit.status_code == 429
    assert "1 of 1 requests" in shown(client.get("/__admin/?namespace=test-a+call17")).text


def test_nothing_can_follow_a_fault_for_all_calls(client):
    send(client, "faults", do="queue", fault="429", times="always")

    assert "no fault can follow" in shown(send(client, "faults", 409, do="queue", fault="500"), 409).text


@pytest.mark.parametrize(
    ("fields", "ranking"),
    [
        ({"kind": "indexes", "lines": "2\n0"}, {"rank": [2, 0]}),
        ({"kind": "texts", "lines": "Peru\n 2 \n"}, {"rank": ["Peru", "2"]}),
        ({"kind": "scores", "lines": "0.9 2\n-1 0"}, {"scores": {"2": 0.9, "0": -1.0}}),
        ({"kind": "text_scores", "lines": "0.5 in Peru"}, {"text_scores": {"in Peru": 0.5}}),
    ],
)
def test_a_ranking_is_set_for_all_calls_or_for_the_next(client, fields, ranking):
    send(client, "rankings", do="set", **fields)
    send(client, "rankings", do="set", times="2", **fields)
    found = state(client, "ranking")

    assert found["ranking"] == ranking
    assert found["queue"] == [{**ranking, "times": 2}]
    assert "next 2 calls" in shown(client.get(path_of("rankings"))).text
    send(client, "rankings", do="clear")
    assert state(client, "ranking")["ranking"] is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "indexes", "lines": "2\nx"}, "each line must be the index of a document, not x"),
        ({"kind": "indexes", "lines": "Peru"}, "each line must be the index of a document, not Peru"),
        ({"kind": "indexes", "lines": ""}, "rank must be"),
        ({"kind": "scores", "lines": "2"}, "a score and an index on each line"),
        ({"kind": "text_scores", "lines": "0.9 Peru\n0.1 Peru"}, "can have one score only"),
        ({"kind": "x", "lines": "2"}, "kind must be"),
        ({"kind": "texts", "lines": "a", "times": "0"}, "times must be"),
    ],
)
def test_a_ranking_that_is_refused_stays_in_the_form(client, fields, problem):
    response = send(client, "rankings", 400, do="set", **fields)

    assert problem in shown(response, 400).text
    assert f">{fields['lines']}</textarea>" in response.text


def test_documents_of_the_last_request_are_chosen_one_by_one(client):
    rerank(client)
    links = [link for link in shown(client.get(path_of("rankings"))).links if "order=" in link]
    second = client.get(links[2])
    links = [link for link in shown(second).links if "order=" in link]
    response = client.get(links[0])

    assert len(links) == 2
    assert ">2\n0</textarea>" in response.text
    assert "2, 0 so far" in shown(response).text


def test_namespaces_are_listed_and_reset(client):
    rerank(client, {"Authorization": "Bearer test-a"})
    client.post("/__admin/faults?namespace=test-b", json={"fault": "429"})

    page = shown(client.get(path_of("namespaces")))
    assert "test-a requests 1" in page.text
    assert "/__admin/console/faults?namespace=test-b" in page.links
    send(client, "namespaces", namespace="test-a")
    assert state(client, "requests", "test-a")["total"] == 0


# Metrics and log


def test_metrics_are_shown_as_tables(client):
    for model in ("m", "m", "mock/unsorted", "mock/429"):
        rerank(client, model=model)
    text = shown(client.get(path_of("metrics"))).text

    for part in ("requests 4", "200 3", "429 1", "without a fault 2", "unsorted 1", "4 requests, at most"):
        assert part in text


def test_the_rate_is_counted_in_steps_of_the_last_five_minutes():
    found = rates([1000.0, 999.9, 995.1, 994.9, 700.1, 699.9, 1000.1], now=1000.0)

    assert (len(found), found[-1], found[-2], found[0], sum(found)) == (60, 3, 1, 1, 5)


def test_forms_are_logged_and_refreshes_are_not(capfd):
    mock = Mock(Settings(log_format="text", admin_token="sesame"))
    client = build_app(mock).test_client()
    client.post(path_of("sign-in"), data={"token": "sesame"})
    client.get("/__admin/")
    client.post(path_of("faults"), data={"do": "queue", "fault": "429"}, headers={"Origin": "http://localhost"})
    client.post(path_of("faults"), data={"do": "queue", "fault": "429"})
    mock.operations.state.recorder._log.flush()
    logged = capfd.readouterr().err

    assert re.findall(r"^(\S+ \S+ \d+)", logged, re.MULTILINE) == [
        "POST /__admin/console/sign-in 303",
        "POST /__admin/console/faults 303",
        "POST /__admin/console/faults 403",
    ]
    assert "accepts this request from its own pages only" in logged
    assert "sesame" not in logged


# Reports


def upload(client, content, name="report.json"):
    return client.post(path_of("report"), data={"report": (BytesIO(content), name)})


def requirement(**changes):
    usual = {"id": "RR-A-001", "level": "MUST", "sentence": "It works.", "why": "Clients break.", "state": "passed"}
    return {**usual, "reason": "", "finding": None, **changes}


def judgement(**changes):
    finding = {"expected": "a", "received": "b", "curl": "curl x"}
    return {
        "kit": "0.1.0",
        "endpoint": "http://127.0.0.1",
        "model": "m",
        "verdict": {"text": "does not keep the contract", "status": 1, "reason": ""},
        "spent": {"requests": 2, "seconds": 1.5},
        "remarks": [],
        "notes": [],
        "requirements": [requirement(), requirement(id="RR-A-002", state="failed", finding=finding, exchange=0)],
        "exchanges": [{"request": "POST /", "response": "HTTP 200"}],
        **changes,
    }


def hostile_report():
    row = requirement(id=XSS, level=XSS, sentence=XSS, why=XSS, state=XSS, reason=XSS)
    finding = {"expected": XSS, "received": XSS, "curl": XSS}
    exchange = {"request": XSS, "response": XSS}
    verdict = {"text": XSS, "status": 1, "reason": XSS}
    return judgement(
        kit=XSS,
        endpoint=XSS,
        verdict=verdict,
        notes=[XSS],
        exchanges=[exchange],
        requirements=[{**row, "finding": finding, "exchange": 0}],
    )


def test_a_judgement_is_shown_with_failures_first(client):
    text = shown(upload(client, json.dumps(judgement()).encode())).text

    assert "does not keep the contract" in text
    assert text.index("RR-A-002") < text.index("RR-A-001")
    for part in ("1 failed", "1 passed", "curl x", "HTTP 200", "2 requests, 1.5 s"):
        assert part in text


def test_an_audit_is_shown(client):
    case = {"case": "503", "fault": "503", "outcome": "silent fallback", "fails": True, "accepted": None, "seconds": 1}
    case |= {"did": "returned []", "answers": "503, 503", "findings": ["no backoff"], "again": "pytest -k 503"}
    report = {"subject": "test", "query": "q", "failed": 1, "warnings": [], "cases": [case]}
    text = shown(upload(client, json.dumps(report).encode(), "audit.json")).text

    for part in ("1 of 1 cases fail", "silent fallback", "pytest -k 503", "no backoff", "returned []"):
        assert part in text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "other.json cannot be shown: it is empty."),
        (b"\xff", "it is not"),
        (b"[" * 10_000, "cannot be shown"),
        (b"[1]", "neither requirements nor cases"),
        (b'{"a": 1}', "neither requirements nor cases"),
        (b'{"cases": 1}', "no report of this version"),
        (json.dumps(judgement(requirements=[{"id": 1}])).encode(), "/requirements/0"),
        (json.dumps(judgement(exchanges=[])).encode(), None),
        (json.dumps(judgement(spent={"requests": 10**40, "seconds": 10**400})).encode(), None),
        (json.dumps(judgement(requirements=[requirement(exchange=0.0)])).encode(), None),
    ],
)
def test_another_file_is_named_with_what_is_accepted(client, content, problem):
    response = upload(client, content, "other.json")

    if problem is None:
        assert response.status_code == 200
        return
    text = shown(response, 400).text
    assert problem in text
    assert "together-rerank-contract --json" in text


def test_a_form_without_a_file_is_answered(client):
    assert "The file cannot be shown: it is empty" in shown(client.post(path_of("report"), data={}), 400).text
