"""Endpoints on this machine with a certificate that no public authority signed."""

import ssl

import pytest

from certificates import certificate, needs_openssl, openssl  # noqa: F401  # a fixture
from commanding import MODEL_AND_KEY, contract, verdict
from legitimate import Correct

pytestmark = needs_openssl


class Tls(Correct):
    def __init__(self, certificate):
        super().__init__()
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def __enter__(self):
        super().__enter__()
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        return self

    @property
    def url(self):
        return super().url.replace("http:", "https:")


@pytest.fixture
def server(certificate):
    with Tls(certificate) as server:
        yield server


def test_an_unknown_certificate_is_not_trusted(server):
    ran = contract(server.url, *MODEL_AND_KEY, "--quick")

    assert ran.returncode == 3
    assert "certificate verify failed" in verdict(ran)
    assert "; --cacert FILE trusts the certificates in FILE -- " in verdict(ran)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_cacert_names_the_certificate_to_trust(server, certificate, host):
    url = server.url.replace("127.0.0.1", host)
    ran = contract(url, *MODEL_AND_KEY, "--quick", "--cacert", certificate)

    assert ran.returncode == 0, verdict(ran)


def test_ssl_cert_file_is_used_for_localhost_and_a_proxy_is_not(server, certificate):
    ran = contract(
        server.url, *MODEL_AND_KEY, "--quick", SSL_CERT_FILE=str(certificate), ALL_PROXY="http://127.0.0.1:9"
    )

    assert ran.returncode == 0, verdict(ran)


def test_ssl_cert_dir_is_used_for_localhost(server, certificate, tmp_path):
    name = openssl("x509", "-in", certificate, "-noout", "-hash")
    (tmp_path / f"{name}.0").symlink_to(certificate)
    ran = contract(server.url, *MODEL_AND_KEY, "--quick", SSL_CERT_FILE="", SSL_CERT_DIR=str(tmp_path))

    assert ran.returncode == 0, verdict(ran)


@pytest.mark.parametrize("command", [(), ("drift",)])
def test_a_file_without_certificates_is_reported_in_one_line(certificate, command):
    option = ("--cacert", certificate.with_suffix(".key"))
    by_option = contract(*command, "https://127.0.0.1:1", *MODEL_AND_KEY, *option)
    by_variable = contract(*command, "https://127.0.0.1:1", *MODEL_AND_KEY, SSL_CERT_FILE=str(option[1]))

    assert by_option.returncode == by_variable.returncode == 2
    assert f"cannot use --cacert {option[1]}: " in by_option.stderr
    assert "the certificates that the environment variables name: " in by_variable.stderr
    assert by_option.stderr.count("\n") == by_variable.stderr.count("\n") == 1
