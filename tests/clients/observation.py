"""Run all real clients against the mock, and observe what they make of its answers."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from pathlib import Path

import pytest

from mock_process import running
from real_clients import CLIENTS, DOCUMENTS, MODEL, QUERY, filled

# The variables with the environments of the clients; `make clients-real` sets them.
_VARIABLES = {
    "clients": "RERANK_KIT_CLIENTS",
    "cohere-5": "RERANK_KIT_COHERE_5",
    "together-1": "RERANK_KIT_TOGETHER_1",
    "npm": "RERANK_KIT_NPM_CLIENTS",
}
# Longer than the clients' own backoff of up to two seconds.
RETRY_AFTER_S = 3
WRONG_200 = ("index-out-of-range", "score-string", "results-missing")
_ALL = len(DOCUMENTS)
# The name of each call, with its queued fault, its `top_n` and its model.
_CALLS = {
    "all": (None, _ALL, MODEL),
    "two": (None, 2, MODEL),
    "model": (None, _ALL, "mock/400"),
    "429": ({"fault": "429", "retry_after": RETRY_AFTER_S}, _ALL, MODEL),
    **{fault: ({"fault": fault}, _ALL, MODEL) for fault in WRONG_200},
}
_FOLDER = Path(__file__).parent
_VERSIONS = (
    "import importlib.metadata, json, sys; print(json.dumps([importlib.metadata.version(n) for n in sys.argv[1:]]))"
)
# The rows of an answer, or null if it has no results.
_RESULTS = {
    "python": 'None if getattr(answer, "results", ()) is None else {rows}',
    "npm": "(Array.isArray(answer) ? answer : (answer.results ?? answer.ranking)) == null ? null : {rows}",
}
# No client may reach the internet; without these variables some of them download lists or send telemetry.
_OFFLINE = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
}


@dataclass(frozen=True)
class Call:
    """One call: the rows or the error that the client gave, and the requests in the journal of the mock."""

    requests: list
    rows: list | None = None
    error: str | None = None
    message: str = ""

    @property
    def order(self):
        """The indices of the results."""
        return [DOCUMENTS.index(text) if index is None else index for index, _, text in self.rows]

    @property
    def scores(self):
        return [score for _, score, _ in self.rows]

    @property
    def texts(self):
        return [text for _, _, text in self.rows]

    @property
    def waits(self):
        """The seconds between the attempts."""
        began = [datetime.fromisoformat(each["time"]).timestamp() for each in self.requests]
        return [later - earlier for earlier, later in pairwise(began)]


@dataclass(frozen=True)
class Observed:
    """What was observed.

    Attributes:
        calls: by the id of the client and the name of the call.
        configured: by the id of the client, a call that is configured by environment variables only.
        versions: by the id of the client.
    """

    calls: dict
    configured: dict
    versions: dict


def folder(environment):
    """Return the folder of an environment; fail the test if there is none."""
    path = os.environ.get(_VARIABLES[environment], "")
    if not (path and Path(path).is_dir()):
        pytest.fail(f"not set up: run make clients-real, which sets {_VARIABLES[environment]}")
    return Path(path)


def python(environment):
    return sys.executable if environment == "kit" else folder(environment) / "bin/python"


def run(environment, jobs, **variables):
    """Run jobs in an environment; return their outcomes."""
    with started(environment, **variables) as process:
        lines = "".join(json.dumps({"id": number, **job}) + "\n" for number, job in enumerate(jobs))
        output, _ = process.communicate(lines, 100)
    assert process.returncode == 0
    outcomes = {each.pop("id"): each for each in map(json.loads, output.splitlines())}
    return [outcomes[number] for number in range(len(jobs))]


@contextmanager
def started(environment, **variables):
    """Start the process that runs jobs in an environment; kill it at the end."""
    if environment == "npm":
        command = ["node", "--input-type=module", "--eval", (_FOLDER / "node_runner.mjs").read_text()]
        where = folder(environment)
    else:
        command, where = [python(environment), _FOLDER / "python_runner.py"], None
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    with tempfile.TemporaryDirectory() as home:
        given = {**kept, "HOME": home, **_OFFLINE, **variables}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=where, env=given) as process:
            try:
                yield process
            finally:
                process.kill()


def job(client, url, key, top_n, model=MODEL, where=None):
    line, call = client.code(url=url, key=key, model=model, where=where), filled(client.call, model=model)
    made, answer = (line, call) if call != "made" else ("0", line)
    return {
        "imports": client.imports,
        "made": made,
        "answer": answer,
        "rows": client.rows,
        "names": {"query": QUERY, "documents": DOCUMENTS, "top_n": top_n},
    }


def admin(url, path, data=None):
    content = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(f"{url}/__admin/{path}", content, timeout=20) as response:
        return json.load(response)


def by_environment(clients):
    """Return the clients in groups, which run in one process each."""
    groups = defaultdict(list)
    for client in clients:
        # The packages of one environment run in processes of their own, because each takes long to import.
        groups[client.environment, "npm" if client.environment == "npm" else client.package].append(client)
    return list(groups.values())


def observe():
    """Call the mock with each client and each fault."""
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        urls = {flags: stack.enter_context(running("-q", *flags)).url for flags in {each.flags for each in CLIENTS}}
        groups = by_environment(CLIENTS)
        calls = pool.map(lambda group: _calls(group, urls), groups)
        configured = pool.map(lambda group: _configured(group, urls), groups)
        versions = pool.map(versions_of, groups)
        return Observed(*(dict(chain(*found)) for found in (calls, configured, versions)))


def _calls(clients, urls):
    """Run all calls of some clients in one process."""
    planned = [(client, name, urls[client.flags]) for client in clients for name in _CALLS]
    jobs = []
    for client, name, url in planned:
        fault, top_n, model = _CALLS[name]
        if fault:
            admin(url, f"faults?namespace={_key(client, name)}", fault)
        jobs.append(_row_job(client, url, _key(client, name), top_n, model))
    outcomes = run(clients[0].environment, jobs)
    return [
        ((client.id, name), Call(admin(url, f"requests?namespace={_key(client, name)}")["requests"], **outcome))
        for (client, name, url), outcome in zip(planned, outcomes, strict=True)
    ]


def _configured(clients, urls):
    """Run the clients that read environment variables, with all their variables and without arguments."""
    clients = [client for client in clients if client.variables]
    if not clients:
        return []
    key = "test-variables"
    variables, jobs = {}, []
    for client in clients:
        for name, template in client.variables.items():
            value = filled(template, urls[client.flags], key)
            assert variables.setdefault(name, value) == value, f"two values for {name}"
        jobs.append(_row_job(client, "", "", _ALL, where=""))
    outcomes = run(clients[0].environment, jobs, **variables)
    found = []
    for client, outcome in zip(clients, outcomes, strict=True):
        path = client.path_by_variables or client.path
        requests = admin(urls[client.flags], f"requests?namespace={key}&path={path}")["requests"]
        found.append((client.id, Call(requests, **outcome)))
    return found


def _row_job(client, *arguments, **more):
    """Return a job whose rows are null if the answer has no results."""
    planned, results = job(client, *arguments, **more), _RESULTS["npm" if client.environment == "npm" else "python"]
    return {**planned, "rows": results.format(rows=planned["rows"])}


def _key(client, name):
    return f"test-{client.id}-{name}"


def versions_of(clients):
    packages = [client.package for client in clients]
    environment = clients[0].environment
    if environment == "npm":
        manifests = [folder(environment) / "node_modules" / package / "package.json" for package in packages]
        found = [json.loads(manifest.read_text())["version"] for manifest in manifests]
    else:
        command = [python(environment), "-c", _VERSIONS, *packages]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    return [(client.id, version) for client, version in zip(clients, found, strict=True)]
