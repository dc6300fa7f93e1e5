"""The contract tests find exactly the known deviations of third-party servers. Run by `make contract-real`."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import together_rerank_fixtures as fixtures
import together_rerank_spec as spec
from commanding import contract
from mock_process import environment, running
from snippets import ROOT

# Set by `make contract-real`.
PYTHON = Path(os.environ["RERANK_KIT_STRANGERS"], "bin/python")
INFINITY_PYTHON = Path(os.environ["RERANK_KIT_INFINITY"], "bin/python")
PRISM = Path(os.environ["RERANK_KIT_PEERS"], "node_modules/.bin/prism")
KEY = "sk-a-key-of-the-strangers-4711"
REPORTS = ROOT / "docs/reports"
DRAFTS = ROOT / "build/reports"
# The APIs behind LiteLLM's proxy: the provider, and the path of the mock.
UPSTREAMS = {
    "together": ("together_ai", "/v1"),
    "cohere": ("cohere", "/cohere"),
    "voyage": ("voyage", "/voyage"),
    "tei": ("huggingface", "/tei"),
    "nim": ("nvidia_nim/ranking", "/nim"),
    "infinity": ("infinity", "/infinity"),
    "vllm": ("hosted_vllm", "/vllm"),
}
# Requirements that a model of random weights fails, and not the server.
OF_THE_MODEL = {"RR-RELATION-006", "RR-RELATION-007", "RR-QUERY-001", "RR-QUERY-002", "RR-QUERY-003"}
# The page of all servers has only the beginning of each message.
_MESSAGES, _MAX_KEPT = ("request", "response"), 500
# Patterns of text that differs between machines and runs, and their replacements.
_VOLATILE = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8080"),
    (re.compile(r"-?\d+\.\d{4,}(e-?\d+)?"), lambda score: f"{float(score[0]):.1f}"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "00000000-0000-0000-0000-000000000000"),
    (re.compile(r"[A-Za-z0-9]{7}-[A-Za-z0-9]{6}-[0-9a-f]{16}"), "0000000-000000-0000000000000000"),
    (re.compile(r'"created":\d+'), '"created":0'),
    (re.compile(r"\d+ requests, \d+ tokens, [\d.]+ s"), "about 60 requests"),
    (re.compile(r"Traceback \(most recent call last\).*?\(\d+ in all\)"), "Traceback (most recent call last) ..."),
    (re.compile(re.escape(str(Path.home()))), "~"),
)


@contextmanager
def started(command, port, log, **changes):
    """Start a server, wait until it responds, and stop it after the test."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment(**changes), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while not is_ready(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("llama.cpp"), free_port()
    command = [PYTHON, Path(__file__).with_name("llama_cpp.py"), folder, str(port), KEY]
    with started(command, port, folder / "log") as url:
        yield url


@pytest.fixture(scope="module")
def litellm_proxy(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("litellm"), free_port()
    with running("-q", "--api-key", "key", "--model", "rank") as mock:
        models = {
            name: {"model": f"{provider}/rank", "api_base": f"{mock.url}{path}", "api_key": "key"}
            for name, (provider, path) in UPSTREAMS.items()
        }
        config = {
            "model_list": [
                {"model_name": name, "litellm_params": parameters}
                for name, parameters in {**models, "rank": models["together"]}.items()
            ],
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"num_retries": 0},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        serve = ["--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        command = [PYTHON.with_name("litellm"), *serve]
        with started(command, port, folder / "log", LITELLM_LOCAL_MODEL_COST_MAP="True") as url:
            yield url


@pytest.fixture(scope="module")
def infinity(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("infinity"), free_port()
    command = [INFINITY_PYTHON, Path(__file__).with_name("infinity.py"), folder, str(port), KEY]
    # More threads than one compete with the command for the processor.
    settings = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    with started(command, port, folder / "log", **settings) as url:
        yield url


@pytest.fixture(scope="module")
def prism(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("prism"), free_port()
    (folder / "openapi.json").write_text(json.dumps(spec.load().content))
    command = [PRISM, "mock", "--host", "127.0.0.1", "--port", str(port), folder / "openapi.json"]
    with started(command, port, folder / "log") as url:
        yield url


def judged(url, tmp_path, name, *options):
    """Run the contract tests; return the JSON report and the Markdown report; keep the JSON as *name*."""
    forms = ("--json", tmp_path / "report.json", "--markdown", tmp_path / "report.md")
    ran = contract(url, "--model", "rank", "--api-key-env", "KEY", *options, *forms, KEY=KEY)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert KEY not in ran.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    if name:
        DRAFTS.mkdir(parents=True, exist_ok=True)
        cut = [
            {key: each[key][:_MAX_KEPT] if key in _MESSAGES else each[key] for key in each}
            for each in report["exchanges"]
        ]
        (DRAFTS / f"{name}.json").write_text(stable(json.dumps({**report, "exchanges": cut})))
    return report, (tmp_path / "report.md").read_text()


def stable(text):
    """Return *text* without what differs between machines and runs."""
    for pattern, shown in _VOLATILE:
        text = pattern.sub(shown, text)
    return text


def drifted(url, folder):
    """Run `record` into *folder* and then `drift`; return the output of `drift` without the counts of requests."""
    given = (url, "--model", "rank", "--api-key-env", "KEY")
    recorded = contract("record", *given, "--out", folder, KEY=KEY)
    ran = contract("drift", *given, KEY=KEY)
    assert (recorded.returncode, ran.returncode, recorded.stderr + ran.stderr) == (0, 1, "")
    assert KEY not in recorded.stdout + ran.stdout
    assert all(KEY.encode() not in path.read_bytes() for path in folder.rglob("*.json"))
    return re.sub(r"^\.+\n\n|, \d+ exchanges compared.*", "", ran.stdout, flags=re.MULTILINE)


def failed(report):
    return {row["id"] for row in report["requirements"] if row["state"] == "failed"}


def assert_page_is_current(name, markdown):
    """Assert that *markdown* equals the page *name* in docs/reports, except for text that varies."""
    markdown = stable(markdown)
    DRAFTS.mkdir(parents=True, exist_ok=True)
    (DRAFTS / name).write_text(markdown)
    assert markdown == (REPORTS / name).read_text(), f"if that is so: cp build/reports/{name} docs/reports/"


def shown_statuses(report):
    """Run every curl command of the report; yield the reported and the actual status."""
    findings = [row["finding"] for row in report["requirements"] if row["finding"]]
    for finding in findings:
        ran = subprocess.run(
            ["bash", "-c", finding["curl"]], env={**os.environ, "KEY": KEY}, check=True, capture_output=True, timeout=60
        )
        yield finding["status"], int(ran.stdout.split()[1])


def test_llama_cpp_fails_exactly_the_known_requirements(llama_cpp, tmp_path):
    report, markdown = judged(llama_cpp, tmp_path, "llama-cpp", "--level", "info", "--dialect", "jina")

    assert report["dialect"] == {
        "name": "jina",
        "closest": "jina",
        "deviations": ["a field `usage.prompt_tokens`"],
    }
    assert failed(report) - OF_THE_MODEL == {
        "RR-DOCUMENT-001",  # never returns texts
        "RR-SCORE-002",  # logits
        "RR-REQUEST-001",  # strings only
        "RR-ERROR-001",  # errors in OpenAI's form
        "RR-ERROR-003",  # accepts any model
        *("RR-ERROR-005", "RR-ERROR-007", "RR-ERROR-008"),  # 500 for a negative `top_n`; other values are accepted
    }
    assert_page_is_current("llama-cpp.md", markdown)
    assert all(reported == actual for reported, actual in shown_statuses(report))


def test_llama_cpp_has_exactly_the_known_drift(llama_cpp, tmp_path):
    shown = drifted(llama_cpp, tmp_path / "kept")
    saved = {each.name: each for each in fixtures.read(tmp_path / "kept")}

    assert saved["success/strings"].response.body["object"] == "list"
    assert saved["success/objects"].response.status == 400
    assert saved["bad_request/top_n_negative"].response.status == 500
    assert {each.at for each in saved["success/one_document"].deviations} >= {"/response/body/object"}
    assert_page_is_current("llama-cpp-drift.txt", shown)


def test_schemathesis_finds_the_known_errors_of_llama_cpp(llama_cpp, tmp_path):
    report, _ = judged(llama_cpp, tmp_path, "", "--fuzz", "-k", "RR-FUZZ", "--max-requests", "700")

    rows = {row["id"]: row["finding"] for row in report["requirements"] if row["state"] == "failed"}
    broken = {"RR-FUZZ-010", *(f"RR-FUZZ-00{number}" for number in (1, 2, 4, 5, 6, 7))}
    assert set(rows) == broken
    assert "vector::_M_default_append" in rows["RR-FUZZ-001"]["received"]  # negative or too large top_n
    assert "model" in rows["RR-FUZZ-005"]["received"]  # missing
    assert "non-empty string array" in rows["RR-FUZZ-006"]["received"]


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_the_litellm_proxy_fails_exactly_the_known_requirements(litellm_proxy, tmp_path, upstream):
    name = f"litellm-proxy-{upstream}"
    options = ("--level", "should", "--dialect", "cohere", "--model", upstream)
    report, markdown = judged(litellm_proxy, tmp_path, name, *options)

    assert report["dialect"]["name"] == "cohere"
    # Errors have OpenAI's form, and without a database a wrong key gets another error.
    assert failed(report) >= {"RR-ERROR-001", "RR-ERROR-005", "RR-AUTH-001", "RR-AUTH-002"}
    assert_page_is_current(f"{name}.md", markdown)
    assert all(reported == actual for reported, actual in shown_statuses(report))


def test_the_litellm_proxy_has_exactly_the_known_drift(litellm_proxy, tmp_path):
    shown = drifted(litellm_proxy, tmp_path / "kept")
    saved = {each.name: each for each in fixtures.read(tmp_path / "kept")}

    assert "meta" in saved["success/strings"].response.body
    assert saved["not_found/path"].response.status == 200  # Cohere's API v2
    assert_page_is_current("litellm-proxy-drift.txt", shown)


def test_infinity_fails_exactly_the_known_requirements(infinity, tmp_path):
    report, markdown = judged(f"{infinity}/v1", tmp_path, "infinity", "--level", "info", "--dialect", "infinity")

    assert report["dialect"] == {"name": "infinity", "closest": "infinity", "deviations": []}
    assert failed(report) - OF_THE_MODEL - {"RR-SCORE-006", "RR-DOCUMENT-007"} == {
        *("RR-DOCUMENT-001", "RR-DOCUMENT-005"),  # trims texts
        "RR-ERROR-003",  # accepts any model
        "RR-AUTH-003",  # checks the body before the key
    }
    assert_page_is_current("infinity.md", markdown)
    assert all(reported == actual for reported, actual in shown_statuses(report))


def test_infinity_has_exactly_the_known_drift(infinity, tmp_path):
    shown = drifted(infinity, tmp_path / "kept")
    saved = {each.name: each for each in fixtures.read(tmp_path / "kept")}

    assert saved["bad_request/top_n_zero"].response.status == 422
    assert saved["success/objects"].response.status == 422
    assert_page_is_current("infinity-drift.txt", shown)


def test_prism_fails_exactly_the_known_requirements(prism, tmp_path):
    report, markdown = judged(prism, tmp_path, "prism", "--level", "info")

    assert report["dialect"]["deviations"] == []
    assert_page_is_current("prism.md", markdown)
    assert all(reported == actual for reported, actual in shown_statuses(report))


def test_prism_has_exactly_the_known_drift(prism, tmp_path):
    shown = drifted(prism, tmp_path / "kept")
    saved = {each.name: each for each in fixtures.read(tmp_path / "kept")}

    # Prism returns the example of the document, whatever the request.
    example = spec.load().example({"$ref": "#/components/schemas/RerankResponse"})
    assert saved["success/strings"].response.body == example
    assert_page_is_current("prism-drift.txt", shown)


def test_the_page_of_all_servers_is_current():
    page = DRAFTS / "servers.html"
    reports = sorted(DRAFTS.glob("*.json"))
    ran = contract("matrix", *reports, "--html", page)

    assert (ran.returncode, len(reports)) == (1, len(UPSTREAMS) + 3)
    without_dates = [re.sub(r"\d{4}-\d\d-\d\d", "", each.read_text()) for each in (page, REPORTS / page.name)]
    cells = [re.findall(r"<t[hd][^>]*>.*?</t[hd]>", each, re.DOTALL) for each in without_dates]
    assert cells[0] == cells[1], f"if that is so: cp build/reports/{page.name} docs/reports/"
