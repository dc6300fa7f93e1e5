"""The image of the `Dockerfile`, built in a folder, and its commands. Run by `make release-check`."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import dockerfile
from mock_process import READY, environment
from snippets import PORT, ROOT
from together_rerank_mockserver import __version__

HEALTHCHECK = dockerfile.command("HEALTHCHECK")


def below(root, text):
    """Return the text of a step with *root* in place of the root folder of the image."""
    return re.sub(r"(?<!\S)/(?=kit\b|opt\b)", f"{root}/", text)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Run the steps that build the image, and return its root folder.

    An environment of this Python is in place of the base image.
    """
    context, root = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("image")
    dockerfile.copy_context(context)
    subprocess.run([sys.executable, "-m", "venv", root / "usr"], check=True)
    for step in dockerfile.steps()["build"]:
        text = below(root, step.text)
        if step.instruction == "WORKDIR":
            folder = Path(text)
            folder.mkdir()
        elif step.instruction == "COPY":
            *sources, target = text.split()
            for source in sources:
                copy(context / source, folder / target)
        elif step.instruction == "RUN":
            settings = environment(PATH=f"{root}/usr/bin:/usr/bin:/bin")
            subprocess.run(["bash", "-euc", text], cwd=folder, env=settings, check=True, timeout=300)
    shutil.rmtree(folder)  # the image has the other folder only
    assert dockerfile.texts("COPY") == ["/opt/kit /opt/kit"]
    return root


def copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.mkdir(exist_ok=True)
        shutil.copy(source, target)


def start(image, words, **changes):
    """Start a command of the image with the variables of the image and no others."""
    path = below(image, dockerfile.variables()["PATH"].replace("$PATH", f"{image}/usr/bin:/usr/bin:/bin"))
    return subprocess.Popen(
        [shutil.which(words[0], path=path), *words[1:]],
        cwd="/",
        env=dockerfile.variables() | {"PATH": path} | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(image, *words):
    """Run a command of the image; return its exit status, and what it prints to stdout and to stderr."""
    with start(image, words) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


@contextmanager
def served(image):
    """Start the mock as the image does, on a free port of the environment; yield its process and the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    words = [*dockerfile.command("ENTRYPOINT"), *dockerfile.command("CMD")]
    with start(image, words, TOGETHER_RERANK_MOCK_PORT=port) as process:
        try:
            assert process.stdout.readline() == f"{READY}http://0.0.0.0:{port}\n"
            yield process, port
        finally:
            process.kill()


def test_the_health_check_succeeds_until_the_mock_stops(image):
    with served(image) as (process, port):
        check = [word.replace(PORT, port) for word in HEALTHCHECK]
        assert run(image, *check) == (0, "", "")

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()

    status, _, errors = run(image, *check)
    assert status == 1
    assert "Connection refused" in errors


def test_the_image_has_the_version_and_the_locked_packages_and_the_redis_client(image):
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE))
    program = "import importlib.metadata as installed; print(*(each.name for each in installed.distributions()))"

    _, names, _ = run(image, "python", "-c", program)
    packages = {re.sub(r"[-_.]+", "-", name).lower() for name in names.split()}

    assert {"redis", "hiredis"} < packages
    assert packages - locked == {"together-rerank-kit"}
    assert run(image, "together-rerank-mock", "--version")[1] == f"together-rerank-mock {__version__}\n"


def test_the_image_has_the_byte_code_of_all_modules(image):
    (site,) = image.glob("opt/kit/lib/python3.*/site-packages")
    modules = list(site.glob("together_rerank_*/**/*.py"))

    assert len(modules) > 100
    assert [path for path in modules if not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))] == []
