"""Of errors what the document forbids is told, and what the API was seen to say otherwise."""

import json
from dataclasses import replace

import pytest

import together_rerank_fixtures as fixtures
from legitimate import Honest
from recordings import rows
from together_rerank_contract_tests import drift
from together_rerank_spec import load


class Errors(Honest):
    """In the words, types and codes of another server."""

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        body = {"id": "a", "error": {"message": str(refused), "type": "invalid", "code": status, "param": None}}
        return status, headers, json.dumps(body).encode()


def test_what_differs_in_errors_is_told_and_the_kit_s_own_sentences_are_no_standard():
    found = rows(Errors, "unauthorized/*", "bad_request/no_body", "success/strings")

    codes = "string or null or absent"
    unauthorized = [f"unauthorized/{each}_key" for each in ("invalid", "malformed", "missing")]
    worded = {name: json.dumps(fixtures.get(name).response.body["error"]["message"]) for name in unauthorized}
    assert found == [
        ("error /error/code", codes, "integer", "string or absent"),
        ("error /id", "absent", "string", "absent"),
        ("error.type", "string", '"invalid"', '"invalid_request_error"', unauthorized[0], unauthorized[2]),
        ("error.code", codes, "401", '"invalid_api_key"', unauthorized[0]),
        ("error.code", codes, "401", '"missing_api_key"', unauthorized[2]),
        ("error.message", "string", '"the key is missing or wrong"', worded[unauthorized[0]], unauthorized[0]),
        ("error.message", "string", '"the key is missing or wrong"', worded[unauthorized[2]], unauthorized[2]),
    ]


class PlainErrors(Honest):
    def refusal(self, refused):
        return refused.status, {"Content-Type": "text/plain"}, b"no"


def test_an_error_without_the_form_of_one_is_told_once():
    assert rows(PlainErrors, "not_found/path", "success/strings") == [
        ("error (the body)", "object", "not JSON", "object"),
    ]


class RealErrors(Honest):
    """In the form of the API's own."""

    type, param, code = "validation", None, None

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        error = {"message": str(refused), "type": self.type, "param": self.param, "code": self.code}
        return status, headers, json.dumps({"error": error}).encode()


@pytest.mark.parametrize("code", [None, "no_body"])
@pytest.mark.parametrize("patterns", [["bad_request/no_body"], ["bad_request/*", "not_found/path"]])
def test_an_error_as_the_document_allows_it_is_no_drift_where_the_library_s_is_the_kit_s_own(code, patterns):
    kind = type("Coded", (RealErrors,), {"code": code})

    assert [row for row in rows(kind, *patterns) if row[0] != "status"] == []


def test_null_is_as_good_as_absent_where_the_document_takes_both():
    exchange = fixtures.get("bad_request/no_body")
    bare = {"error": {"message": "no", "type": "t"}}
    null = {"error": {**bare["error"], "param": None}}
    pairs = [
        drift.Pair(
            replace(exchange, response=replace(exchange.response, body=ours)), replace(exchange.response, body=theirs)
        )
        for ours, theirs in [(bare, null), (null, bare)]
    ]

    assert [drift.compared([pair], load()) for pair in pairs] == [[], []]


def test_a_type_and_a_code_that_the_document_does_not_allow_are_told_for_every_error():
    kind = type("Numbers", (RealErrors,), {"code": 400, "type": None})

    assert rows(kind, "bad_request/no_body") == [
        ("error /error/code", "string or null or absent", "integer", "absent"),
        ("error /error/type", "string", "null", "string"),
    ]
