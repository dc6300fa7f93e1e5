"""The built distributions: their files, and the wheel in other projects. Run by `make release-check`."""

import http.client
import json
import os
import re
import site
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager

import pytest

from mock_process import READY, environment
from snippets import PORT, ROOT, shown, snippet, snippets, write_project

PACKAGES = ("contract_tests", "fixtures", "mockserver", "spec")
(WHEEL,) = ROOT.glob("dist/*.whl")
(SDIST,) = ROOT.glob("dist/*.tar.gz")
# Modules that need pytest or httpx; of the contract tests, all except the command, which names them.
NEED_EXTRAS = (".pytest_plugin", ".testing.transport")
STRATEGIES = "together_rerank_fixtures.strategies"
CONTRACT_TESTS = "together_rerank_contract_tests."
NAME = "together-rerank-kit"

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


def path(bin_folder):
    return f"{bin_folder}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def serving(bin_folder, cwd, **changes):
    """Serve the mock of an environment on a free port, and yield the port; the mock must stop with status 0."""
    command = [bin_folder / "together-rerank-mock", "serve", "-p", "0", "-q"]
    settings = environment(**changes)
    with subprocess.Popen(command, cwd=cwd, env=settings, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().removeprefix(READY).strip().rpartition(":")[2]
        finally:
            process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Install the wheel with only its dependencies, as in the README; return the folder of the commands."""
    bin_folder = virtual(tmp_path_factory.mktemp("installed"))
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements/base.txt")
    install = snippet("pip install").text
    assert install == f"pip install {NAME}\n"
    run("bash", "-c", install.replace(NAME, str(WHEEL)), PATH=path(bin_folder))
    return bin_folder


@pytest.fixture(scope="session")
def with_contract(tmp_path_factory):
    """Install the wheel with the extra `contract`, and Together's SDK for the README, in the versions of the lock."""
    folder = tmp_path_factory.mktemp("contract")
    bin_folder = virtual(folder)
    pinned = re.findall(r"^[a-z0-9._-]+==[^\\\n]+", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(pinned))
    constrained = ("-c", folder / "constraints.txt")
    run(bin_folder / "python", "-m", "pip", "install", "-q", *constrained, f"{WHEEL}[contract]", "together")
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
        put_beside(folder, others)  # last, because pip would count these packages as installed
        return python

    return make


def packages(folder):
    (found,) = folder.glob("lib/python*/site-packages")
    return found


def put_beside(folder, others):
    (packages(folder) / "others.pth").write_text(f"{others}\n")


@pytest.fixture
def hostile(tmp_path):
    """Return a project whose folders have the names of the kit's folders, and fail when they are imported."""
    for name in (*PACKAGES, "benchmarks", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the folder of the project was imported')\n")
    return tmp_path


def test_the_wheel_holds_the_packages_and_nothing_else():
    listed = run("git", "ls-files", *(f"{package}/together_rerank_{package}" for package in PACKAGES)).split()
    packaged = {path.partition("/")[2] for path in listed}

    with zipfile.ZipFile(WHEEL) as wheel:
        names = set(wheel.namelist())
    metadata = {name.partition("/")[2] for name in names if ".dist-info/" in name}

    assert {name for name in names if ".dist-info/" not in name} == packaged
    assert metadata == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_source_distribution_holds_the_tracked_files_and_nothing_else():
    listed = run("git", "ls-files", "--", ".", ":!.ci").splitlines()
    with tarfile.open(SDIST) as sdist:
        packaged = {member.name.partition("/")[2] for member in sdist if member.isfile()}

    assert packaged == {*listed, "PKG-INFO"}


def test_the_examples_of_the_readme_work(with_contract, tmp_path):
    programs = {"sh": ["bash", "-euo", "pipefail"], "python": [with_contract / "python"]}
    examples = [each for each in snippets() if each.output is not None]
    assert {each.language for each in examples} == set(programs)

    with serving(with_contract, tmp_path) as port:
        for each in examples:
            text = each.at(port) if PORT in each.text else each.text
            output = run(*programs[each.language], "-c", text, cwd=tmp_path, PATH=path(with_contract))
            assert shown(output, port) == shown(each.output, port)
    assert write_project("README.md", tmp_path)
    assert " passed" in run(with_contract / "python", "-m", "pytest", cwd=tmp_path)


def test_the_installed_wheel_serves_in_a_hostile_project(installed, hostile):
    with serving(installed, hostile, PYTHONPATH=str(hostile)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        body = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]})
        connection.request(
            "POST", "/v1/rerank", body, {"Authorization": "Bearer k", "Content-Type": "application/json"}
        )
        answer = json.load(connection.getresponse())
        connection.close()

    assert [result["index"] for result in answer["results"]] == [1, 0]


def test_every_module_of_the_wheel_is_imported_with_its_dependencies_alone(installed, hostile):
    modules = [
        name.removesuffix(".py").replace("/", ".") for name in zipfile.ZipFile(WHEEL).namelist() if name.endswith(".py")
    ]
    wanted = [name.removesuffix(".__init__") for name in modules if not name.endswith(NEED_EXTRAS)]
    wanted = [name for name in wanted if not name.startswith(STRATEGIES)]
    wanted = [name for name in wanted if not name.startswith(CONTRACT_TESTS) or name == f"{CONTRACT_TESTS}cli"]

    run(installed / "python", "-c", f"import {', '.join(wanted)}", cwd=hostile)

    assert len(wanted) > 15


@pytest.mark.parametrize(
    "package",
    [
        "together_rerank_contract_tests",
        "together_rerank_fixtures",
        "together_rerank_fixtures.strategies",
        "together_rerank_mockserver",
        "together_rerank_spec",
    ],
)
def test_every_public_name_is_imported_from_the_wheel(package, with_contract, hostile):
    program = f"import {package} as package\nfrom {package} import *\nprint(*package.__all__)\nprint(*dir())"

    public, imported = run(with_contract / "python", "-c", program, cwd=hostile).splitlines()

    assert set(public.split()) <= set(imported.split())
    assert public or package == "together_rerank_contract_tests"  # it has no Python API


def test_the_contract_command_names_the_missing_packages(installed, hostile):
    command = [installed / "together-rerank-contract", "http://127.0.0.1:1"]
    ran = subprocess.run(
        command, cwd=hostile, env=environment(), check=False, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("together-rerank-contract: not installed: httpx, hypothesis, pytest, schemathesis; ")
    assert "together-rerank-kit[contract]" in ran.stderr


def test_the_kit_installs_from_a_git_url(tmp_path):
    bin_folder = virtual(tmp_path / "from-git")

    run(bin_folder / "python", "-m", "pip", "install", "-q", f"git+file://{ROOT}")

    assert run(bin_folder / "together-rerank-mock", "--version").startswith("together-rerank-mock 0.")


def test_the_quickstart_installs_the_kit_as_the_readme_does():
    assert snippets("docs/quickstart.md")[0].text == snippet("pip install").text


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
        chosen = ["-k", "without_a_traceback or at_its_level", ROOT / "tests/test_contract_in_pytest.py"]
        judging = run(python, "-m", "pytest", *INSTALLED, "-p", "no:asyncio", *chosen, cwd=hostile)
        assert " passed" in judging.splitlines()[-1]
