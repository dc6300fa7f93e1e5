"""The mock behind nginx, with the configuration of the page about deployment."""

import http.client
import json
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import needs_openssl
from command_runner import run
from compose_services import free_port
from mock_process import BODY, KEY, environment, running
from programs import program
from snippets import snippets

pytestmark = [pytest.mark.served, needs_openssl]
FOLDERS = "\n".join(f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
CONFIGURATION = f"""
daemon off;
pid pid;
events {{}}
http {{
    access_log off;
    client_body_buffer_size 4m;  # a worker of root cannot write into a folder of pytest
    {FOLDERS}
    %s
}}
"""
PAGE = snippets("docs/deployment.md")
(SERVER,) = [each for each in PAGE if each.language == "nginx"]
(CERTIFICATE,) = [each.text for each in PAGE if each.text.startswith("openssl")]
# Besides the location of the page: one that sets no header and replaces the prefix, and one without a server.
OTHERS = """
    location /bare/ { proxy_pass http://127.0.0.1:%d/rerank-mock/; }
    location /gone/ { proxy_pass http://127.0.0.1:1; }
}
"""
TOKEN = {"Authorization": "Bearer open-sesame"}


@dataclass(frozen=True)
class Proxy:
    """The URLs of two servers of one nginx: one before a mock with a token, and one before a mock without."""

    with_token: str
    without_token: str
    certificate: Path

    def wait(self, url, **timeout):
        arguments = [word for name, value in timeout.items() for word in (f"--{name}", value)]
        return run("wait", url, *arguments, SSL_CERT_FILE=str(self.certificate))

    def open(self, url, body=None, **headers):
        context = ssl.create_default_context(cafile=self.certificate)
        request = urllib.request.Request(url, body and body.encode(), KEY | headers)
        return urllib.request.urlopen(request, timeout=20, context=context)

    def ask(self, url, body=None, **headers):
        try:
            with self.open(url, body, **headers) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def server(folder, port, mock):
    """Return the server of the page with another port and more locations; its certificate is in *folder*."""
    text, listening = re.subn("listen 443 ", f"listen 127.0.0.1:{port} ", SERVER.at(mock.port))
    text, files = re.subn("/etc/nginx/", f"{folder}/", text)
    assert (listening, files) == (1, 2)
    return text.rstrip().removesuffix("}") + OTHERS % mock.port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    nginx = program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run(["bash", "-euc", CERTIFICATE], cwd=folder, check=True)
    ports = free_port(), free_port()
    flags = ("-q", "--base-path", "/rerank-mock")
    with ExitStack() as stack:
        mocks = [
            stack.enter_context(running(*flags, "--admin-token", "open-sesame")),
            stack.enter_context(running(*flags, "--server", "threaded")),
        ]
        servers = [server(folder, port, mock) for port, mock in zip(ports, mocks, strict=True)]
        (folder / "nginx.conf").write_text(CONFIGURATION % "".join(servers))
        command = [nginx, "-e", "errors", "-p", folder, "-c", "nginx.conf"]
        process = stack.enter_context(subprocess.Popen(command, env=environment()))
        stack.callback(process.terminate)
        proxy = Proxy(*(f"https://localhost:{port}" for port in ports), folder / "mock.pem")
        waited = proxy.wait(f"{proxy.with_token}/rerank-mock", timeout=20)
        assert waited.exit_code == 0, waited.stderr + (folder / "errors").read_text()
        yield proxy


@pytest.mark.parametrize("prefix", ["rerank-mock", "bare"])
def test_calls_pass_the_proxy(proxy, prefix):
    assert proxy.ask(f"{proxy.with_token}/{prefix}/v1/rerank", BODY)[0] == 200
    assert proxy.wait(f"{proxy.with_token}/{prefix}/v1").exit_code == 0


def test_a_client_that_does_not_trust_the_certificate_sends_nothing(proxy):
    assert "certificate verify failed" in run("wait", f"{proxy.with_token}/rerank-mock", "--timeout", "0").stderr


def test_a_body_of_more_than_a_megabyte_passes_the_proxy(proxy):
    body = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama " * 400_000]})

    assert proxy.ask(f"{proxy.with_token}/rerank-mock/v1/rerank", body)[0] == 200


def test_the_control_plane_needs_the_token(proxy):
    admin = f"{proxy.with_token}/rerank-mock/__admin"

    assert proxy.ask(f"{admin}/settings")[0] == 401
    assert proxy.ask(f"{admin}/faults", '{"fault": "429"}', **TOKEN)[0] == 200
    statuses = [proxy.ask(f"{proxy.with_token}/rerank-mock/rerank", BODY)[0] for _ in range(2)]
    assert statuses == [429, 200]


def test_the_console_works_behind_the_proxy(proxy):
    context = ssl.create_default_context(cafile=proxy.certificate)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": proxy.with_token}
    connection = http.client.HTTPSConnection(proxy.with_token.removeprefix("https://"), timeout=20, context=context)

    def send(page, fields, **headers):
        connection.request("POST", f"/rerank-mock/__admin/console/{page}", fields, form | headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers

    _, headers = send("sign-in", "token=open-sesame")
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    status, headers = send("faults", "do=queue&fault=429", Cookie=cookie)
    connection.close()

    assert {"Secure", "Path=/rerank-mock/__admin"} < set(attributes)
    assert (status, headers["Location"]) == (303, "/rerank-mock/__admin/console/faults#queue")
    statuses = [proxy.ask(f"{proxy.with_token}/rerank-mock/rerank", BODY)[0] for _ in range(2)]
    assert statuses == [429, 200]


def test_a_proxy_without_headers_looks_like_this_machine(proxy):
    assert proxy.ask(f"{proxy.without_token}/bare/__admin/settings")[0] == 200


def test_a_proxy_with_a_header_has_no_access_to_a_control_plane_without_a_token(proxy):
    status, answer = proxy.ask(f"{proxy.without_token}/rerank-mock/__admin/settings")

    assert status == 403
    assert b"the header X-Forwarded-For shows that a proxy passes on the request" in answer


def test_a_drip_passes_the_proxy(proxy):
    began = time.monotonic()
    url = f"{proxy.with_token}/rerank-mock/rerank"
    with proxy.open(url, BODY, Prefer="fault=drip, pause=50") as response:
        response.read(1)
        first_s = time.monotonic() - began
        response.read()

    assert time.monotonic() - began - first_s > 0.3


def test_a_cut_answer_passes_the_proxy(proxy):
    url = f"{proxy.with_token}/rerank-mock/rerank"

    with proxy.open(url, BODY, Prefer="fault=truncate") as response, pytest.raises(http.client.IncompleteRead):
        response.read()


@pytest.mark.parametrize("fault", ["reset", "empty"])
def test_the_proxy_answers_for_a_connection_that_is_closed(proxy, fault):
    assert proxy.ask(f"{proxy.without_token}/rerank-mock/rerank", BODY, Prefer=f"fault={fault}")[0] == 502


def test_wait_prints_the_status_of_the_proxy(proxy):
    waited = proxy.wait(f"{proxy.with_token}/gone", timeout=0)

    assert waited.exit_code == 1
    assert waited.stderr.endswith("; the last answer was 502\n")
