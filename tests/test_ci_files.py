"""The action for GitHub, the jobs for GitLab and the hook for pre-commit run, as the page docs/ci.md shows them."""

import re
import subprocess
import sys
from urllib.request import urlopen

import pytest
import yaml

import docker_daemon
from ci_jobs import ACTION, OFFLINE, STEPS, Shells, job
from mock_process import ALONE, environment
from snippets import ROOT, snippets, write_project
from together_rerank_mockserver import MockServer, Settings, __version__
from together_rerank_mockserver.testing.environment import client_variables
from together_rerank_spec.document import vendored_text

TEMPLATE = yaml.safe_load((ROOT / "docs/rerank.gitlab-ci.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
TESTS, CONTRACT, GITLAB, PRE_COMMIT = (each for each in snippets("docs/ci.md") if each.language == "yaml")
HOSTILE = (
    '"; touch pwned; "',
    "'; touch pwned; '",
    "$(touch pwned)",
    "`touch pwned`",
    "--help\ntouch pwned",
    "| touch pwned",
    "&& touch pwned",
    "> pwned",
    "--ready-file pwned --no-such-flag",
)
PROJECT = """\
from together import Together


def test_search():
    with Together() as client:
        answer = client.rerank.create(model="any", query="llama", documents=["panda", "llama"])
    assert [result.index for result in answer.results] == [1, 0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder in which the action has installed the kit for the contract tests."""
    with job(tmp_path_factory.mktemp("kit")) as installing:
        assert installing.run_step("kit", judge="URL") == 0, installing.output
        return installing.inner["steps.kit.outputs.folder"]


@pytest.fixture
def installed(folder, tmp_path):
    """Return a job of GitHub Actions in which the action has installed the kit."""
    with job(tmp_path) as running:
        (tmp_path / "temp/bin").symlink_to(f"{folder}/bin")
        running.inner["steps.kit.outputs.folder"] = str(tmp_path / "temp")
        yield running


def steps_of(workflow):
    (found,) = yaml.safe_load(workflow.text)["jobs"].values()
    return found["steps"]


def health(url):
    with urlopen(f"{url}/health") as answer:
        return answer.status


@pytest.mark.parametrize(
    ("snippet", "check"),
    [
        (TESTS, ["check_jsonschema", "--builtin-schema", "vendor.github-workflows"]),
        (CONTRACT, ["check_jsonschema", "--builtin-schema", "vendor.github-workflows"]),
        (GITLAB, ["check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
        (PRE_COMMIT, ["pre_commit", "validate-config"]),
    ],
    ids=["tests", "contract", "gitlab", "hook"],
)
def test_a_file_on_the_page_matches_its_schema(snippet, check, tmp_path):
    (tmp_path / "shown.yml").write_text(snippet.text)

    checked = subprocess.run([sys.executable, "-m", *check, tmp_path / "shown.yml"], check=False, capture_output=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_command_of_the_action_contains_an_input():
    assert [step["name"] for step in STEPS.values() if "${{" in step["run"]] == []


def test_the_page_describes_every_input_and_output_of_the_action():
    page = (ROOT / "docs/ci.md").read_text()

    assert [name for name in ACTION["inputs"] if f"| `{name}` |" not in page] == []
    assert [name for name in ACTION["outputs"] if f"`{name}`" not in page] == []


def test_the_tags_on_the_page_are_the_version_of_the_kit():
    tags = re.findall(r"\bv(\d+\.\d+\.\d+)\b", (ROOT / "docs/ci.md").read_text())

    assert tags == [__version__] * 5


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.served
def test_the_workflow_with_the_mock_runs_the_tests_of_a_project(installed):
    (installed.folder / "test_search.py").write_text(PROJECT)

    assert installed.run_workflow(steps_of(TESTS)) == 0, installed.output
    # The last step prints the log.
    assert "POST /v1/rerank 200" in installed.output


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_workflow_with_the_contract_tests_writes_its_reports(installed):
    steps = steps_of(CONTRACT)
    with MockServer(Settings(api_keys=("the-secret",), models=("my-model",))) as mock:
        steps[0]["with"]["judge"] = mock.url
        status = installed.run_workflow(steps, MY_KEY="the-secret")

    assert (status, "::error" in installed.output) == (0, False), installed.output
    assert "keeps the contract" in installed.output
    assert "keeps the contract" in installed.summary.read_text()
    assert sorted(path.name for path in installed.folder.iterdir()) == ["contract.html", "contract.xml"]


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.served
def test_the_steps_after_the_mock_get_the_variables_of_clients(installed):
    installed.variables["TOGETHER_RERANK_MOCK_API_KEY"] = "my-key"

    assert installed.run_step("mock", flags="--model only") == 0

    url = installed.outputs["url"]
    assert health(url) == 200
    assert client_variables(url, "my-key").items() <= installed.variables.items()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_mock_that_cannot_start_fails_the_step_and_prints_the_reason(installed):
    assert installed.run_step("mock", flags="--latency soon") == 1

    assert "together-rerank-mock: Invalid value for '--latency'" in installed.output
    assert "TOGETHER_BASE_URL" not in installed.variables


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_failed_requirement_fails_the_step_with_an_annotation(installed):
    with MockServer(Settings(fault="usage-wrong-sum")) as mock:
        status = installed.run_step("judge", judge=mock.url, api_key="any-key", flags="--quick")

    assert status == 1
    assert "::error title=RR-USAGE-002 MUST" in installed.output
    assert "does not keep the contract" in installed.summary.read_text()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_key_is_in_no_argument_and_no_output(installed):
    with MockServer(Settings(api_keys=("the-secret",))) as mock:
        status = installed.run_step("judge", judge=mock.url, api_key="the-secret", flags="--quick")

    assert status == 0
    assert "the-secret" not in STEPS["judge"]["run"] + installed.output + installed.summary.read_text()


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_flags_are_only_words(installed, text):
    assert installed.run_step("mock", flags=text) == 1
    assert installed.run_step("judge", judge="http://127.0.0.1:1", flags=text) in (0, 2)

    assert list(installed.folder.iterdir()) == []


@pytest.mark.exhaustive
@pytest.mark.slow
def test_flags_are_no_patterns_of_file_names(installed):
    for name in ("a.py", "b.py"):
        (installed.folder / name).write_text("")

    for step, judge in (("mock", ""), ("judge", "http://127.0.0.1:1")):
        installed.run_step(step, judge=judge, flags="*.py")
        assert "unexpected extra argument (" in installed.output
        assert "b.py" not in installed.output


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_url_is_an_error(installed, text):
    assert installed.run_step("judge", judge=text) == 2

    assert list(installed.folder.iterdir()) == []


@pytest.fixture
def shells(tmp_path):
    (tmp_path / "work").mkdir()
    running = Shells(tmp_path / "work")
    yield running
    running.close()


def gitlab(name, *, extra="", **changes):
    """Return the commands and the variables of the job *name* on the page, together with the one that it extends."""
    shown = yaml.safe_load(GITLAB.text)[name]
    template = TEMPLATE[shown["extends"]]
    commands = [line for part in ("before_script", "script") for line in {**template, **shown}.get(part, ())]
    variables = {**template["variables"], **shown["variables"]}
    assert variables["RERANK_KIT"] == f"together-rerank-kit{extra}"
    commands = [line for line in commands if not line.startswith("pip install")]
    return commands, {**OFFLINE, **variables, "RERANK_KIT": f"{ROOT}{extra}", **changes}


# Without bash, GitLab runs the commands with sh.
SHELLS = {"bash": ["bash", "-eo", "pipefail", "-c"], "sh": ["sh", "-e", "-c"]}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.served
def test_the_gitlab_job_with_the_mock_runs_the_tests_of_a_project(shells):
    (shells.folder / "test_search.py").write_text(PROJECT)
    commands, variables = gitlab("test")

    ran = shells.run([*SHELLS["sh"], "\n".join(commands)], variables)

    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_gitlab_job_with_the_contract_tests_writes_its_reports(shells):
    with MockServer(Settings(api_keys=("the-secret",), models=("my-model",))) as mock:
        commands, variables = gitlab("contract", extra="[contract]", RERANK_URL=mock.url, RERANK_API_KEY="the-secret")
        ran = shells.run([*SHELLS["sh"], "\n".join(commands)], variables)

    assert ran.returncode == 0, ran.stdout
    artifacts = TEMPLATE[".rerank-contract"]["artifacts"]
    reports = [*artifacts["paths"], artifacts["reports"]["junit"]]
    assert sorted(path.name for path in shells.folder.iterdir()) == sorted(reports)
    assert "the-secret" not in "".join([ran.stdout, *((shells.folder / name).read_text() for name in reports)])


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_flags_of_a_gitlab_job_are_only_words(folder, shells, text):
    commands, variables = gitlab("contract", extra="[contract]", RERANK_URL="http://127.0.0.1:1", RERANK_FLAGS=text)
    first = next(index for index, line in enumerate(commands) if line.startswith("set -f"))

    ran = shells.run([*SHELLS["bash"], "\n".join(commands[first:])], {**variables, "kit": folder})

    assert ran.returncode in (0, 2)  # 0 for --help
    assert list(shells.folder.iterdir()) == []


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_mock_that_cannot_start_fails_the_gitlab_job_and_prints_the_reason(folder, shells, shell):
    commands, variables = gitlab("test", TOGETHER_RERANK_MOCK_LATENCY="soon")
    (shells.folder / "bin").symlink_to(f"{folder}/bin")
    first = next(index for index, line in enumerate(commands) if " serve " in line)

    ran = shells.run([*SHELLS[shell], "\n".join(commands[first:])], {**variables, "kit": str(shells.folder)})

    assert ran.returncode == 1
    assert "Invalid value for '--latency'" in ran.stdout


def test_the_hook_on_the_page_is_one_of_the_repository():
    (shown,) = yaml.safe_load(PRE_COMMIT.text)["repos"]

    assert [each["id"] for each in shown["hooks"]] == [each["id"] for each in HOOKS]


@pytest.mark.parametrize(
    ("path", "checked"),
    [("api/rerank.yaml", True), ("acme-rerank.v2.json", True), ("rerank/values.yaml", False), ("a.yaml", False)],
)
def test_without_files_the_hook_checks_names_with_rerank(path, checked):
    assert (re.search(HOOKS[0]["files"], path) is not None) is checked


@pytest.mark.exhaustive
@pytest.mark.slow
def test_pre_commit_installs_and_runs_the_hook(shells, tmp_path):
    right, wrong = vendored_text(), vendored_text().replace(b"operationId: rerank", b"operationId: rank")
    for name, content in (("rerank.yaml", right), ("rerank.json", wrong), ("other.yaml", wrong)):
        (shells.folder / name).write_bytes(content)
    own = {**OFFLINE, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "NO_COLOR": "1"}
    assert shells.run(["git", "init", "-q"], own).returncode == 0
    assert shells.run(["git", "add", "."], own).returncode == 0
    hook = [sys.executable, "-m", "pre_commit", "try-repo", ROOT, "rerank-document", "--verbose"]

    every = shells.run([*hook, "--all-files"], own)
    one = shells.run([*hook, "--files", "rerank.yaml"], own)

    assert every.returncode == 1
    assert "rerank.yaml: POST /v1/rerank\n" in every.stdout
    assert "together-rerank-mock: rerank.json: no operation to serve" in every.stdout
    assert "other.yaml" not in every.stdout
    assert one.returncode == 0, one.stdout


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.served
def test_the_tests_with_testcontainers_run(tmp_path):
    (name,) = write_project("docs/ci.md", tmp_path)
    # Ryuk is a container that removes those of dead processes.
    own = {"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_CONNECTION_MODE": "docker_host"}

    with docker_daemon.daemon() as daemon:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *ALONE, name],
            cwd=tmp_path,
            env=environment(DOCKER_HOST=daemon.url, **own),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
    assert daemon.created["Image"] == "together-rerank-mock"
    assert list(daemon.created["ExposedPorts"]) == ["4010/tcp"]
    assert daemon.removed
