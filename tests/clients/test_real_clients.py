"""Unmodified clients of each rerank API work with the mock, as docs/clients.md says. Run by `make clients-real`."""

import pytest

from clients_page import page
from observation import RETRY_AFTER_S, WRONG_200, observe
from real_clients import CLIENTS, DOCUMENTS, ORDER
from snippets import ROOT

DRAFT = ROOT / "build/clients.md"
PAGE = ROOT / "docs/clients.md"
# The clients that send a request again after a 429; all others make one attempt by default.
RETRYING = {
    "together",
    "together-1",
    "together-ai",
    "ai-sdk-togetherai",
    "cohere-v1",
    "cohere-v2",
    "cohere-5-v1",
    "cohere-5-v2",
    "cohere-ai-v1",
    "cohere-ai-v2",
    "ai-sdk-cohere",
    "langchain-cohere-npm",
    "langchain-cohere",
    "llama-index-cohere",
    "cohere-haystack",
}
every_client = pytest.mark.parametrize("client", CLIENTS, ids=[client.id for client in CLIENTS])


@pytest.fixture(scope="session")
def observed():
    return observe()


@every_client
def test_a_client_gets_all_documents_in_the_right_order(client, observed):
    call = observed.calls[client.id, "all"]

    assert call.error is None, call.message
    assert call.order == ORDER
    assert call.scores == sorted(call.scores, reverse=True)
    assert call.scores[0] > call.scores[-1]
    assert call.texts in ([DOCUMENTS[index] for index in ORDER], [None] * len(ORDER))
    assert [each["path"] for each in call.requests] == [client.path]


@every_client
def test_a_client_gets_as_many_documents_as_it_can_ask_for(client, observed):
    call = observed.calls[client.id, "two"]

    assert call.order == ORDER[: client.returns]


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.variables], ids=lambda client: client.id)
def test_a_client_reads_its_environment_variables(client, observed):
    call = observed.configured[client.id]

    assert call.error is None, call.message
    assert call.order == ORDER
    assert call.requests


@every_client
def test_a_client_that_retries_waits_for_retry_after(client, observed):
    call = observed.calls[client.id, "429"]

    assert call.requests[0]["status"] == 429
    if client.id in RETRYING:
        (wait,) = call.waits
        assert wait >= RETRY_AFTER_S
        assert call.order == ORDER
    else:
        assert call.waits == []
        assert call.error


@every_client
def test_the_model_of_a_client_requests_a_fault(client, observed):
    call = observed.calls[client.id, "model"]

    if client.path == "/tei/rerank":  # TEI has no models
        assert call.order == ORDER
    else:
        assert call.error
        (request,) = call.requests
        assert request["reply"].startswith("forced; fault=400; by=model")


@every_client
@pytest.mark.parametrize("fault", WRONG_200)
def test_a_wrong_200_reaches_a_client(client, fault, observed):
    (request,) = observed.calls[client.id, fault].requests

    assert request["status"] == 200
    assert request["reply"].startswith(f"forced; fault={fault}; by=queue")


def test_the_page_is_current(observed):
    DRAFT.parent.mkdir(exist_ok=True)
    DRAFT.write_text(page(observed))

    assert DRAFT.read_text() == PAGE.read_text(), "if that is so: cp build/clients.md docs/clients.md"


def test_every_client_is_named_once():
    assert len({client.id for client in CLIENTS}) == len(CLIENTS)
