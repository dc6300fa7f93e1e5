"""The requests that a recording sends, and how it handles missing responses."""

import json
from fnmatch import fnmatchcase

import pytest

import together_rerank_fixtures as fixtures
from legitimate import Correct, RecordsRequests
from miniature import KEY, MODEL, Miniature, Refused
from recordings import read, record, run_comparison
from together_rerank_contract_tests.record.comparison import select_exchanges


def test_a_recording_has_the_library_s_requests_and_the_endpoint_s_responses(tmp_path):
    with Correct() as server:
        saved = record(server, tmp_path)
        port = server.server.server_port

    library = {each.name: each for each in select_exchanges(())}
    assert set(saved) == {name for name, exchange in library.items() if not set(exchange.mock) - {"api_keys", "models"}}
    for name, exchange in saved.items():
        assert exchange.shows == f"The response of 127.0.0.1:{port} to the request of {name}."
        assert exchange.source == {
            "kind": "observed",
            "citation": f"127.0.0.1:{port}, by together-rerank-contract record",
            "date": "2026-11-25",
        }
        assert (exchange.request.method, exchange.request.headers) == (
            library[name].request.method,
            library[name].request.headers,
        )
        assert exchange.mock == exchange.clients == exchange.wording == {}
    assert saved["success/top_n_one"].response.body["id"].startswith("miniature-")
    assert saved["method_not_allowed/get"].response.headers == {"Allow": "POST", "Content-Type": "application/json"}


def test_requests_name_the_endpoint_s_model_except_in_exchanges_about_models(tmp_path):
    with Correct() as server:
        saved = record(server, tmp_path)

    about = {"not_found/model": "example/no-such-model", "not_found/empty_model": ""}
    for name, exchange in saved.items():
        body = exchange.request.body
        if isinstance(body, dict) and "model" in body:
            assert body["model"] == about.get(name, MODEL)
        assert b"Llama-Rank" not in exchange.request.content
    assert MODEL.encode() in saved["bad_request/not_json"].request.content


def test_each_request_is_sent_once():
    with RecordsRequests() as server:
        comparison, _ = run_comparison(server)

    assert len(server.seen) == len(comparison.sent_exchanges) + 1
    assert "success/document_example" not in [each.name for each in comparison.exchanges]


KEYS = {
    "success/strings": f"Bearer {KEY}",
    "unauthorized/missing_key": None,
    "unauthorized/invalid_key": "Bearer WRONG_KEY",
    "unauthorized/malformed_key": "YOUR_KEY",
}


@pytest.mark.parametrize("name", KEYS)
def test_the_library_s_valid_key_is_replaced_and_other_keys_are_sent_unchanged(name):
    with RecordsRequests() as server:
        run_comparison(server, name)

    assert server.seen[-1][2].get("Authorization") == KEYS[name]


class NeedsNoKey(RecordsRequests):
    def authenticate(self, headers):
        """Accept every request."""


def test_without_a_key_none_is_sent_and_exchanges_about_keys_are_skipped(tmp_path):
    with NeedsNoKey() as server:
        comparison, files = run_comparison(server, "unauthorized/*", "success/strings", key=None)

    assert server.keys == {None}
    assert set(comparison.skipped) == {name for name in KEYS if name.startswith("unauthorized")}
    assert set(comparison.skipped.values()) == {"no key to send; --api-key-env names one"}
    assert json.loads(files["success/strings.json"])["request"]["headers"] == {"Content-Type": "application/json"}
    assert read(tmp_path, files)["success/strings"].deviations == ()


class ServesBelowAPrefix(Correct):
    """Serves the operation below a prefix, as a gateway does."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def reply(self, method, path, headers, content):
        self.seen.add((method, path))
        below = path.removeprefix("/proxy")
        return super().reply(method, below if below != path else "/nowhere", headers, content)


@pytest.mark.parametrize(
    ("url", "base", "path"), [("/proxy", "/proxy", "/v1/rerank"), ("/proxy/rerank", "/proxy", "/rerank")]
)
def test_requests_to_other_paths_use_the_same_base_url(tmp_path, url, base, path):
    names = ("not_found/path", "not_found/doubled_base_path", "method_not_allowed/get", "success/strings")
    with ServesBelowAPrefix() as server:
        saved = record(server, tmp_path, *names, url=url)

    assert server.seen == {
        ("GET", f"{base}{path}"),
        ("POST", f"{base}{path}"),
        ("POST", f"{base}/v2/rerank"),
        ("POST", f"{base}/v1/v1/rerank"),
    }
    assert {name: saved[name].request.path for name in names} == {
        "not_found/path": "/v2/rerank",
        "not_found/doubled_base_path": "/v1/v1/rerank",
        "method_not_allowed/get": path,
        "success/strings": path,
    }


class DropsOneConnection(Correct):
    """Closes the connection for one query."""

    def answer(self, request):
        if request["query"] == fixtures.get("success/thai").request.body["query"]:
            self.drops = True
        return super().answer(request)

    def reply(self, *call):
        self.drops = False
        answer = super().reply(*call)
        return None if self.drops else answer


@pytest.mark.slow
def test_an_exchange_without_a_response_is_missing_and_the_others_are_saved(tmp_path):
    with DropsOneConnection() as server:
        comparison, files = run_comparison(server, "success/t*")

    assert set(comparison.missing) == {"success/thai"}
    assert "no complete response from" in comparison.missing["success/thai"]
    assert set(read(tmp_path, files)) == {each.name for each in comparison.exchanges if each.name != "success/thai"}
    assert comparison.abort_reason.status == 3


class BusyAfterTheFirstResponse(RecordsRequests):
    """Sends *status* to these queries, or to all if there are none; the first request always succeeds."""

    status = 429
    queries = ()

    def reply(self, *call):
        answer = super().reply(*call)
        is_busy = not self.queries or json.loads(call[3])["query"] in self.queries
        return (self.status, {"Retry-After": "0"}, b"") if is_busy and len(self.seen) > 1 else answer


@pytest.mark.parametrize("status", [429, 503])
def test_a_recording_stops_if_the_endpoint_stays_busy(status):
    with BusyAfterTheFirstResponse() as server:
        server.status = status
        comparison, files = run_comparison(server, "success/*")

    assert files == {}
    assert 1 + 2 * 2 < len(server.seen) <= 1 + 2 * 6
    first, second, *rest = (each.name for each in comparison.exchanges)
    assert set(comparison.missing) == {first, second, *rest}
    for name in (first, second):
        assert comparison.missing[name].startswith(f"the endpoint returns {status}")
    assert {comparison.missing[name] for name in rest} == {comparison.stop_reason}
    assert comparison.stop_reason.startswith("the endpoint was busy twice in a row, even after all retries")
    assert comparison.abort_reason.status == 3


def test_a_recording_continues_if_the_endpoint_is_sometimes_busy():
    busy = {"success/thai", "success/ties", "success/two_subjects"}
    with BusyAfterTheFirstResponse() as server:
        server.queries = {fixtures.get(name).request.body["query"] for name in busy}
        comparison, files = run_comparison(server, "success/t*")

    assert comparison.stop_reason == ""
    assert set(comparison.missing) == busy
    assert len(files) + len(busy) == len(comparison.exchanges)


class RejectsAllKeys(Miniature):
    def authenticate(self, headers):
        raise Refused(401, "nobody is let in")


def test_a_recording_stops_if_the_first_response_is_not_200():
    with RejectsAllKeys() as server:
        comparison, files = run_comparison(server)

    assert files == {}
    assert "returns 401" in comparison.stop_reason
    assert comparison.transport.budget.requests == 1


def test_the_library_s_model_name_occurs_only_in_the_field_model():
    for exchange in fixtures.all():
        content = exchange.request.content.replace(b'": "', b'":"')
        assert content.count(b'"Salesforce/Llama-Rank-') == content.count(b'"model":"Salesforce/Llama-Rank-')


def test_a_pattern_without_matches_raises_an_error_that_lists_the_names():
    with pytest.raises(LookupError, match="no exchange matches '%%/\\*'; choose from: bad_request/"):
        select_exchanges(["success/*", "%%/*"])


def test_a_pattern_like_a_name_raises_an_error_with_the_nearest_names():
    with pytest.raises(LookupError, match="no exchange matches 'success/string'; the nearest: success/strings"):
        select_exchanges(["success/string"])


@pytest.mark.parametrize("pattern", ["rate_limit/*", "broken/tei"])
def test_a_pattern_that_matches_only_forced_exchanges_raises_its_own_error(pattern):
    names = [exchange.name for exchange in fixtures.all() if fnmatchcase(exchange.name, pattern)]

    with pytest.raises(LookupError) as raised:
        select_exchanges(["success/*", pattern])

    assert str(raised.value) == (
        f"--only: '{pattern}' matches only exchanges whose response no request can cause: " + ", ".join(names)
    )


@pytest.mark.parametrize("name", ["success/*", "not_found/path", "broken/tei"])
def test_only_matching_exchanges_that_are_not_forced_are_selected(name):
    if name.startswith("broken"):
        with pytest.raises(LookupError):
            select_exchanges([name])
    else:
        assert {each.name.partition("/")[0] for each in select_exchanges([name])} == {name.partition("/")[0]}
