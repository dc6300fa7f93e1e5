"""Run the services of `compose.yaml` on this machine, with the commands and the configuration of the file."""

import re
import shlex
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

import yaml

from command_runner import run
from mock_process import environment, running
from programs import program
from snippets import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
TOKEN = "a-token-of-compose"
_FOLDERS = "".join(f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def words(service):
    """Return the words of the command of a service, without the variable for more flags."""
    return [word for word in shlex.split(SERVICES[service]["command"]) if not word.startswith("${")]


def flags(state=None):
    """Return the flags of the mock in the file, with a free port, and with *state* in place of Redis there."""
    text = shlex.join(words("mock")[1:]).replace("--port 4010", "--port 0")
    return shlex.split(re.sub(r"--state \S+", f"--state {state}" if state else "", text))


@contextmanager
def redis(folder):
    """Start Redis, and yield its URL."""
    port = str(free_port())
    command = [*words("redis"), "--port", port, "--dir", folder]
    client, *ping = SERVICES["redis"]["healthcheck"]["test"][1:]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                if subprocess.run([client, "-p", port, *ping], check=False, capture_output=True).stdout == b"PONG\n":
                    break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


class Balancer:
    """The nginx of the file in front of *mocks*."""

    def __init__(self, port, mocks):
        self.port = port
        self.mocks = mocks
        self.url = f"http://127.0.0.1:{port}"


@contextmanager
def balanced(folder, state=None):
    """Start as many mocks as the file has replicas, with *state* or separate states, and nginx in front of them."""
    nginx = program("nginx")
    with ExitStack() as stack:
        token = {"TOGETHER_RERANK_MOCK_ADMIN_TOKEN": TOKEN}
        mocks = [stack.enter_context(running(*flags(state), **token)) for _ in range(SERVICES["mock"]["scale"])]
        port = free_port()
        (folder / "nginx.conf").write_text(configuration(port, [mock.port for mock in mocks]))
        command = [nginx, "-e", "errors", "-p", folder, "-c", "nginx.conf", "-g", "daemon off; pid pid;"]
        process = stack.enter_context(subprocess.Popen(command, env=environment()))
        stack.callback(process.terminate)
        waited = run("wait", f"http://127.0.0.1:{port}", "--timeout", "20")
        assert waited.exit_code == 0, waited.stderr + (folder / "errors").read_text()
        yield Balancer(port, mocks)


def configuration(port, ports):
    """Return the configuration of nginx with addresses of this machine.

    nginx must be at least 1.27.3 for `resolve`, so each replica has a line of its own.
    """
    text = COMPOSE["configs"]["nginx"]["content"].replace("$$", "$").replace("http {", f"http {{ {_FOLDERS}", 1)
    text, listening = re.subn(r"listen 4010;", f"listen 127.0.0.1:{port};", text)
    text, replicas = re.subn(r"server mock:4010 resolve;", "".join(f"server 127.0.0.1:{each};" for each in ports), text)
    assert (listening, replicas) == (1, 1)
    return text


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
