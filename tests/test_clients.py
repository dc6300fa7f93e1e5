"""Unmodified clients get a correctly ranked answer from a running mock."""

import asyncio
import json
import subprocess
import sys

import httpx
import pytest

from foreign_clients import TOGETHER_1, TOGETHER_SDK, folder
from mock_process import environment, running, server  # noqa: F401  # a fixture

pytestmark = pytest.mark.served
QUERY = "What animals can I find near Peru?"
DOCUMENTS = ["The giant panda is a bear of China.", "The llama is an animal that lives near Peru.", "The sun."]
MODEL = "Salesforce/Llama-Rank-v1"


@pytest.fixture(scope="module")
def mock(server):
    with running("--api-key", "test-key", "--model", MODEL) as mock:
        yield mock


def check(results):
    assert [result.index for result in results] == [1, 0]
    assert results[0].relevance_score > results[1].relevance_score > 0


def test_together_3(mock):
    from together import Together

    with Together(base_url=mock.url, api_key="test-key", _strict_response_validation=True) as client:
        answer = client.rerank.create(model=MODEL, query=QUERY, documents=DOCUMENTS, top_n=2, return_documents=True)

    check(answer.results)
    assert answer.results[0].document.text == DOCUMENTS[1]
    assert answer.model == MODEL
    assert answer.object == "rerank"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0


def test_together_3_configured_by_the_environment(mock):
    program = (
        "from together import Together\n"
        f"answer = Together().rerank.create(model={MODEL!r}, query={QUERY!r}, documents={DOCUMENTS!r}, top_n=2)\n"
        "print([result.index for result in answer.results])"
    )

    assert output_of(sys.executable, program, TOGETHER_BASE_URL=mock.url, TOGETHER_API_KEY="test-key") == ["[1, 0]"]


def test_together_3_async(mock):
    from together import AsyncTogether

    async def ask():
        async with AsyncTogether(base_url=mock.url, api_key="test-key") as client:
            create = client.rerank.create
            return await asyncio.gather(
                *(create(model=MODEL, query=QUERY, documents=DOCUMENTS, top_n=2) for _ in range(20))
            )

    answers = asyncio.run(ask())

    for answer in answers:
        check(answer.results)
    assert len({answer.id for answer in answers}) == 20


def test_together_3_raises_its_own_errors(mock):
    import together

    with together.Together(base_url=mock.url, api_key="wrong", max_retries=0) as client:
        with pytest.raises(together.AuthenticationError, match="Invalid API key provided"):
            client.rerank.create(model=MODEL, query=QUERY, documents=DOCUMENTS)
        with pytest.raises(together.NotFoundError, match="Unable to access model other"):
            client.with_options(api_key="test-key").rerank.create(model="other", query=QUERY, documents=DOCUMENTS)
        with pytest.raises(together.BadRequestError, match="must have at least 1 item"):
            client.with_options(api_key="test-key").rerank.create(model=MODEL, query=QUERY, documents=[])


def test_together_3_with_v1_in_its_base_url_gets_a_helpful_404(mock):
    import together

    with (
        together.Together(base_url=f"{mock.url}/v1", api_key="test-key") as client,
        pytest.raises(together.NotFoundError, match="remove /v1 from its base URL"),
    ):
        client.rerank.create(model=MODEL, query=QUERY, documents=DOCUMENTS)


def test_the_rerank_tests_of_together_pass(server):
    with running() as any_key:
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-n",
                "0",
                "-q",
                "-pno:schemathesis",
                "tests/api_resources/test_rerank.py",
            ],
            cwd=folder(TOGETHER_SDK),
            env=environment(TEST_API_BASE_URL=any_key.url),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "20 passed" in ran.stdout.splitlines()[-1], ran.stdout + ran.stderr


ANSWER = [[1, {"text": DOCUMENTS[1]}], [0, {"text": DOCUMENTS[0]}]]


def test_together_1(mock):
    program = (
        "import json, together\nfrom importlib.metadata import version\n"
        "print(version('together'))\n"
        f"for url in ({mock.url!r}, {mock.url + '/v1'!r}):\n"
        "    client = together.Together(base_url=url, api_key='test-key')\n"
        f"    answer = client.rerank.create(model={MODEL!r}, query={QUERY!r}, documents={DOCUMENTS!r}, top_n=2, "
        "return_documents=True)\n"
        "    print(json.dumps([[result.index, result.document] for result in answer.results]))"
    )

    version, *answers = output_of(folder(TOGETHER_1) / "bin/python", program)

    assert version == "1.5.35"
    assert [json.loads(answer) for answer in answers] == [ANSWER, ANSWER]


def test_litellm(mock):
    program = (
        "import json, litellm\n"
        f"for url in ({mock.url!r}, {mock.url + '/v1'!r}):\n"
        f"    answer = litellm.rerank(model='together_ai/{MODEL}', query={QUERY!r}, documents={DOCUMENTS!r}, top_n=2, "
        "api_key='test-key', api_base=url)\n"
        "    print(json.dumps([[result['index'], result['document']] for result in answer.results]))"
    )

    answers = output_of(sys.executable, program, LITELLM_LOCAL_MODEL_COST_MAP="True")[-2:]

    assert [json.loads(answer) for answer in answers] == [ANSWER, ANSWER]


def output_of(python, program, **changes):
    """Run *program*; return the printed lines."""
    ran = subprocess.run(
        [python, "-c", program], env=environment(**changes), check=False, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_httpx(mock):
    body = {"model": MODEL, "query": QUERY, "documents": DOCUMENTS, "return_documents": False, "top_n": 2}

    with httpx.Client(base_url=mock.url, headers={"Authorization": "Bearer test-key"}) as client:
        answers = [client.post("/v1/rerank", json=body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [(result["index"], result["document"]) for result in answers[0].json()["results"]] == [(1, {}), (0, {})]
    assert len({answer.json()["id"] for answer in answers}) == 3
