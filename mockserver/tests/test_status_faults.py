"""Every error status can be requested, with the body and headers that were observed or documented."""

import json
import time
from email.utils import parsedate_to_datetime

import pytest

import together_rerank_fixtures as fixtures
from endpoint_calls import ENDPOINT, KEY, body, endpoint_of, send
from together_rerank_mockserver.api.messages import Reply
from together_rerank_spec import Document, Validator, load

STATUSES = [int(fault.name) for fault in ENDPOINT.catalogue if fault.family == "status"]
ERROR = Validator(load().response_schema(400))


def ask(preference, sent=None, endpoint=ENDPOINT):
    return send(sent or body(), endpoint, {**KEY, "Prefer": preference}, parse=False)


def test_only_statuses_of_the_document_are_marked_as_documented():
    documented = {int(fault.name) for fault in ENDPOINT.catalogue if fault.as_dict.get("documented") is True}
    observed = {int(fault.name) for fault in ENDPOINT.catalogue if fault.as_dict.get("documented") is False}

    assert documented == set(load().error_statuses)
    assert observed == {402, 403, 413, 422, 500, 502, 520, 524, 529}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_a_body_of_the_library(status):
    reply = ask(f"code={status}")

    assert reply.status == status
    assert reply.body in [exchange.response.content for exchange in fixtures.all(status=status)]
    unlisted = "" if status in load().error_statuses else "; undocumented"
    assert reply.headers["x-mock-reply"] == f"forced; fault={status}; by=header{unlisted}"
    assert len(reply.headers["x-request-id"]) == 31
    if status in (520, 524):
        assert reply.headers["Content-Type"].startswith("text/html")
    else:
        assert ERROR.violations(json.loads(reply.body)) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", json.dumps(body(documents=[])).encode()])
def test_a_status_fault_applies_to_any_body(content):
    assert ask("code=503", content).status == 503


def test_a_call_without_a_key_gets_no_fault():
    reply = send(body(), headers={"Prefer": "code=503"}, parse=False)

    assert reply.status == 401
    assert "Preference-Applied" not in reply.headers


def test_a_429_has_retry_after_and_rate_limit_headers():
    headers = ask("code=429").headers

    assert headers["Retry-After"] == headers["x-ratelimit-reset"] == "1"
    assert headers["x-ratelimit-remaining"] == "0"
    assert int(headers["x-ratelimit-limit"]) > 0
    assert {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"} <= headers.keys()


@pytest.mark.parametrize(
    ("preference", "seconds", "milliseconds"),
    [
        ("code=429, retry_after=7", "7", None),
        ("code=429, retry_after=0", "0", None),
        ("code=429, retry_after_ms=1500", "2", "1500"),
        ("code=429, retry_after=9, retry_after_ms=150", "9", "150"),
        ("code=429, retry_after=none", None, None),
        ("code=429, retry_after_ms=0", "0", "0"),
        ("code=429, retry_after=none, retry_after_ms=150", None, "150"),
        ("code=503, retry_after=3", "3", None),
        ("code=429, retry_after=0.5", "0.5", None),
        ("code=429, retry_after=0.0004", "0", None),
        ("code=429, retry_after=wrong", "soon", None),
        ("code=308, retry_after=1", "1", None),
        ("code=503", None, None),
    ],
)
def test_retry_after_can_be_set_or_omitted(preference, seconds, milliseconds):
    headers = ask(preference).headers

    assert headers.get("Retry-After") == seconds
    assert headers.get("retry-after-ms") == milliseconds


def test_retry_after_can_be_an_http_date():
    reply = ask("code=503, retry_after=date:30")

    seconds = parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() - time.time()
    assert 29 < seconds < 32
    assert reply.retry_after == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 2015 07:28:00 GMT", "soon"])
def test_a_date_that_is_over_or_invalid_gives_no_wait(date):
    assert Reply(429, b"", {"Retry-After": date}).retry_after is None


@pytest.mark.parametrize("status", [300, 307, 409, 418, 451, 511, 522, 599])
def test_any_other_status_is_a_fault_that_is_marked_as_undocumented(status):
    reply = ask(f"code={status}")

    assert reply.status == status
    assert reply.headers["x-mock-reply"] == f"forced; fault={status}; by=header; undocumented"
    assert "Location" not in reply.headers
    if status < 400:
        assert (reply.body, reply.headers.get("Content-Type")) == (b"", None)
    else:
        assert ERROR.violations(json.loads(reply.body)) == []


@pytest.mark.parametrize("status", [307, 429, 502, 520])
@pytest.mark.parametrize(
    ("form", "media_type", "begins"),
    [
        ("json", "application/json", b'{"'),
        ("html", "text/html; charset=utf-8", b"<html>\n<head><title>"),
        ("text", "text/plain; charset=utf-8", b""),
        ("none", None, b""),
    ],
)
def test_the_body_of_a_status_can_be_chosen(status, form, media_type, begins):
    reply = ask(f"code={status}, body={form}")

    assert (reply.status, reply.headers.get("Content-Type")) == (status, media_type)
    assert reply.body.startswith(begins)
    assert (str(status).encode() in reply.body) is (form in ("html", "text"))
    if form == "json":
        assert ERROR.violations(json.loads(reply.body)) == []
    if form == "none":
        assert reply.body == b""


def test_a_redirect_has_the_location_that_was_requested():
    assert ask("code=307, location=http://127.0.0.1:1/v1").headers["Location"] == "http://127.0.0.1:1/v1"
    assert "Location" not in ask("code=307").headers


@pytest.mark.parametrize(("value", "reset"), [("0.5", "1"), ("7", "7"), ("none", None), ("wrong", None)])
def test_the_reset_of_the_rate_limit_agrees_with_retry_after(value, reset):
    assert ask(f"code=429, retry_after={value}").headers.get("x-ratelimit-reset") == reset


def test_a_status_that_only_another_document_lists_is_a_fault():
    content = json.loads(json.dumps(load().content))
    responses = content["paths"]["/rerank"]["post"]["responses"]
    responses["451"] = {**responses["400"], "description": "Not in your country"}
    endpoint = endpoint_of(Document("other.yaml", content))

    reply = ask("code=451", endpoint=endpoint)

    assert reply.status == 451
    assert json.loads(reply.body)["error"]["message"] == "Not in your country"
    assert "451" not in [fault.name for fault in ENDPOINT.catalogue]
