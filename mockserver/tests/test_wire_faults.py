"""How a wire fault changes a reply, tested without a server."""

import gzip
import json

import pytest

from endpoint_calls import KEY, Pauses, body, endpoint_of, send


def ask(preference, sent=None, *, raw_socket=False):
    return send(sent or body(), headers={**KEY, "Prefer": preference}, parse=False, raw_socket=raw_socket)


def good():
    return send(body(), parse=False)


def test_malformed_json_lacks_its_last_character():
    reply = ask("fault=malformed-json")

    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)
    assert json.loads(reply.body + b"}")["object"] == "rerank"


def test_an_empty_body_has_the_content_type_of_json():
    reply = ask("fault=empty-body")

    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Type"] == "application/json"


def test_html_200_returns_an_html_page():
    reply = ask("fault=html-200")

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html"
    assert reply.body.startswith(b"<!DOCTYPE html>")


def test_wrong_content_type_changes_only_the_header():
    reply = ask("fault=wrong-content-type")

    assert reply.headers["Content-Type"] == "text/plain"
    assert len(reply.body) == len(good().body)


def test_bad_gzip_sends_a_body_that_is_not_gzip():
    reply = ask("fault=bad-gzip")

    assert reply.headers["Content-Encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(reply.body)


@pytest.mark.parametrize(
    "sent", [body(), body(documents=["Lamas où?", "lláma"]), body(documents=["駱馬", "llama"]), body(documents=[])]
)
def test_a_latin_1_body_is_never_valid_utf_8(sent):
    reply = ask("fault=latin-1", sent)

    with pytest.raises(UnicodeDecodeError):
        reply.body.decode()
    assert json.loads(reply.body.decode("latin-1"))


def test_a_bom_comes_before_the_json():
    reply = ask("fault=bom")

    assert reply.body.startswith(b"\xef\xbb\xbf{")
    assert json.loads(reply.body.decode("utf-8-sig"))["object"] == "rerank"


@pytest.mark.parametrize("name", ["hang", "reset", "empty"])
def test_a_fault_that_needs_the_raw_socket_names_the_server_that_has_it(name):
    refused = ask(f"fault={name}")
    done = ask(f"fault={name}", raw_socket=True)

    assert refused.status == 501
    assert "serve --server threaded" in json.loads(refused.body)["error"]["message"]
    assert refused.headers["x-mock-reply"] == f"misuse; fault={name}; by=header; not-applied"
    assert refused.headers["x-should-retry"] == "false"  # otherwise an SDK would retry until it succeeds
    assert "Preference-Applied" not in refused.headers
    assert done.delivery == name


@pytest.mark.parametrize("name", ["drip", "truncate", "wrong-content-type", "bom"])
def test_wire_faults_apply_to_errors_too(name):
    reply = ask(f"fault={name}", body(documents=[]))

    assert reply.status == 400
    assert reply.headers["x-mock-reply"] == f"forced; fault={name}; by=header"


def test_the_pause_of_a_drip_can_be_set():
    assert ask("fault=drip").pause_ms == 200
    assert ask("fault=drip, pause=7").pause_ms == 7
    assert ask("fault=drip, pause=0").pause_ms == 0


def test_a_delay_waits_and_a_jitter_is_the_same_for_the_same_seed():
    from together_rerank_mockserver.settings import Settings
    from together_rerank_spec import load

    def waits(seed, preference="delay=100, jitter=50"):
        waited = []
        endpoint = endpoint_of(load(), Settings(seed=seed), Pauses(waited.append))
        for _ in range(4):
            send(body(), endpoint, {**KEY, "Prefer": preference})
        return waited

    assert waits(0, "delay=250") == [0.25] * 4
    assert waits(0, "code=429, delay=250") == [0.25] * 4
    assert waits(0, "fault=delay") == [1.0] * 4
    assert all(0.1 <= wait < 0.15 for wait in waits(1))
    assert len(set(waits(1))) == 4
    assert waits(1) == waits(1) != waits(2)
