"""Proxies in the environment get no call to the mock, whatever its host is."""

import os
import socket
import urllib.request
from contextlib import suppress

import httpx
import pytest
import requests

from mock_process import running
from plugin_client import BODY, order
from together_rerank_mockserver.testing.environment import environment

NO_PROXY = "http://127.0.0.1:9"  # nothing listens there
NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture
def proxied(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", NO_PROXY)
    monkeypatch.setenv("https_proxy", NO_PROXY)
    # urllib keeps the proxies of the first call.
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.mark.parametrize("host", ["rerank-mock.internal", "192.0.2.1", "[2001:db8::1]", "localhost."])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_clients_use_no_proxy_for_the_host_of_the_mock(proxied, monkeypatch, host, scheme):
    url = f"{scheme}://{host}:4010"
    for name, value in environment(url, "key").items():
        monkeypatch.setenv(name, value)

    assert not urllib.request.getproxies().get(scheme) or urllib.request.proxy_bypass(f"{host}:4010")
    assert not requests.utils.get_environ_proxies(f"{url}/v1/rerank")
    with httpx.Client() as client:
        assert client._transport_for_url(httpx.URL(url)) is client._transport


def has_ipv6():
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    "host", ["0.0.0.0", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="needs IPv6"))]
)
@pytest.mark.usefixtures("proxied")
class TestAnotherAddress:
    @pytest.fixture
    def rerank_mock_address(self, host):
        return host, 0

    def test_calls_reach_the_mock(self, rerank_mock):
        assert order() == [1, 0]
        with httpx.Client(base_url=rerank_mock.base_url) as client:
            client.post("/rerank", json=BODY, headers={"Authorization": "Bearer x"})
        rerank_mock.assert_called(times=2, status=200)


def test_both_variables_keep_the_hosts_of_the_other(proxied, monkeypatch, request):
    monkeypatch.setenv("NO_PROXY", "one.internal, two.internal")
    request.getfixturevalue("rerank_mock")

    assert os.environ["NO_PROXY"] == os.environ["no_proxy"]
    assert os.environ["no_proxy"].startswith("one.internal,two.internal,127.0.0.1,localhost,api.together.xyz")


def test_a_variable_in_mixed_case_is_a_proxy_too(proxied, monkeypatch, request):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("Http_Proxy", NO_PROXY)
    request.getfixturevalue("rerank_mock")

    assert order() == [1, 0]


@pytest.mark.served
def test_neither_the_tests_nor_the_fixture_use_a_proxy_for_a_running_mock(run_pytest):
    with running("-q", "--admin-token", "token") as mock:
        url = f"http://0.0.0.0:{mock.port}"
        run = run_pytest(
            f"""
def test_it(rerank_mock):
    assert rerank_mock.base_url == "{url}"
    assert order() == [1, 0]
    rerank_mock.assert_called(times=1)
""",
            f"--rerank-mock-url={url}",
            HTTP_PROXY=NO_PROXY,
            http_proxy=NO_PROXY,
            TOGETHER_RERANK_MOCK_ADMIN_TOKEN="token",
        )

    assert run.all_outcomes() == ["passed"], run.output
