"""The `Dockerfile`: its rules, and its command as in a container. `make release-check` runs its steps."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import dockerfile
from bare_http import Answer, ask, connect, request
from compose_services import free_port
from mock_process import COMMAND, MockProcess, environment
from programs import namespaces
from snippets import PORT, ROOT
from together_rerank_mockserver.cli import command

ALL = [step for stage in dockerfile.steps().values() for step in stage]
SERVE = command.commands.commands["serve"]


def test_each_stage_starts_from_the_same_minor_version_of_python():
    images = {step.text.partition(" AS ")[0] for step in ALL if step.instruction == "FROM"}

    (image,) = images
    assert re.fullmatch(r"python:3\.\d+-slim", image)


@pytest.mark.parametrize(
    "arguments",
    [[*dockerfile.command("ENTRYPOINT"), *dockerfile.command("CMD")], dockerfile.command("HEALTHCHECK")],
    ids=["serve", "healthcheck"],
)
def test_the_commands_start_the_mock_without_a_shell(arguments):
    program, name, *rest = arguments

    assert program == COMMAND.name
    command.commands.commands[name].make_context(name, rest)


def test_the_mock_is_not_root_and_kubernetes_can_see_that():
    (user,) = dockerfile.texts("USER")

    assert all(int(number) > 0 for number in user.split(":"))


def test_the_port_and_the_variables_are_those_of_serve():
    defaults = {option.name: option.default for option in SERVE.params}
    own = [name for name in dockerfile.variables() if name.startswith("TOGETHER")]

    assert dockerfile.texts("EXPOSE") == [PORT] == [str(defaults["port"])]
    assert own == ["TOGETHER_RERANK_MOCK_HOST"]
    assert set(own) <= {option.envvar for option in SERVE.params}


def test_the_image_gets_no_secret():
    set_by_steps = [step.text for step in ALL if step.instruction in ("ARG", "ENV", "COPY", "RUN")]

    assert [text for text in set_by_steps if re.search(r"token|secret|passw|api.?key|\.env", text, re.IGNORECASE)] == []


def test_the_files_that_are_sent_to_the_build_make_the_whole_wheel(tmp_path):
    dockerfile.copy_context(tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=tmp_path, env=environment(), check=True, capture_output=True)

    (wheel,) = tmp_path.glob("dist/*.whl")
    packaged = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", "*/together_rerank_*/*"], cwd=ROOT, check=True, capture_output=True)
    assert packaged == {path.partition("/")[2] for path in listed.stdout.decode().splitlines()}


@contextmanager
def contained(*flags):
    """Run the command of the image as process 1 on a read-only file system, where no folder is for temporary files."""
    _, *arguments = [*dockerfile.command("ENTRYPOINT"), *dockerfile.command("CMD")]
    changes = dockerfile.variables() | {"PATH": os.environ["PATH"], "HOME": "/", "TMPDIR": "/none"}
    port = free_port()
    read_only = ["sh", "-euc", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
    with subprocess.Popen(
        [*namespaces(), *read_only, COMMAND, *arguments, "--port", str(port), *flags],
        cwd="/",
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as unshare:
        line = unshare.stdout.readline()
        mock = MockProcess(unshare, f"http://127.0.0.1:{port}")
        try:
            assert line.endswith(f" listening on http://0.0.0.0:{port}\n")
            yield mock
        finally:
            unshare.kill()
            mock.read_to_the_end()


def first_process(mock):
    """Return the id that process 1 of the namespace has on this machine."""
    (child,) = Path(f"/proc/{mock.process.pid}/task/{mock.process.pid}/children").read_text().split()
    return int(child)


@pytest.mark.served
@pytest.mark.parametrize("flags", [[], ["--workers", "2"]], ids=["alone", "workers"])
def test_process_1_on_a_read_only_file_system_answers_and_stops_in_order(flags):
    head, content = request(Expect="100-continue").split(b"\r\n\r\n")
    with contained(*flags) as mock:
        assert ask(mock, request()).status == 200

        with connect(mock) as call:
            call.sendall(head + b"\r\n\r\n")
            assert call.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # the call is in flight
            os.kill(first_process(mock), signal.SIGTERM)
            call.sendall(content)
            assert Answer(call).status == 200
        assert mock.process.wait(20) == 0

    assert "rror" not in "".join(mock.lines)
