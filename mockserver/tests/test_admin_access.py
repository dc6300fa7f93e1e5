"""Who may use the control plane."""

import pytest

from together_rerank_mockserver.http.access import is_loopback
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec.urls import is_loopback


def ask(headers, path="/__admin/health", **settings):
    return create_app(Settings(**settings)).test_client().get(path, headers=headers)


@pytest.mark.parametrize("host", ["127.0.0.1:4010", "127.9.9.9", "localhost:4010", "LOCALHOST", "[::1]:4010"])
def test_this_machine_has_access(host):
    assert ask({"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4010",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1.evil.example",
        "192.168.1.1:4010",
        "0.0.0.0:4010",
        "[::]:4010",
        "2130706433",
        "127.1",
        "evil.example@localhost",
        "evil.example:80@localhost",
        "localhost/evil.example",
        "localhost:port",
        "localhost:999999",
        "local host",
        "[",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/__admin/health", "/__admin/nothing"])
def test_another_name_for_it_is_not(host, path):
    refused = ask({"Host": host}, path)

    assert refused.status_code == 403
    assert "error" in refused.json


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://localhost:3000",
        "http://127.0.0.1:1",
        "chrome-extension://127.0.0.1:4010",
        "http://x@127.0.0.1:4010",
    ],
)
def test_a_foreign_page_is_refused_with_and_without_a_token(origin):
    headers = {"Host": "127.0.0.1:4010", "Origin": origin, "Authorization": "Bearer token-1"}

    assert ask(headers).status_code == 403
    assert ask(headers, admin_token="token-1").status_code == 403


def test_its_own_page_and_an_allowed_origin_have_access():
    assert ask({"Host": "localhost:4010", "Origin": "http://localhost:4010"}).status_code == 200
    assert ask({"Origin": "http://app.example"}, cors=("http://app.example",)).status_code == 200
    assert ask({"Host": "evil.example", "Origin": "http://evil.example"}).status_code == 403


def test_a_token_is_needed_once_there_is_one():
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic token-1"}):
        refused = ask(headers, admin_token="token-1")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "token-1" not in refused.text
    assert ask({"Authorization": "Bearer token-1"}, admin_token="token-1").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1"])
def test_a_listener_for_others_is_off_without_a_token(host):
    here = {"Host": "127.0.0.1:4010"}

    assert ask(here, host=host).status_code == 403
    assert "--admin-token" in ask(here, host=host).json["error"]["message"]
    assert ask(here | {"Authorization": "Bearer t"}, host=host, admin_token="t").status_code == 200
    assert ask({"Host": "mock.example", "Authorization": "Bearer t"}, host=host, admin_token="t").status_code == 200


@pytest.mark.parametrize("path", ["/__admin", "/__admin/", "/__admin/x/y"])
def test_no_path_below_it_is_answered_before_the_guard(path):
    assert ask({"Host": "evil.example"}, path).status_code == 403
    assert ask({"Host": "evil.example"}, path).json["error"]
    assert ask({}, path, admin_token="token-1").status_code == 401


@pytest.mark.parametrize("remote", ["192.168.1.9", "", "::ffff:192.168.1.9"])
def test_a_client_elsewhere_is_refused_whatever_the_settings_believe(remote):
    client = create_app().test_client()

    assert client.get("/__admin/health", environ_base={"REMOTE_ADDR": remote}).status_code == 403


def test_the_operation_is_open_whatever_the_control_plane_is():
    assert ask({}, "/health", host="0.0.0.0").status_code == 200


@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "localhost."])
def test_other_spellings_of_loopback(host):
    assert is_loopback(host)
