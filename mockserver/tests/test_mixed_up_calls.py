"""Faults that need an earlier or a concurrent call of the same namespace."""

import pytest

from endpoint_calls import KEY, Pauses, body, endpoint_of, send

START = "In the large library of the old town, next to the bakery, there is "


def ask(endpoint, name, query, documents=("a llama", "a panda"), key="key"):
    headers = {**KEY, "Authorization": f"Bearer {key}", "Prefer": f"fault={name}"}
    reply, answer = send(body(query=query, documents=documents), endpoint, headers)
    return [each["index"] for each in answer["results"]], "not-applied" not in reply.headers["x-mock-reply"]


def test_a_query_gets_the_scores_of_the_call_before_if_it_begins_like_it():
    endpoint = endpoint_of()

    assert ask(endpoint, "cache-collision", f"{START}llama") == ([0, 1], False)
    assert ask(endpoint, "cache-collision", f"{START}panda") == ([0, 1], True)


@pytest.mark.parametrize(
    "other",
    [
        {"query": f"A {START}panda"},
        {"documents": ("a llama", "the panda")},
        {"key": "test-other"},
    ],
)
def test_a_call_with_another_beginning_other_documents_or_another_key_has_its_own_scores(other):
    endpoint = endpoint_of()
    ask(endpoint, "cache-collision", f"{START}llama")

    assert ask(endpoint, "cache-collision", **{"query": f"{START}panda", **other}) == ([1, 0], False)


def test_a_reset_forgets_the_call_before():
    endpoint = endpoint_of()
    ask(endpoint, "cache-collision", f"{START}llama")
    endpoint.registry.reset("default")

    assert ask(endpoint, "cache-collision", f"{START}panda") == ([1, 0], False)


def test_a_call_alone_has_its_own_scores():
    endpoint = endpoint_of(limiter=Pauses(lambda _: None))

    assert ask(endpoint, "calls-mixed-up", "llama") == ([0, 1], False)
    assert ask(endpoint, "calls-mixed-up", "panda") == ([1, 0], False)


def test_of_concurrent_calls_all_but_the_last_have_the_scores_of_another():
    during = []

    def ask_another(seconds):
        if seconds == 0.02 and not during:
            during.append(())
            during.append(ask(endpoint, "calls-mixed-up", "panda", ("a llama", "a panda", "a zebra")))

    endpoint = endpoint_of(limiter=Pauses(ask_another))

    assert ask(endpoint, "calls-mixed-up", "llama") == ([1, 0], True)
    assert during[1] == ([1, 0, 2], False)
