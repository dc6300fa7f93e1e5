"""The mock behind nginx."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from command_runner import run
from mock_process import BODY, KEY, environment, running
from snippets import PORT, snippets

# Debian installs it in a folder that is not on the path of every user.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [pytest.mark.served, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]
FOLDERS = "\n".join(f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
CONFIGURATION = f"""
daemon off;
pid pid;
events {{}}
http {{
    access_log off;
    {FOLDERS}
    server {{
        listen 127.0.0.1:%d;
        %s
    }}
}}
"""
(PAGE,) = [each for each in snippets("docs/deployment.md") if each.language == "nginx"]
# Besides the location of the page: one that sets no header and replaces the prefix, and one without a server.
OTHERS = """
location /bare/ { proxy_pass http://127.0.0.1:4010/rerank-mock/; }
location /gone/ { proxy_pass http://127.0.0.1:1; }
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """The URL of an nginx in front of a mock with a base path."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    with running("-q", "--base-path", "/rerank-mock") as mock:
        locations = PAGE.at(mock.port) + OTHERS.replace(PORT, str(mock.port))
        (folder / "nginx.conf").write_text(CONFIGURATION % (port, locations))
        command = [NGINX, "-e", "errors", "-p", folder, "-c", "nginx.conf"]
        with subprocess.Popen(command, env=environment()) as nginx:
            try:
                assert run("wait", f"http://127.0.0.1:{port}/rerank-mock", "--timeout", "20").exit_code == 0
                yield f"http://127.0.0.1:{port}"
            finally:
                nginx.terminate()


def ask(url, body=None, **headers):
    request = urllib.request.Request(url, body and body.encode(), KEY | headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize("prefix", ["rerank-mock", "bare"])
def test_calls_pass_the_proxy(proxy, prefix):
    assert ask(f"{proxy}/{prefix}/v1/rerank", BODY)[0] == 200
    assert run("wait", f"{proxy}/{prefix}/v1").exit_code == 0


def test_a_proxy_without_headers_looks_like_this_machine(proxy):
    assert ask(f"{proxy}/bare/__admin/settings")[0] == 200


def test_a_proxy_with_a_header_has_no_access_to_the_control_plane(proxy):
    status, answer = ask(f"{proxy}/rerank-mock/__admin/settings")

    assert status == 403
    assert "the header X-Forwarded-For shows that a proxy passes on the request" in answer["error"]["message"]


def test_a_drip_passes_the_proxy(proxy):
    began = time.monotonic()
    request = urllib.request.Request(
        f"{proxy}/rerank-mock/rerank", BODY.encode(), KEY | {"Prefer": "fault=drip, pause=50"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        response.read(1)
        first_s = time.monotonic() - began
        response.read()

    assert time.monotonic() - began - first_s > 0.3


def test_wait_prints_the_status_of_the_proxy(proxy):
    waited = run("wait", f"{proxy}/gone", "--timeout", "0")

    assert waited.exit_code == 1
    assert waited.stderr.endswith("; the last answer was 502\n")
