"""Drift reports each kind of difference between an endpoint and the library, and nothing else."""

import itertools
import json
from dataclasses import replace

import pytest

import together_rerank_fixtures as fixtures
from legitimate import LEGITIMATE, Correct
from miniature import KEY, Refused
from recordings import rows
from together_rerank_contract_tests.client.transport import key_redactor
from together_rerank_contract_tests.record import drift, field_types
from together_rerank_contract_tests.record.drift import Difference
from together_rerank_spec import load

pytestmark = pytest.mark.slow  # all tests together

FIELDS = {
    "another value": ({"object": "list"}, [("200 /object", '"rerank"', '"list"', '"rerank"')]),
    "another type": ({"object": 5}, [("200 /object", '"rerank"', "integer", '"rerank"')]),
    "missing": ({"object": None}, [("200 /object", '"rerank"', "absent", '"rerank"')]),
    "missing from a result": ({"document": None}, [("200 /results/*/document", "object", "absent", "object")]),
    "missing, though optional in the document": ({"id": None}, [("200 /id", "string or absent", "absent", "string")]),
    "new": ({"meta": {"tokens": {"a": 1}}}, [("200 /meta", "absent", "object", "absent")]),
    "new in a result": ({"text": "a"}, [("200 /results/*/text", "absent", "string", "absent")]),
    "an object with other fields": (
        {"usage": {"total_tokens": 3.5}},
        [
            ("200 /usage/completion_tokens", "integer", "absent", "integer"),
            ("200 /usage/prompt_tokens", "integer", "absent", "integer"),
            ("200 /usage/total_tokens", "integer", "number", "integer"),
        ],
    ),
    "a string instead of an object": ({"document": "a"}, [("200 /results/*/document", "object", "string", "object")]),
    "an object instead of an array": ({"results": {}}, [("200 /results", "array", "object", "array")]),
    "new, with nested values": (
        {"meta": [{"a": {"b": [1]}}]},
        [("200 /meta", "absent", "array", "absent")],
    ),
    "a name with characters of a JSON Pointer": ({"a/b~": 1}, [("200 /a~1b~0", "absent", "integer", "absent")]),
}


def with_fields(kind, **changes):
    """Return a subclass of *kind* that changes these fields of its responses; None removes a field."""

    class Changed(kind):
        def answer(self, request):
            body = super().answer(request)
            for place, value in changes.items():
                for node in body["results"] if place in ("document", "index", "text", "relevance_score") else [body]:
                    if value is None:
                        node.pop(place, None)
                    else:
                        node[place] = value
            return body

    return Changed


def integers_as_floats(body):
    """Return *body* with its integers as floats, as some languages write them."""
    if isinstance(body, dict):
        return {name: integers_as_floats(each) for name, each in body.items()}
    if isinstance(body, list):
        return [integers_as_floats(each) for each in body]
    return float(body) if isinstance(body, int) and not isinstance(body, bool) else body


def test_a_float_with_an_integer_value_counts_as_an_integer():
    class Floats(Correct):
        def answer(self, request):
            return integers_as_floats(super().answer(request))

    assert rows(Floats, "success/strings", "success/t*") == []


def test_a_fractional_score_is_no_drift_if_the_library_has_only_integer_scores():
    name = next(
        exchange.name
        for exchange in fixtures.all(status=200)
        if not exchange.forced and all(each["relevance_score"] in (0, 1) for each in exchange.response.body["results"])
    )

    assert rows(with_fields(Correct, relevance_score=0.5), name) == []


@pytest.mark.parametrize("change", FIELDS)
def test_a_field_that_differs_is_reported(change):
    changes, expected = FIELDS[change]

    assert rows(with_fields(Correct, **changes), "success/strings", "success/return_documents_false") == expected


def test_a_new_field_is_reported_even_if_another_response_is_not_an_object():
    class ChangesAndBreaksTheForm(Correct):
        def serialise(self, body):
            if next(self.calls) % 2:
                return super().serialise({**body, "meta": {"a": 1}})
            return b"[[1]]"

    assert rows(ChangesAndBreaksTheForm, "success/t*") == [
        ("200 (the body)", "object", "object or array", "object"),
        ("200 /meta", "absent", "object", "absent"),
    ]


def test_a_field_in_only_some_responses_is_reported_as_optional():
    calls = itertools.count()

    class AddsAFieldSometimes(Correct):
        def answer(self, request):
            body = super().answer(request)
            return {**body, "created": 1} if next(calls) % 2 else body

    assert rows(AddsAFieldSometimes, "success/t*") == [("200 /created", "absent", "integer or absent", "absent")]


class NotARanking(Correct):
    """Sends *content* instead of a ranking for every request after the first."""

    content = b""

    def serialise(self, body):
        return super().serialise(body) if next(self.calls) == 1 else self.content


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"<h1>Hello</h1>", "not JSON"),
        (b"", "not JSON"),
        (b'{"results": NaN}', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 9_000, "not JSON"),
        (b"null", "null"),
        (b'[{"index": 0, "score": 0.5}]', "array"),
        (b"[" * 400 + b"]" * 400, "not JSON"),
        (b"[" * 90 + b"]" * 90, "array"),
    ],
)
def test_a_200_that_is_not_an_object_is_one_row(content, shown):
    kind = type("Odd", (NotARanking,), {"content": content})

    assert rows(kind, "success/strings") == [("200 (the body)", "object", shown, "object")]


class DiffersInStatuses(Correct):
    """Rejects objects with 422 and accepts any `top_n`."""

    def validate(self, request):
        if any(isinstance(each, dict) for each in request["documents"]):
            raise Refused(422, "no objects")
        request["top_n"] = 1
        super().validate(request)


def test_exchanges_with_the_same_status_difference_share_one_row():
    names = ("success/objects", "success/nested", "bad_request/top_n_*", "not_found/path", "success/strings")

    assert [row for row in rows(DiffersInStatuses, *names) if row[0] == "status"] == [
        (
            "status",
            "400",
            "200",
            "400",
            *(f"bad_request/top_n_{each}" for each in ("negative", "null", "string", "zero")),
        ),
        ("status", "200", "422", "200", "success/nested", "success/objects"),
    ]


def test_the_library_s_statuses_are_those_that_the_document_has():
    library = [exchange for exchange in fixtures.all() if not exchange.forced and "max_body" not in exchange.mock]
    documented = {exchange.name: drift.documented_status(exchange, load()) for exchange in library}

    assert {name for name, status in documented.items() if status == "-"} == {
        "method_not_allowed/get",
        "not_found/doubled_base_path",
        "not_found/path",
    }
    for exchange in library:
        assert documented[exchange.name] in ("-", str(exchange.response.status))


def test_a_status_that_the_library_lacks_is_compared_with_the_document_alone():
    class TakesZero(Correct):
        def validate(self, request):
            if request.get("top_n") == 0:
                request["top_n"] = 1
            super().validate(request)

    assert rows(with_fields(TakesZero, object="list"), "bad_request/top_n_zero") == [
        ("200 /object", '"rerank"', '"list"', "-"),
        ("status", "400", "200", "400", "bad_request/top_n_zero"),
    ]


def test_an_optional_field_of_the_library_is_reported_if_no_response_of_the_endpoint_has_it():
    assert rows(Correct, "bad_request/top_n_*", "bad_request/no_body") == [
        ("error /error/param", "string or null or absent", "absent", "string or absent")
    ]


# Servers whose fields differ from the library's in ways that the document allows.
OTHER_FIELDS = {"NoUsage", "NullUsage", "NoId", "ExtraField", "NullText"}
# Servers that refuse some of the library's requests.
REFUSING = {"Takes32Documents", "TakesShortTexts", "TakesFewTokens", "TakesSmallRequests", "RejectsOddQueries"}


@pytest.mark.parametrize("kind", [each for each in LEGITIMATE if each.__name__ not in OTHER_FIELDS | REFUSING])
def test_other_scores_texts_rankings_and_retries_are_no_drift(kind):
    assert rows(kind, "success/*") == []


@pytest.mark.parametrize("key", ["llama", "results", "rerank"])
def test_a_key_that_is_also_a_word_of_the_exchanges_causes_no_drift(key):
    class UsesAWordAsTheKey(Correct):
        def authenticate(self, headers):
            if headers.get("Authorization") != f"Bearer {key}":
                raise Refused(401, "no")

    assert rows(UsesAWordAsTheKey, "success/*", key=key) == []


def test_rejections_are_not_expected_if_the_endpoint_declares_that_it_accepts_any_key_and_model():
    class AcceptsAll(Correct):
        def authenticate(self, headers):
            """Accept every key."""

        def check_model(self, model):
            """Accept every model."""

        def reply(self, *call):
            status, headers, content = super().reply(*call)
            return status, {**headers, "x-mock-accepts": "any-key, any-model"}, content

    assert rows(AcceptsAll, "unauthorized/invalid_key", "not_found/model", "success/strings") == []


class OtherErrors(Correct):
    """Sends errors with the messages, types and codes of another server."""

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        body = {"id": "a", "error": {"message": str(refused), "type": "invalid", "code": status, "param": None}}
        return status, headers, json.dumps(body).encode()


def test_differences_in_errors_are_reported_except_from_the_kit_s_own_messages():
    found = rows(OtherErrors, "unauthorized/*", "bad_request/no_body", "success/strings")

    codes = "string or null or absent"
    unauthorized = [f"unauthorized/{each}_key" for each in ("invalid", "malformed", "missing")]
    messages = {name: json.dumps(fixtures.get(name).response.body["error"]["message"]) for name in unauthorized}
    assert found == [
        ("error /error/code", codes, "integer", "string or absent"),
        ("error /id", "absent", "string", "absent"),
        ("error.type", "string", '"invalid"', '"invalid_request_error"', unauthorized[0], unauthorized[2]),
        ("error.code", codes, "401", '"invalid_api_key"', unauthorized[0]),
        ("error.code", codes, "401", '"missing_api_key"', unauthorized[2]),
        ("error.message", "string", '"the key is missing or wrong"', messages[unauthorized[0]], unauthorized[0]),
        ("error.message", "string", '"the key is missing or wrong"', messages[unauthorized[2]], unauthorized[2]),
    ]


class PlainErrors(Correct):
    def refusal(self, refused):
        return refused.status, {"Content-Type": "text/plain"}, b"no"


def test_an_error_that_is_not_error_data_is_reported_once():
    assert rows(PlainErrors, "not_found/path", "success/strings") == [
        ("error (the body)", "object", "not JSON", "object"),
    ]


class RealErrors(Correct):
    """Sends errors in the form of the real API."""

    type, param, code = "validation", None, None

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        error = {"message": str(refused), "type": self.type, "param": self.param, "code": self.code}
        return status, headers, json.dumps({"error": error}).encode()


@pytest.mark.parametrize("code", [None, "no_body"])
@pytest.mark.parametrize("patterns", [["bad_request/no_body"], ["bad_request/*", "not_found/path"]])
def test_a_documented_error_is_no_drift_if_the_library_s_error_is_the_kit_s_own(code, patterns):
    kind = type("Coded", (RealErrors,), {"code": code})

    assert [row for row in rows(kind, *patterns) if row[0] != "status"] == []


def test_null_equals_absent_if_the_document_allows_both():
    exchange = fixtures.get("bad_request/no_body")
    bare = {"error": {"message": "no", "type": "t"}}
    null = {"error": {**bare["error"], "param": None}}
    pairs = [
        drift.Pair(
            replace(exchange, response=replace(exchange.response, body=ours)), replace(exchange.response, body=theirs)
        )
        for ours, theirs in [(bare, null), (null, bare)]
    ]

    assert [drift.compare([pair], load()) for pair in pairs] == [[], []]


def test_a_type_and_a_code_that_the_document_forbids_are_reported_for_every_error():
    kind = type("Numbers", (RealErrors,), {"code": 400, "type": None})

    assert rows(kind, "bad_request/no_body") == [
        ("error /error/code", "string or null or absent", "integer", "absent"),
        ("error /error/type", "string", "null", "string"),
    ]


def test_a_schema_is_read_as_types():
    document = load()
    answer, error = (field_types.types_in_schema(document.response_schema(status), document) for status in (200, 400))

    shown = {path: field_types.describe(answer.at(path)) for path in answer}
    assert shown == {
        "": "object",
        "/id": "string or absent",
        "/model": "string",
        "/object": '"rerank"',
        "/results": "array",
        "/results/*": "object",
        "/results/*/document": "object",
        "/results/*/document/text": "string or null or absent",
        "/results/*/index": "integer",
        "/results/*/relevance_score": "number",
        "/usage": "object or null or absent",
        "/usage/completion_tokens": "integer",
        "/usage/prompt_tokens": "integer",
        "/usage/total_tokens": "integer",
    }
    assert field_types.describe(error.at("/error/code")) == "string or null or absent"


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"const": "rerank"}, '"rerank"'),
        ({"type": "string", "const": "rerank"}, '"rerank"'),
        ({"const": None}, "null"),
        ({"enum": ["rerank", None]}, '"rerank" or null'),
        ({"type": "string"}, "string"),
        ({}, "anything"),
    ],
)
def test_an_enum_or_const_is_read_as_values(schema, shown):
    assert field_types.describe(field_types.types_in_schema(schema, load()).at("")) == shown


def test_a_table_has_a_maximum_width_and_hides_control_characters_and_the_key():
    long = "x" * 500
    table = drift.table(
        [Difference("200 /a\x1b[0m", "absent", f'"{long}"', KEY, ("success/strings",) * 20)] * 150,
        key_redactor(KEY, "KEY"),
    )

    lines = table.splitlines()
    assert max(map(len, lines)) <= 110
    assert "\x1b" not in table
    assert KEY not in table
    assert "$KEY" in table
    assert "x" * 500 not in "".join(lines).replace(" ", "")
    assert lines[-1] == "and 50 more differences"
