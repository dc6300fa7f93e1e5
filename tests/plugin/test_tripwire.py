"""A test that reaches for the real API fails, with the line that did it; no name is looked up for real."""

import pytest

CALL = {
    "getaddrinfo": "socket.getaddrinfo('api.together.xyz', 443)",
    "a subdomain, in capitals, absolute": "socket.getaddrinfo('EU.Api.Together.AI.', 443)",
    "bytes": "socket.getaddrinfo(b'api.together.ai', 443)",
    "gethostbyname": "socket.gethostbyname('api.together.xyz')",
    "gethostbyname_ex": "socket.gethostbyname_ex('api.together.xyz')",
    # As connect() raises it once the name is found, which here it cannot be.
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


@pytest.mark.parametrize("call", CALL)
def test_what_reaches_for_the_real_api_fails_with_the_line(project, call):
    test = f"{HELPERS}def test_it(rerank_mock):\n    {CALL[call]}  # the line\n"

    ran = project.run(test, "-W", "ignore::ResourceWarning")

    assert ran.parseoutcomes() == {"failed": 1}
    ran.stdout.fnmatch_lines(["*test_it.py:*: `*# the line` reached for *api.together.* while rerank_mock stands in*"])


def test_code_that_swallows_it_does_not_hide_it(project):
    ran = project.run("""
import socket

def test_it(rerank_mock):
    try:
        socket.getaddrinfo("api.together.xyz", 443)
    except BaseException:
        pass
""")

    assert ran.parseoutcomes() == {"passed": 1, "errors": 1}
    ran.stdout.fnmatch_lines(["rerank_mock:", "*test_it.py:10: `socket.getaddrinfo*` reached for api.together.xyz*"])


LOOKS = """
import socket

def looked_up(host):
    # Nothing here is connected to a network, so a look-up that is let through fails as such.
    with pytest.raises(OSError):
        socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)
"""


def test_other_hosts_and_other_tests_are_let_through(passes):
    passes(
        f"""{LOOKS}
@pytest.mark.parametrize("host", ["xapi.together.xyz", "api.together.xyz.example", "together.ai", "api.together"])
def test_other_hosts(rerank_mock, host):
    looked_up(host)

def test_without_the_fixture():
    looked_up("api.together.xyz")
"""
    )


def test_it_can_be_turned_off(passes):
    passes(
        f"""{LOOKS}
def test_it(rerank_mock):
    looked_up("api.together.xyz")
""",
        ini="rerank_mock_allow_live = true\n",
    )
