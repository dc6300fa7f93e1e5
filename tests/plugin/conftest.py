"""A project of somebody else, in which the plugin is at work."""

import json
import os

import pytest

HOSTILE = ("spec", "fixtures", "mockserver", "contract_tests")
# What the tests of the project use: a client of the standard library, so that they need nothing but pytest.
CLIENT = '''
import json
import os
import urllib.error
import urllib.request

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}


def post(body=None, *, timeout=20, path="/v1/rerank", **headers):
    """Return status and body."""
    content = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
    key = {"Authorization": "Bearer " + os.environ["TOGETHER_API_KEY"], "Content-Type": "application/json"}
    url = os.environ["TOGETHER_BASE_URL"] + path
    asked = urllib.request.Request(url, content, {**key, **headers}, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def order(body=None):
    """Return the indexes of the answer."""
    status, answer = post(body)
    assert status == 200, answer
    return [result["index"] for result in answer["results"]]
'''


class Project:
    """Files, and pytest run on them as another process."""

    def __init__(self, pytester):
        self.pytester = pytester
        for name in HOSTILE:
            folder = pytester.mkpydir(name)
            folder.joinpath("__init__.py").write_text("raise RuntimeError('a folder of the project was imported')\n")
        pytester.makepyfile(client=CLIENT)

    def run(self, tests, *options, conftest="", ini="", **files):
        """Run the test functions in *tests*."""
        others = os.environ.get("RERANK_PLUGIN_OPTIONS", "-p no:schemathesis -p no:asyncio")
        self.pytester.makeini(f"[pytest]\nfilterwarnings = error\npythonpath = .\naddopts = {others}\n{ini}")
        if conftest:
            self.pytester.makeconftest(f"import pytest\n\n{conftest}")
        head = "import os\nimport pytest\nfrom client import BODY, order, post\n\n"
        self.pytester.makepyfile(test_it=head + tests, **files)
        return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=120)


@pytest.fixture
def project(pytester, monkeypatch):
    for name in ("TOGETHER_API_KEY", "TOGETHER_BASE_URL", "TOGETHER_AI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    return Project(pytester)


@pytest.fixture
def passes(project):
    """Run tests of which every one must pass."""

    def run(tests, *options, **others):
        ran = project.run(tests, *options, **others)
        outcomes = ran.parseoutcomes()
        assert list(outcomes) == ["passed"], json.dumps(outcomes)
        return ran

    return run
