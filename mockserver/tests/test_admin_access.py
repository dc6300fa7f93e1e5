"""Access to the control plane: hosts, origins, addresses and the token."""

import pytest

from together_rerank_mockserver.http.access import is_loopback
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec.urls import is_loopback


def ask(headers, path="/__admin/health", **settings):
    return create_app(Settings(**settings)).test_client().get(path, headers=headers)


@pytest.mark.parametrize("host", ["127.0.0.1:4010", "127.9.9.9", "localhost:4010", "LOCALHOST", "[::1]:4010"])
def test_a_loopback_host_has_access(host):
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
def test_any_other_host_is_rejected(host, path):
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
def test_a_page_of_another_origin_is_rejected_with_and_without_a_token(origin):
    headers = {"Host": "127.0.0.1:4010", "Origin": origin, "Authorization": "Bearer token-1"}

    assert ask(headers).status_code == 403
    assert ask(headers, admin_token="token-1").status_code == 403


def test_the_same_origin_and_an_allowed_origin_have_access():
    assert ask({"Host": "localhost:4010", "Origin": "http://localhost:4010"}).status_code == 200
    assert ask({"Origin": "http://app.example"}, cors=("http://app.example",)).status_code == 200
    assert ask({"Host": "evil.example", "Origin": "http://evil.example"}).status_code == 403


def test_a_configured_token_is_required():
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic token-1"}):
        refused = ask(headers, admin_token="token-1")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "token-1" not in refused.text
    assert ask({"Authorization": "Bearer token-1"}, admin_token="token-1").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1"])
def test_the_control_plane_of_a_public_listener_needs_a_token(host):
    local = {"Host": "127.0.0.1:4010"}

    assert ask(local, host=host).status_code == 403
    assert "--admin-token" in ask(local, host=host).json["error"]["message"]
    assert ask(local | {"Authorization": "Bearer t"}, host=host, admin_token="t").status_code == 200
    assert ask({"Host": "mock.example", "Authorization": "Bearer t"}, host=host, admin_token="t").status_code == 200


PROXY_HEADERS = [
    "Forwarded",
    "X-Forwarded-For",
    "x-forwarded-proto",
    "X-FORWARDED-HOST",
    "X-ForwardedFor",
    "X-Real-IP",
    "Via",
]


@pytest.mark.parametrize("name", PROXY_HEADERS)
def test_a_request_that_a_proxy_passes_on_needs_the_token(name):
    refused = ask({name: "127.0.0.1"})

    assert refused.status_code == 403
    assert f"the header {name.title()} shows that a proxy".lower() in refused.json["error"]["message"].lower()
    assert "--admin-token" in refused.json["error"]["message"]
    assert ask({name: "127.0.0.1"}, "/__admin/nothing").status_code == 403
    assert ask({name: "127.0.0.1", "Authorization": "Bearer t"}, admin_token="t").status_code == 200


@pytest.mark.parametrize("name", ["X-Forwarder", "X-Viable", "Viaduct", "Not-Forwarded"])
def test_similar_headers_are_not_of_a_proxy(name):
    assert ask({name: "127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("path", ["/__admin/health", "/__admin/nothing"])
def test_no_admin_closes_the_control_plane(path):
    refused = ask({}, path, no_admin=True)

    assert refused.status_code == 403
    assert refused.json["error"]["message"] == "The control plane is closed by --no-admin"
    assert ask({}, "/health", no_admin=True).status_code == 200


@pytest.mark.parametrize("path", ["/__admin/x", "/__admin/x/y"])
def test_access_is_checked_for_every_path_of_the_control_plane(path):
    assert ask({"Host": "evil.example"}, path).status_code == 403
    assert ask({"Host": "evil.example"}, path).json["error"]
    assert ask({}, path, admin_token="token-1").status_code == 401


@pytest.mark.parametrize("remote", ["192.168.1.9", "", "::ffff:192.168.1.9"])
def test_a_remote_client_is_rejected_with_default_settings(remote):
    client = create_app().test_client()

    assert client.get("/__admin/health", environ_base={"REMOTE_ADDR": remote}).status_code == 403


def test_health_is_served_when_the_control_plane_is_closed():
    assert ask({}, "/health", host="0.0.0.0").status_code == 200


@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "localhost."])
def test_other_spellings_of_loopback_are_recognized(host):
    assert is_loopback(host)
