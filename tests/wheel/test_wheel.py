"""The built wheel: its files, and its use in a project with folders of the same names. Run by `make check`."""

import http.client
import json
import os
import site
import subprocess
import sys
import zipfile

import pytest
import yaml

from mock_process import READY, environment
from snippets import ROOT, snippet

ROOMS = ("contract_tests", "fixtures", "mockserver", "spec")
(WHEEL,) = ROOT.glob("dist/*.whl")
# Modules that need Hypothesis, pytest or httpx; of the judge all but the command, which says so.
NEED_MORE = (".pytest_plugin", ".testing.session", ".testing.network_guard", ".testing.transport")
STRATEGIES = "together_rerank_fixtures.strategies"
JUDGE = "together_rerank_contract_tests."


PLUGIN = ROOT / "tests/plugin"
TOOLS = site.getsitepackages()[0]
INSTALLED = ("-c", PLUGIN / "installed.ini", "--rootdir", PLUGIN)


def run(*command, cwd=ROOT, timeout=300, **changes):
    ran = subprocess.run(
        command, cwd=cwd, env=environment(**changes), check=False, capture_output=True, text=True, timeout=timeout
    )
    assert ran.returncode == 0, f"{ran.stdout[-4_000:]}\n{ran.stderr[-4_000:]}"
    return ran.stdout


def virtual(folder):
    run(sys.executable, "-m", "venv", folder)
    return folder / "bin"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The wheel with its dependencies alone, as the README installs it."""
    bin_folder = virtual(tmp_path_factory.mktemp("installed"))
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements/base.txt")
    run("bash", "-c", snippet("pip install dist/").text, PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    return bin_folder


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """The wheel beside the tools of this environment; its editable installation is not seen from there."""
    folder = tmp_path_factory.mktemp("tools")
    bin_folder = virtual(folder)
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--no-deps", WHEEL)
    put_beside(folder, TOOLS)
    return bin_folder


@pytest.fixture(scope="session")
def with_pytest(tmp_path_factory):
    """Return a function that installs the wheel and a version of pytest beside the packages of another folder."""

    def make(version, others):
        folder = tmp_path_factory.mktemp(f"pytest-{version}")
        python = virtual(folder) / "python"
        needed = ("--require-hashes", "-r", f"requirements/pytest-{version}.txt")
        run(python, "-m", "pip", "install", "-q", *needed)
        run(python, "-m", "pip", "install", "-q", "--no-deps", WHEEL)
        put_beside(folder, others)  # last, for pip would count what is there as installed
        return python

    return make


def packages(folder):
    (found,) = folder.glob("lib/python*/site-packages")
    return found


def put_beside(folder, others):
    (packages(folder) / "others.pth").write_text(f"{others}\n")


@pytest.fixture
def hostile(tmp_path):
    """A project whose folders have the names of the kit's, and which fails when they are imported."""
    for name in (*ROOMS, "benchmarks", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the folder of the project was imported')\n")
    return tmp_path


def test_the_wheel_holds_the_packages_and_nothing_else():
    listed = run("git", "ls-files", *(f"{room}/together_rerank_{room}" for room in ROOMS)).split()
    packaged = {path.partition("/")[2] for path in listed}

    with zipfile.ZipFile(WHEEL) as wheel:
        names = set(wheel.namelist())
    metadata = {name.partition("/")[2] for name in names if ".dist-info/" in name}

    assert {name for name in names if ".dist-info/" not in name} == packaged
    assert metadata == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_installed_wheel_serves_in_a_hostile_project(installed, hostile):
    command = [installed / "together-rerank-mock", "serve", "-p", "0", "-q"]
    settings = environment(PYTHONPATH=str(hostile))
    with subprocess.Popen(command, cwd=hostile, env=settings, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().removeprefix(READY).strip()
        connection = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=20)
        body = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]})
        connection.request(
            "POST", "/v1/rerank", body, {"Authorization": "Bearer k", "Content-Type": "application/json"}
        )
        answer = json.load(connection.getresponse())
        connection.close()
        process.terminate()
        assert process.wait(20) == 0

    assert [result["index"] for result in answer["results"]] == [1, 0]


def test_every_module_of_the_wheel_is_imported_with_its_dependencies_alone(installed, hostile):
    modules = [
        name.removesuffix(".py").replace("/", ".") for name in zipfile.ZipFile(WHEEL).namelist() if name.endswith(".py")
    ]
    wanted = [name.removesuffix(".__init__") for name in modules if not name.endswith(NEED_MORE)]
    wanted = [name for name in wanted if not name.startswith(STRATEGIES)]
    wanted = [name for name in wanted if not name.startswith(JUDGE) or name == f"{JUDGE}cli"]

    run(installed / "python", "-c", f"import {', '.join(wanted)}", cwd=hostile)

    assert len(wanted) > 15


def test_the_judge_says_what_to_install(installed, hostile):
    command = [installed / "together-rerank-contract", "http://127.0.0.1:1"]
    ran = subprocess.run(
        command, cwd=hostile, env=environment(), check=False, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("together-rerank-contract: not installed: httpx, hypothesis, pytest, schemathesis; ")
    assert "together-rerank-kit[contract]" in ran.stderr


def test_it_installs_from_a_git_url(tmp_path):
    bin_folder = virtual(tmp_path / "from-git")
    text = snippet('pip install "git+').text
    assert "https://git.example.com/together-rerank-kit.git" in text
    text = text.replace("https://git.example.com/together-rerank-kit.git", f"file://{ROOT}")

    run("bash", "-c", text, PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")

    assert run(bin_folder / "together-rerank-mock", "--version").startswith("together-rerank-mock 0.")


def test_the_ci_snippet_runs_a_projects_tests_against_the_mock(tools, tmp_path):
    (tmp_path / "test_search.py").write_text(
        "from together import Together\n\n\n"
        "def test_search():\n"
        "    with Together() as client:\n"
        "        answer = client.rerank.create(model='m', query='llama', documents=['panda', 'llama'])\n"
        "    assert [result.index for result in answer.results] == [1, 0]\n"
    )
    steps = yaml.safe_load(snippet("jobs:").text)["jobs"]["test"]["steps"]
    install, script = [step["run"] for step in steps if "run" in step]
    assert install.endswith(
        snippet('pip install "git+').text.removeprefix("pip install ").strip()
    )  # which is run above
    port = free_port()
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"

    output = run(
        "bash", "-euc", f"trap 'kill $(jobs -p)' EXIT\n{script.replace('4010', str(port))}", cwd=tmp_path, PATH=path
    )

    assert "1 passed" in output


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(("version", "beside"), [("8.2", False), ("8.4", True)])
def test_the_plugin_works_with_older_pytest_with_and_without_other_packages(
    with_pytest, version, beside, hostile, request
):
    python = with_pytest(version, TOOLS if beside else packages(request.getfixturevalue("installed").parent))
    others = {"RERANK_PLUGIN_OPTIONS": "-p no:asyncio"} if beside else {}

    output = run(
        python, "-m", "pytest", *INSTALLED, "-p", "no:asyncio", PLUGIN / "test_smoke.py", cwd=hostile, **others
    )

    assert f"pytest-{version}." in output
    assert ("schemathesis" in output) is beside
    assert " passed" in output.splitlines()[-1]
    if beside:
        chosen = ["-k", "told_in_full or at_its_level", ROOT / "tests/test_contract_in_pytest.py"]
        judging = run(python, "-m", "pytest", *INSTALLED, "-p", "no:asyncio", *chosen, cwd=hostile)
        assert " passed" in judging.splitlines()[-1]
