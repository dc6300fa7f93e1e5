"""The mock with HTTPS, on granian."""

import contextlib
import http.client
import json
import signal
import socket
import ssl
import time

import pytest

from certificates import certificate, create_certificate, needs_openssl  # noqa: F401  # a fixture
from command_runner import assert_refused, run
from mock_process import BODY, KEY, running
from together_rerank_mockserver import MockServer, Settings, SettingsError

pytestmark = [pytest.mark.served, needs_openssl]


@pytest.fixture(scope="module")
def mock(certificate):  # pytest passes the fixture
    with running("-q", "--tls-cert", certificate, "--tls-key", certificate.with_suffix(".key")) as mock:
        yield mock


@pytest.fixture
def client(mock, certificate):
    """A connection that trusts the certificate of the mock only."""
    context = ssl.create_default_context(cafile=certificate)
    with contextlib.closing(http.client.HTTPSConnection("localhost", mock.port, timeout=20, context=context)) as client:
        yield client


def ask(client, method="POST", path="/v1/rerank", body=BODY, **headers):
    client.request(method, path, body, KEY | headers)
    response = client.getresponse()
    return response.status, response.read()


def test_the_url_is_announced_as_https(mock, client):
    assert mock.url == f"https://127.0.0.1:{mock.port}"
    assert ask(client)[0] == ask(client)[0] == 200


def test_the_control_plane_and_faults_work(client):
    assert ask(client, path="/__admin/faults", body=json.dumps({"fault": "429"}))[0] == 200
    assert [ask(client)[0], ask(client)[0]] == [429, 200]
    assert json.loads(ask(client, "GET", "/__admin/requests?limit=1", None)[1])["requests"][0]["path"] == "/v1/rerank"


def test_an_answer_is_cut(client):
    client.request("POST", "/v1/rerank", BODY, KEY | {"Prefer": "fault=truncate"})

    with pytest.raises(http.client.IncompleteRead):
        client.getresponse().read()


def test_an_answer_drips(client):
    began = time.monotonic()
    status, content = ask(client, Prefer="fault=drip, pause=30")

    assert status == 200
    assert json.loads(content)["results"]
    assert time.monotonic() - began > 0.2


def test_the_settings_have_the_paths_of_the_files_only(client, certificate):
    content = ask(client, "GET", "/__admin/settings", None)[1]

    settings = json.loads(content)
    assert settings["tls_cert"] == str(certificate)
    assert settings["tls_key"] == str(certificate.with_suffix(".key"))
    assert b"PRIVATE" not in content


def test_plain_http_gets_no_answer(mock):
    with contextlib.closing(http.client.HTTPConnection("localhost", mock.port, timeout=20)) as client:
        client.request("GET", "/health")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            client.getresponse()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_two_versions_of_tls_are_accepted(mock, certificate, version):
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = version

    with (
        socket.create_connection(("127.0.0.1", mock.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        assert client.version() == version.name.replace("_", ".")


def test_wait_trusts_the_certificate_that_ssl_cert_file_names(mock, certificate):
    untrusted = run("wait", mock.url, "--timeout", "0")

    assert untrusted.exit_code == 1
    assert untrusted.stderr.endswith("; the last error was: certificate verify failed: self-signed certificate\n")
    assert run("wait", mock.url, SSL_CERT_FILE=str(certificate)).exit_code == 0


def test_a_certificate_for_another_name_does_not_delay_the_start(tmp_path):
    other = create_certificate(tmp_path / "other.pem", names="DNS:mock.example")

    with running("--tls-cert", other, "--tls-key", other.with_suffix(".key")) as mock:
        assert mock.stop(signal.SIGTERM) == 0

    assert f"TOGETHER_BASE_URL=https://127.0.0.1:{mock.port}  " in mock.lines[0]


def test_the_key_of_another_certificate_is_rejected(certificate, tmp_path):
    other = create_certificate(tmp_path / "other.pem").with_suffix(".key")

    refused = run("serve", "--port", "0", "--tls-cert", certificate, "--tls-key", other)

    assert_refused(refused, f"Invalid value for --tls-key: must be the key of {certificate}, both in PEM format")


def test_the_server_in_this_process_has_no_tls(certificate):
    with pytest.raises(SettingsError, match="`tls_cert` needs the server granian"):
        MockServer(Settings(tls_cert=certificate, tls_key=certificate.with_suffix(".key")))
