"""Certificates for servers of tests, which openssl creates."""

import os
import shutil
import subprocess

import pytest

_MISSING = shutil.which("openssl") is None and "CI" not in os.environ
needs_openssl = pytest.mark.skipif(_MISSING, reason="openssl creates the certificate")


def openssl(*arguments):
    ran = subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60)
    return ran.stdout.strip()


def create_certificate(path, names="DNS:localhost,IP:127.0.0.1"):
    """Create a self-signed certificate for *names* at *path*; its key is beside it, with the suffix `.key`."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path.with_suffix(".key"))
    openssl(
        "req", "-x509", *key, "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}", "-days", "2", "-out", path
    )
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a certificate for localhost; its key is beside it."""
    return create_certificate(tmp_path_factory.mktemp("certificates") / "own.pem")
