"""The network guard fails a test that calls the real API, and names the line; no name is resolved."""

import socket

import pytest

CALL = {
    "getaddrinfo": "socket.getaddrinfo('api.together.xyz', 443)",
    "a subdomain, in capitals, absolute": "socket.getaddrinfo('EU.Api.Together.AI.', 443)",
    "full-width letters and other dots": "socket.getaddrinfo('ａｐｉ．ｔｏｇｅｔｈｅｒ。ｘｙｚ｡', 443)",
    "a soft hyphen": "socket.getaddrinfo('api.to\u00adgether.xyz', 443)",
    "bytes in capitals, absolute": "socket.getaddrinfo(b'API.Together.xyz.', 443)",
    "a byte array": "socket.gethostbyname(bytearray(b'api.together.xyz'))",
    "connect, full-width": "sys.audit('socket.connect', socket, ('ＡＰＩ.together.xyz', 443))",
    "another API": "socket.getaddrinfo('api.cohere.com', 443)",
    "bytes": "socket.getaddrinfo(b'api.together.ai', 443)",
    "gethostbyname": "socket.gethostbyname('api.together.xyz')",
    "gethostbyname_ex": "socket.gethostbyname_ex('api.together.xyz')",
    # connect() raises this event after it resolved the name, which is not possible here.
    "connect": "sys.audit('socket.connect', socket, ('api.together.xyz', 443))",
    "urllib": "urllib.request.urlopen('https://api.together.xyz/v1/rerank')",
    "http.client": "http.client.HTTPSConnection('api.together.ai').request('POST', '/v1/rerank')",
    "a loop": "asyncio.run(connect())",
    "a task of a loop": "asyncio.run(task())",
    "a thread": "in_thread()",
}


HELPERS = """
import asyncio
import http.client
import socket
import sys
import threading
import urllib.request

async def connect():
    await asyncio.open_connection("api.together.xyz", 443)  # the line

async def task():
    await asyncio.wait_for(asyncio.create_task(connect()), 5)

def in_thread():
    failures = []
    def look():
        try:
            socket.getaddrinfo("api.together.xyz", 443)  # the line
        except BaseException as failure:
            failures.append(failure)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    raise failures[0]

"""
SWALLOWS = """
def test_swallows(rerank_mock):
    try:
        socket.getaddrinfo("api.together.xyz", 443)
    except BaseException:
        pass
"""


@pytest.fixture(scope="module")
def guarded_run(run_pytest):
    calls = (f"def test_{number}(rerank_mock):\n    {call}  # the line\n" for number, call in enumerate(CALL.values()))
    return run_pytest("\n".join([HELPERS, *calls, SWALLOWS]), "-W", "ignore::ResourceWarning")


@pytest.mark.slow
@pytest.mark.parametrize("call", CALL)
def test_a_call_of_the_real_api_fails_the_test_with_its_line(guarded_run, call):
    node = f"test_it.py::test_{list(CALL).index(call)}"

    assert guarded_run.outcomes(node) == ["failed"]
    guarded_run.text(node).fnmatch_lines(
        ["*test_it.py:*: `*# the line` tried to connect to *api.*, which rerank_mock replaces*"]
    )


@pytest.mark.slow
def test_code_that_catches_the_error_does_not_hide_it(guarded_run):
    assert guarded_run.outcomes("test_it.py::test_swallows") == ["passed", "error"]
    guarded_run.text("test_it.py::test_swallows").fnmatch_lines([
        "rerank_mock:",
        "*test_it.py:*: `socket.getaddrinfo*` tried to connect to api.together.xyz*",
    ])  # fmt: skip


CHILDREN = """
import subprocess
import sys

CLIENT = "import socket; socket.getaddrinfo('API.together.xyz.', 443)"

def run(code, *options, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, *options, "-c", code], env=environment, capture_output=True, text=True)

def test_refused(rerank_mock):
    assert "PermissionError: the process `" in run(CLIENT).stderr

def test_of_a_child(rerank_mock):
    run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CLIENT!r}])")

def test_async(rerank_mock):
    run("import asyncio; asyncio.run(asyncio.open_connection('api.cohere.com', 443))")

def test_in_a_thread(rerank_mock):
    run(f"import threading; threading.Thread(target=lambda: exec({CLIENT!r})).start()")

def test_the_next_test_is_clean(rerank_mock):
    assert run("import os, socket; socket.getaddrinfo('localhost', 443)").returncode == 0

def test_the_mock_is_reached(rerank_mock):
    assert run("from plugin_client import order; assert order() == [1, 0]").stderr == ""
    rerank_mock.assert_called(times=1)

def test_the_other_sitecustomize_is_imported(rerank_mock, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)])
    ran = run("import sitecustomize, sys; print(sitecustomize.__file__)", PYTHONPATH=path)
    assert ran.stdout.split() == ["mine", str(tmp_path / "sitecustomize.py")]
    assert run("import sitecustomize").returncode == 0  # the guard, or one of the system

def test_an_error_of_the_other_sitecustomize_is_shown(rerank_mock, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import no_such_module")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)])
    assert "no_such_module" in run("import os", PYTHONPATH=path).stderr

def look_up():
    exec(CLIENT)

def test_forked(rerank_mock):
    import multiprocessing
    process = multiprocessing.get_context("fork").Process(target=look_up)
    process.start()
    process.join()

def test_without_the_fixture():
    # Without a name server, so that nothing is looked up.
    code = "import socket; socket.getaddrinfo('api.together.xyz', 443, flags=socket.AI_NUMERICHOST)"
    assert "gaierror" in run(code).stderr
"""
REFUSED = ("refused", "of_a_child", "async", "in_a_thread")


@pytest.fixture(scope="module")
def children(run_pytest):
    return run_pytest(CHILDREN, "-W", "ignore::DeprecationWarning")  # of a fork in a process with threads


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_a_child_process_that_calls_the_real_api_fails_the_test(children, name):
    assert children.outcomes(f"test_it.py::test_{name}") == ["passed", "error"]
    children.text(f"test_it.py::test_{name}").fnmatch_lines(
        ["the process `*python* -c *` tried to connect to api.*.*, which rerank_mock replaces"]
    )


@pytest.mark.slow
def test_a_forked_process_that_calls_the_real_api_fails_the_test(children):
    assert children.outcomes("test_it.py::test_forked") == ["passed", "error"]
    children.text("test_it.py::test_forked").fnmatch_lines(["*`exec(CLIENT)` tried to connect to api.together.xyz*"])


@pytest.mark.slow
def test_other_child_processes_work(children):
    assert children.all_outcomes().count("passed") == len(REFUSED) + 6
    assert children.all_outcomes().count("error") == len(REFUSED) + 1


def assert_allowed(host):
    # No network is needed: a look-up of a name that the guard allows fails because of AI_NUMERICHOST.
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)


@pytest.mark.parametrize(
    "host", ["xapi.together.xyz", "api.together.xyz.example", "together.ai", "api.together", "ａｐｉ.example"]
)
def test_other_hosts_can_be_reached(rerank_mock, host):
    assert_allowed(host)


def test_tests_without_the_fixture_can_call_the_real_api():
    assert_allowed("api.together.xyz")


@pytest.mark.slow
def test_the_network_guard_can_be_disabled(run_pytest):
    run = run_pytest(
        """
import socket

def test_it(rerank_mock):
    with pytest.raises(OSError):
        socket.getaddrinfo("api.together.xyz", 443, flags=socket.AI_NUMERICHOST)
""",
        ini="rerank_mock_allow_live = true\n",
    )

    assert run.all_outcomes() == ["passed"]
